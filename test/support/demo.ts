import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export interface Demo {
  url: string;
  process: ChildProcess;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the demo like a user, on a free port. */
export async function startDemo(env: Record<string, string> = {}): Promise<Demo> {
  const child = spawn("node", ["scripts/demo.mjs"], {
    env: { ...process.env, PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk;
      const found = /http:\/\/localhost:\d+/.exec(output);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code) => reject(new Error(`The demo exited with code ${code}:\n${output}`)));
  });
  return {
    url,
    process: child,
    async stop(signal = "SIGINT") {
      if (child.exitCode !== null) return child.exitCode;
      child.kill(signal);
      const [code] = await once(child, "exit");
      return code;
    },
  };
}
