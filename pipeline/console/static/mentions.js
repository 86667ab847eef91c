// Completes people's names after @ in a note. Without this they are typed in full; the server checks
// them in either case.
"use strict";

(() => {
  const field = document.getElementById("text");
  const people = [...document.querySelectorAll("#people option")].map((one) => one.value);
  if (!field || !people.length) return;

  const list = document.createElement("ul");
  list.id = "mention-list";
  list.className = "mentions";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", field.dataset.people ?? "People");
  list.hidden = true;
  field.after(list);
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  let at = 0;

  // What stands between the last @ and the caret, or null.
  function begun() {
    const before = field.value.slice(0, field.selectionStart);
    return /(?:^|[^\w.+-])@([^@\n]{0,64})$/.exec(before)?.[1] ?? null;
  }

  function show() {
    const typed = begun();
    const found = typed === null ? [] : people.filter((name) => name.toLowerCase().startsWith(typed.toLowerCase()) && name !== typed).slice(0, 8);
    at = 0;
    list.replaceChildren(
      ...found.map((name, place) => {
        const item = document.createElement("li");
        item.id = `mention-choice-${place}`;
        item.setAttribute("role", "option");
        item.textContent = name;
        item.addEventListener("mousedown", (event) => {
          event.preventDefault();
          take(name);
        });
        return item;
      }),
    );
    list.hidden = !found.length;
    mark();
  }

  function mark() {
    [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
    if (list.hidden) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", list.children[at].id);
  }

  function take(name) {
    const caret = field.selectionStart;
    field.setRangeText(`${name} `, caret - begun().length, caret, "end");
    list.hidden = true;
    mark();
  }

  field.addEventListener("input", show);
  field.addEventListener("blur", () => {
    list.hidden = true;
    mark();
  });
  field.addEventListener("keydown", (event) => {
    if (list.hidden || event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at = (at + step + list.children.length) % list.children.length;
    else if (event.key === "Enter" || event.key === "Tab") take(list.children[at].textContent);
    else if (event.key === "Escape") list.hidden = true;
    else return;
    event.preventDefault();
    mark();
  });
})();
