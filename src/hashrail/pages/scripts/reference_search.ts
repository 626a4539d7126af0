// One box that finds operations, fields, error codes and guides. The index comes when the box is first used.

import MiniSearch, { type SearchResult } from "minisearch";
import { element, made, wordsOf } from "./page.ts";

const INDEX = "/api/docs/search.json";
const SHOWN = 30;
const BETWEEN_WORDS = /[\s\p{P}]+/u;
const CAMEL_HUMP = /(?<=[a-z])(?=[A-Z])/;
const KINDS = ["page", "operation", "error", "field", "guide"] as const;

interface Entry {
  readonly kind: (typeof KINDS)[number];
  readonly title: string;
  readonly name: string;
  readonly url: string;
  readonly text: string;
}

interface Hit extends Entry {
  /** Words of the index that matched. */
  readonly terms: readonly string[];
}

let loading: Promise<(query: string) => Hit[]> | null = null;

/** Make the search box work. */
export function startSearch(): void {
  const box = element("search", HTMLInputElement);
  box.addEventListener("focus", () => void index().catch(() => undefined));
  box.addEventListener("input", () => void show(box));
  box.addEventListener("keydown", (event) => press(event, box));
  box.form?.addEventListener("submit", (event) => event.preventDefault());
}

async function show(box: HTMLInputElement): Promise<void> {
  const query = box.value.trim();
  if (query === "") return close(box);
  try {
    const find = await index();
    // What was typed meanwhile is another search.
    if (box.value.trim() === query) list(box, query, find(query));
  } catch (error) {
    element("found", HTMLElement).textContent = `The search does not answer: ${wordsOf(error)}`;
  }
}

function list(box: HTMLInputElement, query: string, hits: readonly Hit[]): void {
  const shown = hits.slice(0, SHOWN);
  const options = shown.map((hit, number) => option(hit, number, query));
  const place = element("hits", HTMLUListElement);
  place.replaceChildren(...options);
  place.hidden = options.length === 0;
  const more = hits.length > SHOWN ? `, the first ${SHOWN} shown` : "";
  element("found", HTMLElement).textContent =
    hits.length === 0 ? "Nothing matches." : `${hits.length} ${hits.length === 1 ? "hit" : "hits"}${more}`;
  box.setAttribute("aria-expanded", String(options.length > 0));
  document.body.classList.add("searching");
  select(box, 0);
}

function option(hit: Hit, number: number, query: string): HTMLLIElement {
  const item = document.createElement("li");
  item.id = `hit-${number}`;
  item.setAttribute("role", "option");
  item.dataset["url"] = hit.url;
  const link = document.createElement("a");
  link.href = hit.url;
  link.tabIndex = -1;
  const words = [...hit.terms, ...query.toLowerCase().split(/\s+/)];
  link.append(made("span", hit.kind, `kind-of-hit ${hit.kind}`));
  if (hit.name !== "") link.append(marked("code", hit.name, words));
  link.append(marked("span", hit.title, words));
  item.append(link);
  return item;
}

/** The text with what matched between marks. */
function marked(tag: string, text: string, words: readonly string[]): HTMLElement {
  const place = document.createElement(tag);
  const wanted = words.filter((word) => word !== "").sort((one, other) => other.length - one.length);
  const pattern = new RegExp(`(${wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "giu");
  for (const [number, part] of text.split(pattern).entries()) {
    if (part !== "") place.append(number % 2 === 1 ? made("mark", part) : part);
  }
  return place;
}

function press(event: KeyboardEvent, box: HTMLInputElement): void {
  const options = [...document.querySelectorAll<HTMLLIElement>("#hits > li")];
  const at = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") {
    event.preventDefault();
    box.value = "";
    close(box);
    box.blur();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    select(box, (at + (event.key === "ArrowDown" ? 1 : -1) + options.length) % Math.max(1, options.length));
  } else if (event.key === "Enter") {
    const url = options[at]?.dataset["url"];
    if (url === undefined) return;
    event.preventDefault();
    close(box);
    location.assign(url);
  }
}

function select(box: HTMLInputElement, number: number): void {
  box.removeAttribute("aria-activedescendant");
  for (const [each, item] of [...document.querySelectorAll<HTMLLIElement>("#hits > li")].entries()) {
    item.setAttribute("aria-selected", String(each === number));
    if (each !== number) continue;
    box.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }
}

function close(box: HTMLInputElement): void {
  const place = element("hits", HTMLUListElement);
  place.hidden = true;
  place.replaceChildren();
  element("found", HTMLElement).textContent = "";
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
  document.body.classList.remove("searching");
}

function index(): Promise<(query: string) => Hit[]> {
  loading ??= load().catch((error: unknown) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load(): Promise<(query: string) => Hit[]> {
  const answer = await fetch(INDEX);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const entries = (await answer.json()) as readonly Entry[];
  const search = new MiniSearch<Entry & { id: number }>({
    fields: ["name", "title", "text"],
    tokenize: wordsIn,
    searchOptions: {
      boost: { name: 4, title: 2 },
      prefix: true,
      fuzzy: (term) => (term.length > 4 ? 0.15 : false),
      combineWith: "AND",
    },
  });
  search.addAll(entries.map((entry, id) => ({ ...entry, id })));
  return (query) => {
    // An exact name or code is what somebody means, whatever else holds its words.
    const exact = entries.filter(({ name }) => name !== "" && name.toLowerCase() === query.toLowerCase());
    const others = search.search(query).flatMap((found) => hitOf(found, entries));
    const first = exact.map((entry): Hit => ({ ...entry, terms: [] }));
    return [...first, ...others.filter(({ url }) => !exact.some((entry) => entry.url === url))];
  };
}

/** `walletAddress` is found as a whole and by each of its words. */
function wordsIn(text: string): string[] {
  return text.split(BETWEEN_WORDS).flatMap((word) => {
    const parts = word.split(CAMEL_HUMP);
    return parts.length > 1 ? [word, ...parts] : [word];
  });
}

function hitOf(found: SearchResult, entries: readonly Entry[]): Hit[] {
  const entry = entries[Number(found.id)];
  return entry === undefined ? [] : [{ ...entry, terms: found.terms }];
}
