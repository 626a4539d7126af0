// Keys for whoever reads with their hands on the keyboard. They do nothing while somebody writes.

import { element } from "./page.ts";

/** Listen to `/`, j, k, g, e and ?. */
export function listenToKeys(): void {
  const keys = element("reference-keys", HTMLDialogElement);
  element("show-keys", HTMLButtonElement).addEventListener("click", () => keys.showModal());
  const actions: Readonly<Record<string, () => void>> = {
    "/": () => element("search", HTMLInputElement).select(),
    j: () => follow("next"),
    k: () => follow("prev"),
    g: () => location.assign("/api/docs"),
    e: () => location.assign("/api/docs/errors"),
    "?": () => keys.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key];
    if (action === undefined || keys.open || event.ctrlKey || event.metaKey || event.altKey || isWriting()) return;
    event.preventDefault();
    action();
  });
}

function follow(way: "next" | "prev"): void {
  document.querySelector<HTMLAnchorElement>(`.turn a[rel=${way}]`)?.click();
}

function isWriting(): boolean {
  return document.activeElement?.matches("input, textarea, select") ?? false;
}
