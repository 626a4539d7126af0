"use strict";
// Hides what does not match the search; without this script the page shows everything.
const search = document.getElementById("search");
const sections = [...document.querySelectorAll("section")];
const entries = [...document.querySelectorAll("nav li")];
const texts = new Map(sections.map((section) => [section.id, section.textContent.toLowerCase()]));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Set(sections.map((section) => section.id).filter((id) => words.every((word) => texts.get(id).includes(word))));
  for (const section of sections) section.hidden = !found.has(section.id);
  for (const entry of entries) entry.hidden = !found.has(entry.dataset.operation);
  for (const group of document.querySelectorAll("[data-tag]")) {
    group.hidden = ![...group.querySelectorAll("li, section")].some((part) => !part.hidden);
  }
  document.getElementById("nothing").hidden = found.size > 0;
}

search.addEventListener("input", show);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    event.preventDefault();
    search.focus();
  }
});
