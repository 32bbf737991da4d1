import { firefoxEngine } from "./engines/firefox.js";
import { describeSessions } from "./scenarios/sessions.js";

describeSessions(firefoxEngine);
