/* "/" goes to the page's search field, Escape leaves it. A person can turn the key off in the menu: the browser keeps that. */
(() => {
  "use strict";
  const KEPT = "housecount-keys";
  const off = () => { try { return localStorage.getItem(KEPT) === "off"; } catch { return false; } };
  const typing = (element) => element?.closest?.("input, textarea, select, [contenteditable]");
  const field = () => document.querySelector("main input[type=search]");

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === field() && !event.target.value) { event.target.blur(); return; }
    if (event.key === "Escape") {
      const open = event.target.closest?.("details.who[open], details.more[open]");
      if (open) { open.open = false; open.querySelector("summary").focus(); }
      return;
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (off() || typing(event.target) || !field()) return;
    event.preventDefault();
    field().focus();
    field().select();
  });

  // Menus close when something else is pointed at or reached.
  for (const kind of ["pointerdown", "focusin"]) {
    document.addEventListener(kind, (event) => {
      for (const open of document.querySelectorAll("details.who[open], details.more[open]")) {
        if (!open.contains(event.target)) open.open = false;
      }
    });
  }

  // Where the rows of links are longer than the window, the one of this page is in sight.
  document.addEventListener("DOMContentLoaded", () => {
    for (const here of document.querySelectorAll(".top nav [aria-current], .tabs [aria-current]")) {
      const row = here.closest("nav");
      if (row) row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
    }
  });

  document.addEventListener("DOMContentLoaded", () => {
    const choice = document.getElementById("keys");
    if (!choice) return;
    const say = () => { choice.textContent = off() ? "Let “/” find" : "Do not let “/” find"; };
    say();
    choice.hidden = false;
    choice.addEventListener("click", () => { try { localStorage.setItem(KEPT, off() ? "on" : "off"); } catch { /* kept for this page only */ } say(); });
  });
})();
