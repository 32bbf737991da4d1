import { webkitEngine } from "./engines/webkit.js";
import { describeIsolated } from "./isolated.js";

describeIsolated(webkitEngine);
