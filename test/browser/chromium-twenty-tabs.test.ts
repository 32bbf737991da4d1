import { chromiumEngine } from "./engines/chromium.js";
import { describeTwentyTabs } from "./scenarios/twenty-tabs.js";

describeTwentyTabs(chromiumEngine);
