// The console: pages are whole without it. It copies, sorts, adds the reader's own time, draws, and listens to keys.

import { drawOwnIncome } from "./console_chart.ts";
import { makeCopyable } from "./page.ts";
import { makeSortable } from "./sorting.ts";

// After `g`: where a letter leads.
const GO: Readonly<Record<string, string>> = {
  h: "/console",
  d: "/console/days",
  p: "/console/partners",
  w: "/console/withdrawals",
  l: "/console/log",
  s: "/console/sessions",
};

/** Times stand in UTC; the reader's own comes as their title. */
function addLocalTimes(): void {
  const own = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
    const said = own.format(new Date(time.dateTime));
    time.title = `${said}, your time`;
  }
}

function listenToKeys(): void {
  let hasGone = false;
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target instanceof Element && event.target.closest("input, textarea, select") !== null;
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.getElementById("search");
    if (event.key === "/" && search instanceof HTMLInputElement) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (hasGone && GO[event.key] !== undefined) {
      location.assign(GO[event.key] ?? "/console");
    }
    hasGone = event.key === "g";
  });
}

/** A form is sent once: a second press of its button does nothing. */
function sendOnce(): void {
  for (const form of document.querySelectorAll<HTMLFormElement>('form[method="post"]')) {
    form.addEventListener("submit", (event) => {
      if (form.dataset["sent"] !== undefined) event.preventDefault();
      form.dataset["sent"] = "yes";
    });
  }
  // A page that the browser brings back is as it was before it was sent.
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) delete form.dataset["sent"];
  });
}

makeCopyable(document);
makeSortable(document);
addLocalTimes();
listenToKeys();
sendOnce();
drawOwnIncome();
