// Opens the browser's own way of printing.
"use strict";

document.getElementById("print")?.addEventListener("click", () => print());
