// What pages of somebody who is signed in have in common, in the console and in the portal: they are whole without it.

import { listenToKeys } from "./desk_keys.ts";
import { given } from "./given.ts";
import { startLive } from "./live.ts";
import { element, makeCopyable } from "./page.ts";
import { startPalette } from "./palette.ts";
import { say } from "./saying.ts";
import { makeTablesWork } from "./tables.ts";
import { isOwnShown, showTimes, turnTimes } from "./times.ts";

/** Make the page comfortable. */
export function startDesk(): void {
  // First: it remembers what the server has written.
  startLive(comfort);
  comfort(document);
  const desk = given();
  if (desk === null) return;
  listenToKeys(desk, startPalette(desk));
  const showKeys = element("show-keys", HTMLButtonElement);
  showKeys.addEventListener("click", () => element("desk-keys", HTMLDialogElement).showModal());
  showKeys.hidden = false;
  offerTimes();
}

function comfort(root: ParentNode): void {
  makeCopyable(root);
  makeTablesWork(root);
  showTimes(root);
  sendOnce(root);
}

/** A button that shows UTC or the reader's own time. */
function offerTimes(): void {
  const button = element("turn-times", HTMLButtonElement);
  const name = (): void => void (button.textContent = isOwnShown() ? "Show UTC" : "Show your time");
  button.addEventListener("click", () => {
    say(turnTimes());
    name();
  });
  document.addEventListener("keyup", name);
  button.hidden = document.querySelector("main time") === null;
  name();
}

/** A form is sent once: a second press of its button does nothing. */
function sendOnce(root: ParentNode): void {
  for (const form of root.querySelectorAll<HTMLFormElement>('form[method="post"]')) {
    form.addEventListener("submit", (event) => {
      if (form.dataset["sent"] !== undefined) event.preventDefault();
      form.dataset["sent"] = "yes";
    });
  }
}

// A page that the browser brings back is as it was before it was sent.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset["sent"];
});
