/** Node, Bun and Deno: a program that prints "done" and exits. */

import process from "node:process";
import { CubeTokenManager, customStorage, isCubeTokenError, withTokens } from "cube-token-manager";
import { scenario } from "./scenario.mjs";

const { URL_OF_SERVER: url, RUN: run } = process.env;
const library = { CubeTokenManager, customStorage, isCubeTokenError, withTokens };
console.log(`done ${JSON.stringify(await scenario(library, { url, run }))}`);
