import { firefoxEngine } from "./engines/firefox.js";
import { describeIsolated } from "./isolated.js";

describeIsolated(firefoxEngine);
