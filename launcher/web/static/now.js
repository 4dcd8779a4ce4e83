// Keeps a part of a page up to date while something in it changes: <div id="now" data-busy="yes">.

import { localize } from "./times.js";

const SECONDS = 5;
const MINUTE = 60;

/** Get the part again from an address, and replace the lists that are different. */
async function refresh(now, address) {
  const headers = { "X-XSRFToken": now.dataset.xsrf };
  const answer = await fetch(address, { headers, redirect: "error" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.getElementById("now");
  localize(next);
  let busy = next.dataset.busy;
  for (const part of next.querySelectorAll("[data-part]")) {
    const shown = now.querySelector(`[data-part=${part.dataset.part}]`);
    if (shown.innerHTML === part.innerHTML) continue;
    if (shown.contains(document.activeElement)) {
      busy = "yes"; // somebody who is about to press a button there keeps it until the next time
    } else {
      shown.replaceChildren(...part.childNodes);
    }
  }
  now.dataset.busy = busy;
}

/** Keep the part up to date with what is at an address. */
export function keepUpToDate(now, address) {
  const again = () => refresh(now, address).catch(() => {}); // the next time
  setInterval(() => {
    if (now.dataset.busy === "yes" && document.visibilityState === "visible") again();
  }, SECONDS * 1000);
  setInterval(() => localize(now), MINUTE * 1000);
  // something may have been launched in another tab
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") again();
  });
}
