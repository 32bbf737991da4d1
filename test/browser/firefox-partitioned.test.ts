import { firefoxEngine } from "./engines/firefox.js";
import { describePartitioned } from "./scenarios/partitioned.js";

describePartitioned(firefoxEngine);
