// Parts of a page that change by themselves: the same page is asked for every few seconds while somebody can see it, and
// what the server has changed takes the place of what stood there. Focus, open details, and what was done to tables stay.
// A part in which somebody fills in a form waits until they are done. An error ends it, and says so.

import { wordsOf } from "./page.ts";
import { say } from "./saying.ts";
import { restoreTables, statesOf } from "./tables.ts";

const EVERY_MILLISECONDS = 10_000;
// What is under way says how often it is looked at.
const UNDER_WAY = "[data-live] [data-every]";

/** Watch the parts with `data-live`, each by its id; `made` hears of each part that came anew. */
export function startLive(made: (part: HTMLElement) => void): void {
  const parts = [...document.querySelectorAll<HTMLElement>("[data-live]")];
  // As the server has written them: what scripts add later is no change.
  const written = new Map(parts.map((part) => [part.id, part.innerHTML]));
  if (parts.length === 0) return;
  let tag: string | null = null;
  let timer = 0;
  const ask = async (): Promise<void> => {
    try {
      const answer = await fetch(location.href, {
        headers: { "Hashrail-Live": "yes", ...(tag === null ? {} : { "If-None-Match": tag }) },
        cache: "no-store",
        redirect: "manual",
      });
      if (answer.type === "opaqueredirect") throw new Error("your session has ended: sign in again.");
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(`the server answered ${answer.status}.`);
        tag = answer.headers.get("ETag");
        take(new DOMParser().parseFromString(await answer.text(), "text/html"), written, made);
      }
      wait();
    } catch (error) {
      stop(`This page does not follow what happens any more: ${wordsOf(error)}`);
    }
  };
  const wait = (): void => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") timer = setTimeout(() => void ask(), rhythm());
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    if (document.visibilityState === "visible") void ask();
  });
  wait();

  function stop(words: string): void {
    clearTimeout(timer);
    const place = document.getElementById("live-ended");
    if (place === null || !place.hidden) return;
    place.hidden = false;
    place.querySelector("span")?.replaceChildren(words);
  }
}

function rhythm(): number {
  return Number(document.querySelector<HTMLElement>(UNDER_WAY)?.dataset["every"] ?? EVERY_MILLISECONDS);
}

function take(page: Document, written: Map<string, string>, made: (part: HTMLElement) => void): void {
  const changed: string[] = [];
  for (const [id, before] of written) {
    const [part, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (part === null || fresh === null || fresh.innerHTML === before || isFilledIn(part)) continue;
    written.set(id, fresh.innerHTML);
    swap(part, fresh, made);
    if (!part.hasAttribute("data-quiet")) changed.push(part.querySelector("h2")?.textContent ?? id);
  }
  if (changed.length > 0) say(`New: ${changed.join(", ")}.`);
}

function swap(part: HTMLElement, fresh: HTMLElement, made: (part: HTMLElement) => void): void {
  const states = statesOf(part);
  const open = [...part.querySelectorAll("details")].map((each) => each.open);
  const focus = placeOfFocus(part);
  part.replaceChildren(...fresh.childNodes);
  made(part);
  restoreTables(part, states);
  part.querySelectorAll("details").forEach((each, number) => (each.open = open[number] ?? each.open));
  if (focus !== null) part.querySelector<HTMLElement>(focus)?.focus({ preventScroll: true });
  part.classList.remove("fresh");
  // The style of a class that comes back begins anew once the browser has seen it go.
  void part.offsetWidth;
  if (!part.hasAttribute("data-quiet")) part.classList.add("fresh");
}

/** Whether somebody writes into a form of that part, or has. */
function isFilledIn(part: HTMLElement): boolean {
  const fields = [...part.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("form input:not([type=hidden]), form textarea")];
  return fields.some((each) => each === document.activeElement || each.value !== each.defaultValue);
}

/** How the element with the focus is found again among new ones. */
function placeOfFocus(part: HTMLElement): string | null {
  const now = document.activeElement;
  if (!(now instanceof HTMLElement) || now === part || !part.contains(now)) return null;
  if (now.id !== "") return `#${CSS.escape(now.id)}`;
  for (const name of ["href", "data-copy", "aria-label"]) {
    const value = now.getAttribute(name);
    if (value !== null) return `${now.tagName.toLowerCase()}[${name}="${CSS.escape(value)}"]`;
  }
  const alike = [...part.querySelectorAll(now.tagName)];
  return alike.length === 1 ? now.tagName.toLowerCase() : null;
}
