import { webkitEngine } from "./engines/webkit.js";
import { describeSessions } from "./scenarios/sessions.js";

describeSessions(webkitEngine);
