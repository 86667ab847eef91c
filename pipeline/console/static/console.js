// Fetches what the page shows anew every few seconds. Without this the page works all the same.
"use strict";

const EVERY_MS = 5000;
const main = document.getElementById("main");
const live = document.getElementById("live");
const stale = document.getElementById("stale");
const address = new URL(location.href);
address.searchParams.set("fragment", "1");
let etag = "";
let timer = 0;

// What a person has chosen or is at, which new content must not undo.
function keepPlace() {
  const focused = live.contains(document.activeElement) ? document.activeElement.id : "";
  const scrolled = live.querySelector(".wide")?.scrollLeft ?? 0;
  const ticked = [...live.querySelectorAll("input[id]:checked")].map((one) => one.id);
  const unfolded = [...live.querySelectorAll("details[id][open]")].map((one) => one.id);
  return () => {
    live.querySelector(".wide")?.scrollTo(scrolled, 0);
    for (const id of ticked) document.getElementById(id)?.setAttribute("checked", "");
    for (const id of unfolded) document.getElementById(id)?.setAttribute("open", "");
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };
}

// Another option than the one that the page came with.
const isChosen = (select) => select.selectedIndex !== Math.max([...select.options].findIndex((one) => one.defaultSelected), 0);

async function refresh() {
  // What nobody looks at costs nothing; marked text and a field somebody types in are left alone.
  const isTyping = live.contains(document.activeElement) && document.activeElement.matches("input:not([type=checkbox]), select, textarea");
  const hasTyped = [...live.querySelectorAll("input:not([type=checkbox], [type=hidden]), textarea")].some((one) => one.value !== one.defaultValue)
    || [...live.querySelectorAll("select")].some(isChosen);
  if (document.hidden || isTyping || hasTyped || !getSelection().isCollapsed) return;
  try {
    const reply = await fetch(address, {
      headers: etag ? { "If-None-Match": etag } : {},
      signal: AbortSignal.timeout(EVERY_MS * 2),
    });
    if (reply.status === 401) {
      stale.textContent = stale.dataset.signedOut;
      return;
    }
    if (!reply.ok && reply.status !== 304) throw new Error(reply.statusText);
    stale.textContent = "";
    if (reply.status === 304) return;
    const text = await reply.text();
    etag = reply.headers.get("ETag") ?? "";
    const putBack = keepPlace();
    live.innerHTML = text;
    putBack();
    showPicked();
  } catch {
    stale.textContent = stale.dataset.offline;
  }
}

async function keepRefreshing() {
  clearTimeout(timer);
  await refresh();
  timer = setTimeout(keepRefreshing, EVERY_MS);
}

// Orders that are ticked for an act on many of them.
const picks = () => [...live.querySelectorAll("input[name=order]")];

function showPicked() {
  const all = document.getElementById("pick-all");
  if (!all) return;
  const ticked = picks().filter((one) => one.checked).length;
  all.checked = ticked > 0 && ticked === picks().length;
  all.indeterminate = ticked > 0 && !all.checked;
  const picked = document.getElementById("picked");
  picked.textContent = ticked ? `${ticked} ${picked.dataset.ticked}` : "";
}

live?.addEventListener("change", (event) => {
  if (event.target.id === "pick-all") for (const one of picks()) one.checked = event.target.checked;
  showPicked();
});

// A page that says what went wrong stays as it is.
if (live?.querySelector("[data-live]")) {
  timer = setTimeout(keepRefreshing, EVERY_MS);
  document.addEventListener("visibilitychange", () => document.hidden || keepRefreshing());
}

// Says that something is on its way; a page that is gone back to is as it was.
document.addEventListener("submit", () => main.setAttribute("aria-busy", "true"));
addEventListener("pageshow", () => {
  main.removeAttribute("aria-busy");
  showPicked();
});

// What was typed before somebody was signed out goes into its form again. It is not sent.
function fillIn(draft) {
  const form = [...document.forms].find((one) => new URL(one.action, location).pathname === draft.dataset.action.split("?")[0]);
  if (!form) return;
  for (const typed of draft.querySelectorAll("[data-name]")) {
    const field = form.elements.namedItem(typed.dataset.name);
    if (field?.type === "checkbox") field.checked = true;
    else if (field && field.type !== "hidden") field.value = typed.textContent;
  }
  for (let one = form.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  draft.querySelector("span").textContent = draft.dataset.filled;
}
const draft = document.getElementById("draft");
if (draft) fillIn(draft);

// The way back from an order leads to the list as it was: its filters, its sorting, its page.
const toList = document.querySelector("a[data-list]");
if (location.pathname === "/orders") sessionStorage.setItem("list", location.search);
if (toList) {
  const from = document.referrer ? new URL(document.referrer) : null;
  if (from?.origin === location.origin && from.pathname === "/orders") sessionStorage.setItem("list", from.search);
  toList.search = sessionStorage.getItem("list") ?? "";
}

// By the browser's clock, unless the reader has chosen a time zone of their own.
document.cookie = `orderbridge-zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;

// A menu closes when something else is chosen, and by Escape; its button has the focus again.
const openMenus = () => document.querySelectorAll("details.menu[open]");
document.addEventListener("click", (event) => {
  for (const one of openMenus()) if (!one.contains(event.target)) one.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const one of openMenus()) {
    one.open = false;
    one.querySelector("summary").focus();
  }
});

// On a phone the pages are a strip: the present one is in sight.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
