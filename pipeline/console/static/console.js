// Fetches what the page shows anew every few seconds. Without this the page works all the same.
"use strict";

const EVERY_MS = 5000;
const live = document.getElementById("live");
const stale = document.getElementById("stale");
const address = new URL(location.href);
address.searchParams.set("fragment", "1");
let shown = null;

async function refresh() {
  // What nobody looks at costs nothing, and marked text is left alone.
  if (document.hidden || !getSelection().isCollapsed) return;
  try {
    const reply = await fetch(address, { signal: AbortSignal.timeout(EVERY_MS * 2) });
    if (!reply.ok) throw new Error(reply.statusText);
    const text = await reply.text();
    stale.textContent = "";
    if (text === shown) return;
    const focused = document.activeElement?.id;
    const scrolled = document.querySelector(".wide")?.scrollLeft ?? 0;
    live.innerHTML = shown = text;
    document.querySelector(".wide")?.scrollTo(scrolled, 0);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  } catch {
    stale.textContent = "Not up to date: the server did not answer. Trying again.";
  }
}

async function keepRefreshing() {
  await refresh();
  setTimeout(keepRefreshing, EVERY_MS);
}

// A page that says what went wrong stays as it is.
if (live.querySelector("[data-live]")) setTimeout(keepRefreshing, EVERY_MS);
