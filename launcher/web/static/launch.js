// Follows a launch: shows the page's parts again as it changes, and opens what it leads to.

import { Launcher } from "./launcher.js";
import { localize } from "./times.js";

const page = document.getElementById("launch");
const lost = page.querySelector("[data-lost]");
const headers = { "X-XSRFToken": page.dataset.xsrf };
const launcher = new Launcher(page.dataset.launcher, { xsrf: page.dataset.xsrf });
const SECOND = 1000;
const MISCLICK = 600;
const ENDED = ["done", "failed", "cancelled"];
// the session has ended, or the launch is not stored any more: the page itself can say it
const NOT_OURS = [401, 403, 404];

let watched = page.dataset.new === "yes";
if (watched) history.replaceState(null, "", location.pathname);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const ended = () => ENDED.includes(page.dataset.state);

/** Get the page again, and replace the parts that are different. */
async function refresh() {
  const signal = AbortSignal.timeout(30 * SECOND);
  const answer = await fetch(location.pathname, { headers, redirect: "error", signal });
  if (NOT_OURS.includes(answer.status)) {
    location.reload();
    await pause(60 * SECOND);
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const now = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = now.getElementById("launch");
  localize(next);
  for (const part of next.querySelectorAll("[data-part]")) {
    const shown = page.querySelector(`[data-part=${part.dataset.part}]`);
    if (shown.innerHTML !== part.innerHTML) replace(shown, part);
  }
  document.title = now.title;
  for (const name of ["state", "seq", "location"]) page.dataset[name] = next.dataset[name];
  lost.hidden = true;
}

function replace(shown, part) {
  const hadFocus = shown.contains(document.activeElement);
  shown.replaceChildren(...part.childNodes);
  if (hadFocus) page.querySelector("[data-focus]").focus({ preventScroll: true });
  // who is about to press Cancel must not press what is there now
  for (const button of shown.querySelectorAll("button")) {
    button.disabled = true;
    setTimeout(() => (button.disabled = false), MISCLICK);
  }
}

/** Refresh the page after each change, at most once a second, until the stream ends. */
async function follow() {
  const { launch, seq } = page.dataset;
  for await (const { id, name } of launcher.events(launch, seq)) {
    // a refresh shows all changes until then
    if (name === "queue" || name === "end" || Number(id) > Number(page.dataset.seq)) {
      await refresh();
      if (ended()) return;
      await pause(SECOND);
    }
  }
}

/** Open what the launch leads to, once somebody looks at this page. */
function goOn() {
  if (document.visibilityState === "visible") {
    location.replace(page.dataset.location);
  } else {
    document.addEventListener("visibilitychange", goOn, { once: true });
  }
}

for (let pollUntil = 0; !ended(); ) {
  watched = true;
  try {
    if (Date.now() > pollUntil) await follow();
  } catch (error) {
    // 429: too many streams are open
    if (error.status === 429) pollUntil = Date.now() + 10 * SECOND;
  }
  await refresh().catch(() => (lost.hidden = false));
  if (!ended()) await pause(2 * SECOND);
}
if (watched && page.dataset.state === "done") goOn();
