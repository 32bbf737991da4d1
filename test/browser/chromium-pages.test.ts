import { chromiumEngine } from "./engines/chromium.js";
import { describePages } from "./scenarios/pages.js";

describePages(chromiumEngine);
