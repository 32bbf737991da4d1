import { chromiumEngine } from "./engines/chromium.js";
import { describeScenarios } from "./scenarios.js";

describeScenarios(chromiumEngine);
