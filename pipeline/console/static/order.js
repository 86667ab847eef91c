// Copies an order's number. The button is there only where scripts run.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const said = button.querySelector("[role=status]");
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    said.textContent = button.dataset.copied;
  } catch {
    // Without a secure context the browser lends no clipboard: the number is marked instead.
    getSelection().selectAllChildren(document.querySelector("h1"));
  }
  setTimeout(() => (said.textContent = ""), 2000);
});
