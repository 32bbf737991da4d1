import { firefoxEngine } from "./engines/firefox.js";
import { describeTwentyTabs } from "./scenarios/twenty-tabs.js";

describeTwentyTabs(firefoxEngine);
