// Keeps a dashboard up to date, and asks for the notebooks of a day in the browser's time zone.

import { keepUpToDate } from "./now.js";

keepUpToDate(document.getElementById("now"), `${location.pathname.replace(/\/$/, "")}/now`);

const form = document.querySelector("form[data-export]");
if (form) {
  const { day, utc_offset: offset } = form.elements;
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  day.value = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  form.addEventListener("submit", () => {
    offset.value = -new Date(`${day.value}T12:00`).getTimezoneOffset();
  });
}
