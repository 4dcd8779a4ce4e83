// Shows the times in forms in the browser's time zone: the server writes and reads them in UTC.

const two = (number) => String(number).padStart(2, "0");

/** A moment as a field shows it. */
function local(moment) {
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  return `${day}T${two(moment.getHours())}:${two(moment.getMinutes())}`;
}

for (const form of document.querySelectorAll("form[data-local-times]")) {
  const fields = form.querySelectorAll("input[type=datetime-local]");
  const offset = (field) => form.elements[`${field.name}-offset`];
  for (const field of fields) {
    // a form that was sent and came back is in the browser's time zone already
    if (field.value && !offset(field).value) field.value = local(new Date(`${field.value}Z`));
  }
  form.addEventListener("submit", () => {
    for (const field of fields) {
      if (field.value) offset(field).value = -new Date(field.value).getTimezoneOffset();
    }
  });
}
for (const zone of document.querySelectorAll("[data-zone]")) {
  zone.textContent = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "your time zone";
}
