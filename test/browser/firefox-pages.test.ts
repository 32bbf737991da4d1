import { firefoxEngine } from "./engines/firefox.js";
import { describePages } from "./scenarios/pages.js";

describePages(firefoxEngine);
