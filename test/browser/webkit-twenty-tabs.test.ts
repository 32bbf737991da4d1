import { webkitEngine } from "./engines/webkit.js";
import { describeTwentyTabs } from "./scenarios/twenty-tabs.js";

describeTwentyTabs(webkitEngine);
