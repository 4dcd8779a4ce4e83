// Keeps the report of a launch for all participants up to date.

import { keepUpToDate } from "./now.js";

keepUpToDate(document.getElementById("now"), `${location.pathname}/now`);
