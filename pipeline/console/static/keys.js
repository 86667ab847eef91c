// Keyboard shortcuts. A page has them only where its reader has not switched them off; all that they
// do can be done with the page's own links and buttons.
"use strict";

const keys = document.getElementById("keys");
const retry = document.getElementById("keys-retry");
const TO_SECOND_KEY_MS = 1500;
let wentAt = 0;

const rows = () => [...document.querySelectorAll("main tbody tr, main [data-row]")].filter((row) => row.querySelector("a[href]"));
const opener = (row) => row.querySelector("th a[href], a[href]");
const releasing = () => document.querySelector("main form[action$='/release']");
const currentRow = () => document.activeElement.closest("main tbody tr, main [data-row]");

// To the next or previous row, or the first: its link has the focus, so Enter opens it.
function move(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(currentRow());
  const row = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
  opener(row).focus();
  row.scrollIntoView({ block: "nearest" });
}

const ACTS = {
  "/": () => {
    // The list of orders has a box of its own in place of the one of all pages.
    const box = document.querySelector("#everywhere, #number");
    box?.focus();
    box?.select();
  },
  "?": () => keys.showModal(),
  j: () => move(1),
  k: () => move(-1),
  x: () => currentRow()?.querySelector("input[type=checkbox]")?.click(),
  r: () => releasing() && retry.showModal(),
  g: () => {
    wentAt = performance.now();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  // In a list of choices or a field, keys are text; a box to tick takes none.
  if (event.target.closest("input:not([type=checkbox]), select, textarea, [contenteditable]")) return;
  if (document.querySelector("dialog[open]")) return;
  const isSecond = performance.now() - wentAt < TO_SECOND_KEY_MS && wentAt > 0;
  wentAt = 0;
  const link = isSecond && [...keys.querySelectorAll("[data-go]")].find((one) => one.dataset.go === event.key);
  if (link) {
    event.preventDefault();
    link.click();
  } else if (!isSecond && Object.hasOwn(ACTS, event.key)) {
    event.preventDefault();
    ACTS[event.key]();
  }
});

retry.addEventListener("close", () => {
  if (retry.returnValue === "retry") releasing()?.requestSubmit();
  retry.returnValue = "";
});
