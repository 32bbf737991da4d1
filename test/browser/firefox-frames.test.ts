import { firefoxEngine } from "./engines/firefox.js";
import { describeFrames } from "./scenarios/frames.js";

describeFrames(firefoxEngine);
