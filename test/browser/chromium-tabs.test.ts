import { chromiumEngine } from "./engines/chromium.js";
import { describeTabs } from "./scenarios/tabs.js";

describeTabs(chromiumEngine);
