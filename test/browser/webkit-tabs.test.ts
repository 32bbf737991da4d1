import { webkitEngine } from "./engines/webkit.js";
import { describeTabs } from "./scenarios/tabs.js";

describeTabs(webkitEngine);
