import { chromiumEngine } from "./engines/chromium.js";
import { describeSessions } from "./scenarios/sessions.js";

describeSessions(chromiumEngine);
