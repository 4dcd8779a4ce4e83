"use strict";

// The hub's pages keep the choice in the same place; it is no secret.
const KEY = "jupyterhub-bs-theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  try {
    const theme = localStorage.getItem(KEY);
    if (theme === "light" || theme === "dark") return theme;
  } catch {
    // storage is switched off
  }
  return dark.matches ? "dark" : "light";
}

function apply(theme) {
  document.documentElement.dataset.bsTheme = theme;
}

apply(chosen());
dark.addEventListener("change", () => apply(chosen()));

window.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", () => {
    const theme = chosen() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // storage is switched off: the choice lasts as long as this page
    }
    apply(theme);
  });
});
