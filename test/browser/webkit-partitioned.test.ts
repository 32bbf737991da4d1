import { webkitEngine } from "./engines/webkit.js";
import { describePartitioned } from "./scenarios/partitioned.js";

describePartitioned(webkitEngine);
