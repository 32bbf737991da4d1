import { webkitEngine } from "./engines/webkit.js";
import { describePages } from "./scenarios/pages.js";

describePages(webkitEngine);
