import { firefoxEngine } from "./engines/firefox.js";
import { describeDevtools } from "./scenarios/devtools.js";

describeDevtools(firefoxEngine);
