/* The filter of the analytics pages: choosing days chooses "from … to …"; days are asked for only then. */
(() => {
  "use strict";
  const form = document.querySelector("[data-asked]");
  if (!form) return;
  const period = form.elements.namedItem("period");
  const days = form.querySelectorAll(".between");
  const show = () => { for (const each of days) each.hidden = period.value !== "custom"; };
  period.addEventListener("change", show);
  show();
})();
