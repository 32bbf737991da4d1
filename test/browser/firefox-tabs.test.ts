import { firefoxEngine } from "./engines/firefox.js";
import { describeTabs } from "./scenarios/tabs.js";

describeTabs(firefoxEngine);
