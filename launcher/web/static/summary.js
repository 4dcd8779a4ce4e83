// Says on a summary that there are new saves; nobody loses the place where they are reading.

import { waitForUpdate } from "./poll.js";

const MILLISECONDS = 10_000;
const notice = document.getElementById("new");

/** Name those who saved since the page was made. */
async function watch({ filename, xsrf }) {
  const names = new Set();
  const wait = () => waitForUpdate({ type: "save-notebook", filename }, MILLISECONDS, { xsrf });
  for (let next = wait(); ; ) {
    names.add((await next).user);
    next = wait();
    const [first, ...others] = names;
    const more = others.length ? ` and ${others.length} more` : "";
    notice.querySelector("span").textContent = `Saved since: ${first}${more}.`;
    notice.firstElementChild.hidden = false;
  }
}

// a session that has ended is said when the page is opened again
if (notice) watch(notice.dataset).catch(() => {});
