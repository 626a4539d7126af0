// One example in several languages, as tabs. The language that somebody chose is theirs on every page.

import { made } from "./page.ts";

const KEPT = "hashrail.language";

/** Turn each group of sections into tabs, as WAI-ARIA describes them. */
export function makeTabs(): void {
  const groups = [...document.querySelectorAll<HTMLElement>(".tabs")];
  for (const [number, group] of groups.entries()) makeGroup(group, number, choose);
  const kept = read();
  if (kept !== null) choose(kept);

  function choose(language: string): void {
    for (const group of groups) show(group, language);
  }
}

function makeGroup(group: HTMLElement, number: number, choose: (language: string) => void): void {
  const list = made("div", "", "tab-list");
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", group.dataset["label"] ?? "");
  const panels = [...group.querySelectorAll<HTMLElement>(".tab")];
  for (const panel of panels) {
    const language = panel.dataset["tab"] ?? "";
    const tab = made("button", language) as HTMLButtonElement;
    tab.type = "button";
    tab.id = `tab-${number}-${language}`;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", `panel-${number}-${language}`);
    tab.dataset["tab"] = language;
    tab.addEventListener("click", () => {
      keep(language);
      choose(language);
    });
    panel.id = `panel-${number}-${language}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    panel.querySelector("h3")?.remove();
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => step(event, list));
  group.prepend(list);
  show(group, panels[0]?.dataset["tab"] ?? "");
}

function show(group: HTMLElement, language: string): void {
  for (const tab of group.querySelectorAll<HTMLButtonElement>("[role=tab]")) {
    const isShown = tab.dataset["tab"] === language;
    tab.setAttribute("aria-selected", String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
  }
  for (const panel of group.querySelectorAll<HTMLElement>(".tab")) panel.hidden = panel.dataset["tab"] !== language;
}

function step(event: KeyboardEvent, list: HTMLElement): void {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const tabs = [...list.querySelectorAll<HTMLButtonElement>("[role=tab]")];
  const at = tabs.findIndex((tab) => tab === document.activeElement);
  const next = tabs[(at + by + tabs.length) % tabs.length];
  next?.click();
  next?.focus();
}

function read(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(language: string): void {
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // A browser that keeps nothing begins with the first language again.
  }
}
