import { webkitEngine } from "./engines/webkit.js";
import { describeFrames } from "./scenarios/frames.js";

describeFrames(webkitEngine);
