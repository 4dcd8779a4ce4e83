// Offers the branches and tags of the repository, and keeps the servers up to date.

import { keepUpToDate } from "./now.js";

const PAUSE = 400;
const form = document.querySelector("form[data-project]");
const now = document.getElementById("now");

const repository = form?.elements["/repository"];
const reference = form?.elements["/ref"];
const said = form?.querySelector("[data-says=references]");
const refused = form?.querySelector("[data-says=repository]");
const offered = document.getElementById("references");
let timer;
let asked = "";

/** Ask for the names that begin with what was typed, and offer them. */
async function complete() {
  const query = new URLSearchParams({
    repository: repository.value.trim(),
    prefix: reference.value.trim(),
  });
  if (asked === query.toString()) return;
  asked = query.toString();
  const mine = asked;
  if (!repository.value.trim()) return refuse("");
  const answer = await fetch(`projects/references?${query}`, {
    headers: { "X-XSRFToken": now.dataset.xsrf },
    redirect: "error",
  });
  const body = await answer.json();
  if (mine !== asked) return; // somebody typed on
  if (!answer.ok) {
    refuse(body.detail);
    return;
  }
  refused.replaceChildren();
  const names = [...body.branches, ...body.tags];
  offered.replaceChildren(...names.map((name) => new Option(name, name)));
  said.textContent = sentence(body, names.length);
}

/** Offer nothing, and say why. */
function refuse(detail) {
  offered.replaceChildren();
  said.textContent = "";
  refused.replaceChildren(...linked(detail));
}

/** A sentence whose words "access token" lead to the page of the tokens. */
function linked(detail) {
  const words = "access token";
  const [before, ...after] = detail.split(words);
  if (!after.length) return [before];
  const link = Object.assign(document.createElement("a"), { href: "projects/tokens" });
  link.textContent = words;
  return [before, link, after.join(words)];
}

function sentence(body, count) {
  if (!count) return reference.value ? "No branch or tag begins like this. A commit's sha is possible, too." : "";
  const found = [[body.branches, "branch", "branches"], [body.tags, "tag", "tags"]]
    .filter(([names]) => names.length)
    .map(([names, one, many]) => `${names.length} ${names.length === 1 ? one : many}`);
  const first = body.default ? `; the default branch is ${body.default}` : "";
  return `${found.join(" and ")} to choose from${body.more ? ", and more: type to find them" : ""}${first}.`;
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(() => complete().catch(() => {}), PAUSE);
}

if (form) {
  repository.addEventListener("change", soon);
  reference.addEventListener("input", soon);
  reference.addEventListener("focus", soon);
}
if (now) keepUpToDate(now, "projects/now");
