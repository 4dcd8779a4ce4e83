// Shows the times of a form in the browser's time zone: the server writes and reads them in UTC.

const form = document.querySelector("form[data-local-times]");
const fields = form.querySelectorAll("input[type=datetime-local]");
const two = (number) => String(number).padStart(2, "0");

/** A moment as a field shows it. */
function local(moment) {
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day}T${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

for (const field of fields) {
  const offset = form.elements[`${field.name}-offset`];
  // a form that was sent and came back has the time zone of the browser already
  const moment = new Date(`${field.value}:00Z`);
  if (field.value && offset.value === "0") field.value = local(moment);
}
form.querySelector("[data-zone]").textContent =
  Intl.DateTimeFormat().resolvedOptions().timeZone ?? "the time zone of your browser";
form.addEventListener("submit", () => {
  for (const field of fields) {
    const offset = form.elements[`${field.name}-offset`];
    if (field.value) offset.value = -new Date(field.value).getTimezoneOffset();
  }
});
