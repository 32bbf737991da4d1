import { chromiumEngine } from "./engines/chromium.js";
import { describeDevtools } from "./scenarios/devtools.js";

describeDevtools(chromiumEngine);
