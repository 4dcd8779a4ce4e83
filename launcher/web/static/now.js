// Keeps a part of a page up to date while something in it changes: <div id="now" data-busy="yes">.

import { localize } from "./times.js";

const SECONDS = 5;
const MINUTE = 60;
// what somebody may be about to press, or is filling in
const CONTROLS = "button, input, select, textarea";

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
    keepOpen(shown, part);
    if (shown.innerHTML === part.innerHTML) continue;
    const focused = shown.contains(document.activeElement) ? document.activeElement : null;
    if (focused?.matches(CONTROLS)) {
      busy = "yes"; // they keep it until the next time
    } else {
      const place = focused && focused !== shown && selector(focused);
      shown.replaceChildren(...part.childNodes);
      if (place) shown.querySelector(place)?.focus({ preventScroll: true });
    }
  }
  now.dataset.busy = busy;
}

/** Open in the new part what is open in the one that is shown, and close what is closed. */
function keepOpen(shown, part) {
  for (const details of part.querySelectorAll("details[id]")) {
    const same = shown.querySelector(`#${CSS.escape(details.id)}`);
    if (same) details.open = same.open;
  }
}

/** A selector of the same element in the new part; "" if it cannot be told from others. */
function selector(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const link = element.getAttribute("href");
  if (link) return `${element.localName}[href="${CSS.escape(link)}"]`;
  const parent = element.parentElement;
  return parent?.id ? `#${CSS.escape(parent.id)} > ${element.localName}` : "";
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
