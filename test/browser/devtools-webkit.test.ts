import { webkitEngine } from "./engines/webkit.js";
import { describeDevtools } from "./scenarios/devtools.js";

describeDevtools(webkitEngine);
