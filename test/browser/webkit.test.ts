import { webkitEngine } from "./engines/webkit.js";
import { describeScenarios } from "./scenarios.js";

describeScenarios(webkitEngine);
