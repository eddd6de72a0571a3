// Runs before the page is drawn, so that nothing flashes. The server renders a chosen theme; only "as the device" needs us.
(function () {
  "use strict";
  var root = document.documentElement;
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");
  // Error pages are made without a request, so the server could not render what was chosen.
  var chosen = /(?:^|; )theme=(light|dark)(?:;|$)/.exec(document.cookie);
  if (chosen && root.dataset.theme === "auto") {
    root.dataset.theme = chosen[1];
    root.setAttribute("data-bs-theme", chosen[1]);
  }
  function apply() {
    if (root.dataset.theme === "auto") {
      root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
      document.dispatchEvent(new Event("themechange"));
    }
  }
  dark.addEventListener("change", apply);
  apply();
})();
