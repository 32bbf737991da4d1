import { firefoxEngine } from "./engines/firefox.js";
import { describeScenarios } from "./scenarios.js";

describeScenarios(firefoxEngine);
