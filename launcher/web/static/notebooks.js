// Keeps a dashboard up to date, and asks for the notebooks of a day in the browser's time zone.

import { keepUpToDate } from "./now.js";

const now = document.getElementById("now");
keepUpToDate(now, now.dataset.address);

const form = document.querySelector("form[data-export]");
if (form) {
  const { day, utc_offset: offset } = form.elements;
  const today = new Date();
  const two = (number) => String(number).padStart(2, "0");
  day.value = `${today.getFullYear()}-${two(today.getMonth() + 1)}-${two(today.getDate())}`;
  form.addEventListener("submit", () => {
    offset.value = -new Date(`${day.value}T12:00`).getTimezoneOffset();
  });
}
