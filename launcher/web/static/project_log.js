// Adds the lines of a log as they come, while somebody looks at the page, and shows the server's state.

import { keepUpToDate } from "./now.js";

const SECONDS = 2;
const MOST_LINES = 5000;
const log = document.getElementById("log");
const empty = document.getElementById("empty");
const older = document.getElementById("older");
const said = document.querySelector("[data-said]");

/** Whether the end of the log is in view; then it stays there. */
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
const toEnd = () => { log.scrollTop = log.scrollHeight; };

/** The lines after those that are shown; remembers where they end. */
async function next() {
  const query = new URLSearchParams({ max_lines: 1000 });
  if (log.dataset.next) query.set("after", log.dataset.next);
  const answer = await fetch(`${log.dataset.lines}?${query}`, {
    headers: { "X-XSRFToken": log.dataset.xsrf },
    redirect: "error",
    signal: AbortSignal.timeout(30_000),
  });
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const link = /<([^>]+)>; rel="next"/.exec(answer.headers.get("Link") ?? "");
  log.dataset.next = link ? new URL(link[1], location).searchParams.get("after") : "";
  return answer.json();
}

function show(lines) {
  if (!lines.length) return;
  const stays = !atEnd();
  log.hidden = false;
  empty.hidden = true;
  const shown = [...log.textContent.split("\n").slice(0, -1), ...lines].slice(-MOST_LINES);
  log.textContent = shown.map((line) => `${line}\n`).join("");
  older.textContent = `The last ${shown.length} lines.`;
  if (shown.length === MOST_LINES) older.hidden = false;
  if (!stays) toEnd();
}

async function refresh() {
  if (document.visibilityState !== "visible") return;
  // without a position there are no lines yet
  const isNew = !log.dataset.next;
  const lines = await next();
  if (isNew) log.textContent = "";
  show(lines);
}

async function follow() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000));
    try {
      await refresh();
      said.hidden = true;
    } catch {
      said.textContent = "Connection lost; trying again.";
      said.hidden = false;
    }
  }
}

keepUpToDate(document.getElementById("now"), location.pathname);
toEnd();
follow();
