// The command palette: every page and act that somebody may reach, where they were lately, and what they look for.

import type { Given, Place } from "./given.ts";
import { element, made } from "./page.ts";

const KEPT = "hashrail.recent";
const RECENT = 8;

interface Choice {
  readonly kind: string;
  readonly words: string;
  readonly path: string;
}

/** Make the palette work; answers what opens it. */
export function startPalette(given: Given): () => void {
  const dialog = element("palette", HTMLDialogElement);
  const box = element("palette-text", HTMLInputElement);
  const list = element("palette-list", HTMLUListElement);
  const recent = visited(given);
  box.addEventListener("input", () => fill(box, list, choices(given, recent, box.value)));
  box.addEventListener("keydown", (event) => listen(event, box, list));
  list.addEventListener("click", (event) => {
    const item = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-path]") : null;
    if (item !== null) location.assign(item.dataset["path"] ?? "");
  });
  const open = (): void => {
    if (dialog.open) return;
    box.value = "";
    fill(box, list, choices(given, recent, ""));
    dialog.showModal();
    box.focus();
  };
  const button = element("open-palette", HTMLButtonElement);
  button.hidden = false;
  button.addEventListener("click", open);
  return open;
}

/** Where this tab was lately; a name that stands there ends with the tab. */
function visited(given: Given): readonly Place[] {
  try {
    const path = location.pathname + location.search;
    const before = (JSON.parse(sessionStorage.getItem(KEPT) ?? "[]") as Place[]).filter((each) => each.path !== path);
    const isElsewhere = [...given.pages, ...given.acts].every((each) => each.path !== path);
    const words = document.title.replace(/ · Hashrail$/, "");
    const now = isElsewhere ? [{ words, path, key: "" }, ...before].slice(0, RECENT) : before;
    sessionStorage.setItem(KEPT, JSON.stringify(now));
    return before;
  } catch {
    return [];
  }
}

function choices(given: Given, recent: readonly Place[], text: string): Choice[] {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const fits = ({ words: said }: Choice): boolean => words.every((word) => said.toLowerCase().includes(word));
  const of = (kind: string, places: readonly Place[]): Choice[] => places.map((each) => ({ kind, ...each }));
  const found = [...of("page", given.pages), ...of("act", given.acts), ...of("lately", recent)].filter(fits);
  const looked = text.trim();
  if (given.search === null || looked === "") return found;
  const search = { kind: "search", words: `Search for ${looked}`, path: `${given.search}?q=${encodeURIComponent(looked)}` };
  return [...found, search];
}

function fill(box: HTMLInputElement, list: HTMLUListElement, found: readonly Choice[]): void {
  list.replaceChildren(
    ...found.map(({ kind, words, path }, number) => {
      const item = made("li", "");
      item.id = `choice-${number}`;
      item.setAttribute("role", "option");
      item.dataset["path"] = path;
      item.append(made("span", words), made("span", kind, "quiet"));
      return item;
    }),
  );
  choose(box, list, 0);
}

function choose(box: HTMLInputElement, list: HTMLUListElement, number: number): void {
  box.removeAttribute("aria-activedescendant");
  for (const [each, item] of [...list.children].entries()) {
    item.setAttribute("aria-selected", String(each === number));
    if (each !== number) continue;
    box.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }
}

function listen(event: KeyboardEvent, box: HTMLInputElement, list: HTMLUListElement): void {
  const items = [...list.children];
  const at = items.findIndex((each) => each.getAttribute("aria-selected") === "true");
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by !== undefined && items.length > 0) {
    event.preventDefault();
    choose(box, list, (at + by + items.length) % items.length);
  } else if (event.key === "Enter") {
    event.preventDefault();
    const path = (items[at] as HTMLElement | undefined)?.dataset["path"];
    if (path !== undefined) location.assign(path);
  }
}
