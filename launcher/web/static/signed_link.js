// Sends the form of a signed link that this person launched before. Not after "back": the browser
// would launch again and again.

const [visit] = performance.getEntriesByType("navigation");

if (visit?.type === "navigate") {
  const again = document.getElementById("again");
  again.textContent = again.dataset.scripted;
  document.getElementById("launch").requestSubmit();
}
