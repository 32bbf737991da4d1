import { chromiumEngine } from "./engines/chromium.js";
import { describeFrames } from "./scenarios/frames.js";

describeFrames(chromiumEngine);
