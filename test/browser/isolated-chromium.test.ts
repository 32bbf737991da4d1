import { chromiumEngine } from "./engines/chromium.js";
import { describeIsolated } from "./isolated.js";

describeIsolated(chromiumEngine);
