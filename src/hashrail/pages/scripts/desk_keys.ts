// Keys of a desk. They do nothing while somebody writes, or while a dialog is open.

import type { Given } from "./given.ts";
import { element } from "./page.ts";
import { say } from "./saying.ts";
import { filterField, rowsShown } from "./tables.ts";
import { turnTimes } from "./times.ts";

/** Listen to Ctrl+K, `/`, `f`, `j`, `k`, `t`, `?`, and to `g` with a letter of a page. */
export function listenToKeys(given: Given, openPalette: () => void): void {
  const keys = element("desk-keys", HTMLDialogElement);
  const actions: Readonly<Record<string, () => void>> = {
    "/": () => focusOn(document.getElementById("search")),
    f: () => focusOn(filterField()),
    j: () => step(1),
    k: () => step(-1),
    t: () => say(turnTimes()),
    "?": () => keys.showModal(),
  };
  const pages = new Map(given.pages.filter(({ key }) => key !== "").map(({ key, path }) => [key, path]));
  let hasGone = false;
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event) || document.querySelector("dialog[open]")) return;
    const path = hasGone ? pages.get(event.key) : undefined;
    hasGone = event.key === "g" && !hasGone;
    const action = actions[event.key];
    if (path !== undefined) location.assign(path);
    else if (action !== undefined) {
      event.preventDefault();
      action();
    }
  });
}

function isWriting(event: KeyboardEvent): boolean {
  if (!(event.target instanceof Element)) return false;
  const field = event.target.closest("input, textarea, select");
  if (event.key === "Escape" && field?.classList.contains("filter") === true) (field as HTMLInputElement).blur();
  return field !== null;
}

function focusOn(field: HTMLElement | null): void {
  if (!(field instanceof HTMLInputElement)) return;
  field.focus();
  field.select();
}

/** To the next row, or the one before: its first link has the focus then, so that Enter opens it. */
function step(by: number): void {
  const rows = rowsShown();
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[at === -1 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))];
  if (row === undefined) return;
  const link = row.querySelector<HTMLElement>("a[href]") ?? row;
  if (link === row) row.tabIndex = -1;
  link.focus();
  row.scrollIntoView({ block: "nearest" });
}
