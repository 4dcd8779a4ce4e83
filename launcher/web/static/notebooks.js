// Keeps the list of notebooks up to date.

import { keepUpToDate } from "./now.js";

keepUpToDate(document.getElementById("now"), "notebooks/now");
