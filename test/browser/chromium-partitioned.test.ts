import { chromiumEngine } from "./engines/chromium.js";
import { describePartitioned } from "./scenarios/partitioned.js";

describePartitioned(chromiumEngine);
