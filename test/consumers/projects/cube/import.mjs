import { createCubeApi } from "cube-token-manager/cube";

if (typeof createCubeApi !== "function") throw new Error("createCubeApi is not there.");
