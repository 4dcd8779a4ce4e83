// Searches while somebody types, and keeps servers and launches up to date while they change.

import { keepUpToDate } from "./now.js";

const field = document.getElementById("search");

/** Show the experiments whose name, title or description has all words. */
function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const card of document.getElementById("cards").children) {
    card.hidden = !words.every((word) => card.dataset.text.includes(word));
    found += card.hidden ? 0 : 1;
  }
  document.getElementById("none").hidden = found > 0;
}

if (field) {
  field.addEventListener("input", search);
}

keepUpToDate(document.getElementById("now"), `now${location.search}`);
