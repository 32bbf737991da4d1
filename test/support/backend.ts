import type { CubeApi } from "@cubejs-client/core";
import { afterEach, expect } from "vitest";
import { createCubeApi } from "../../src/cube/index.js";
import { type Cube, caught, signer } from "./cube.js";

/** `Things.context` is what the data model sees as its security context. */
export const query = { measures: ["Things.count"], dimensions: ["Things.context"] };
export const running: { stop(): unknown }[] = [];

afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

export const row = async (api: CubeApi) =>
  (await api.load(query)).rawData()[0] as Record<string, string> | undefined;
export const count = async (api: CubeApi) => Number((await row(api))?.["Things.count"]);

/** Checks that Cube accepts this source's tokens; resolves to the manager and the data model's security context. */
export async function accepted(cube: Cube, make: () => Promise<string | null>) {
  const { tokens, requests } = signer(make);
  const answer = await row(createCubeApi(tokens, { apiUrl: cube.apiUrl }));
  expect(Number(answer?.["Things.count"])).toBe(2);
  expect(requests()).toBe(1);
  // The model compiler adds this mark.
  const { _objectWithResolvedProperties, ...context } = JSON.parse(answer!["Things.context"]!);
  return { tokens, context: context as Record<string, unknown> };
}

/** Checks that Cube refuses a query with this source's tokens, and the source is asked for one more. */
export async function refused(
  cube: Cube,
  make: () => Promise<string>,
  status = 403,
  message = "Invalid token",
) {
  const { tokens, requests } = signer(make);
  const api = createCubeApi(tokens, { apiUrl: cube.apiUrl });
  expect(await caught(api.load(query))).toMatchObject({ status, message });
  expect(requests()).toBe(2);
}
