// Completes people's names after @ in a note. Without this they are typed in full; the server checks
// them in either case. The page may be fetched anew, so nothing of it is kept here.
"use strict";

(() => {
  const list = document.createElement("ul");
  list.id = "mention-list";
  list.className = "mentions";
  list.setAttribute("role", "listbox");
  let at = 0;

  const isNote = (field) => field.id === "text" && field.matches("textarea");
  const people = () => [...document.querySelectorAll("#people option")].map((one) => one.value);
  // What stands between the last @ and the caret, or null.
  const begun = (field) => /(?:^|[^\w.+-])@([^@\n]{0,64})$/.exec(field.value.slice(0, field.selectionStart))?.[1] ?? null;

  function hide(field) {
    list.remove();
    field.removeAttribute("aria-activedescendant");
  }

  function mark(field) {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    field.setAttribute("aria-activedescendant", list.children[at].id);
  }

  function take(field, name) {
    const caret = field.selectionStart;
    field.setRangeText(`${name} `, caret - begun(field).length, caret, "end");
    hide(field);
  }

  function choice(field, name, place) {
    const item = document.createElement("li");
    item.id = `mention-choice-${place}`;
    item.setAttribute("role", "option");
    item.textContent = name;
    item.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(field, name);
    });
    return item;
  }

  document.addEventListener("input", ({ target: field }) => {
    if (!isNote(field)) return;
    const typed = begun(field)?.toLowerCase();
    const found = typed === undefined ? [] : people().filter((name) => name.toLowerCase().startsWith(typed) && name.toLowerCase() !== typed);
    if (!found.length) return hide(field);
    at = 0;
    list.setAttribute("aria-label", document.getElementById("assigned")?.textContent ?? "");
    list.replaceChildren(...found.slice(0, 8).map((name, place) => choice(field, name, place)));
    field.after(list);
    field.setAttribute("aria-controls", list.id);
    mark(field);
  });
  document.addEventListener("focusout", ({ target: field }) => isNote(field) && hide(field));
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (!list.isConnected || !isNote(field) || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      at = (at + step + list.children.length) % list.children.length;
      mark(field);
    } else if (event.key === "Enter" || event.key === "Tab") take(field, list.children[at].textContent);
    else if (event.key === "Escape") hide(field);
    else return;
    event.preventDefault();
  });
})();
