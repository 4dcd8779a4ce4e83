// Shows the times of a page in the browser's time zone.

const LANGUAGE = document.documentElement.lang;
const TIME = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short" };
const DATE = { year: "numeric", month: "short", day: "numeric" };
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/** How long ago a moment was, in words. */
function ago(moment) {
  const seconds = Math.max(0, (Date.now() - moment) / 1000);
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? ["second", 1];
  if (unit === "second") return "just now";
  return relative.format(-Math.floor(seconds / length), unit);
}

/** Show the times in an element. */
export function localize(element) {
  for (const time of element.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.valueOf())) continue;
    const isOld = "ago" in time.dataset && new Date().toDateString() !== moment.toDateString();
    const text = "date" in time.dataset || isOld
      ? moment.toLocaleString(LANGUAGE, { ...DATE, ...TIME })
      : moment.toLocaleTimeString(LANGUAGE, { ...TIME, second: "2-digit" });
    time.textContent = "ago" in time.dataset ? `${text} (${ago(moment)})` : text;
    time.title = moment.toString();
  }
}

localize(document);
