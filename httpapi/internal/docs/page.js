"use strict";
(() => {
  // The URL of the API is where the page is.
  const api = new URL(".", location.href).href.replace(/\/$/, "");
  const variables = document.querySelector("#top pre code");
  variables.textContent = variables.textContent.replace(/^API=.*$/m, () => "API='" + api.replaceAll("'", "%27") + "'");

  for (const pre of document.querySelectorAll("pre")) {
    const around = document.createElement("div");
    around.className = "copyable";
    pre.replaceWith(around);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(pre.textContent);
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(pre); // a page without TLS may not write to the clipboard
        button.textContent = "Selected";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    around.append(button, pre);
  }

  const search = document.getElementById("search");
  search.hidden = false;
  const entries = document.querySelectorAll("[data-search]");
  const groups = document.querySelectorAll(".heading:has([data-search]), .group:has([data-search])");
  const folds = document.querySelectorAll(".fold");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) entry.hidden = !words.every((word) => entry.dataset.search.includes(word));
    for (const group of groups) group.hidden = !group.querySelector("[data-search]:not([hidden])");
    for (const fold of folds) fold.open = words.length > 0 && fold.querySelector("[data-search]:not([hidden])") !== null;
  });
})();
