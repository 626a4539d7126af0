// Times stand in UTC. A press of a button, or `t`, shows the reader's own instead; each has the other one as its title.

const KEPT = "hashrail.times";
const own = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" });

/** Give each time of a place both, and show the kind that was chosen. */
export function showTimes(root: ParentNode): void {
  const isOwn = isOwnShown();
  for (const time of root.querySelectorAll<HTMLTimeElement>("time[datetime]")) {
    const utc = (time.dataset["utc"] ??= time.textContent ?? "");
    const moment = new Date(time.dateTime);
    const said = `${own.format(moment)} ${zoneOf(moment)}`;
    time.textContent = isOwn ? said : utc;
    time.title = isOwn ? utc : `${said}, your time`;
  }
}

/** Show the other kind from now on, in this browser; answers what is shown then. */
export function turnTimes(): string {
  const isOwn = !isOwnShown();
  try {
    localStorage.setItem(KEPT, isOwn ? "own" : "utc");
  } catch {
    // A browser that keeps nothing begins with UTC on each page.
  }
  document.documentElement.dataset["times"] = isOwn ? "own" : "utc";
  showTimes(document);
  return isOwn ? "Times are yours now." : "Times are UTC now.";
}

export function isOwnShown(): boolean {
  const now = document.documentElement.dataset["times"];
  if (now !== undefined) return now === "own";
  try {
    return localStorage.getItem(KEPT) === "own";
  } catch {
    return false;
  }
}

function zoneOf(moment: Date): string {
  return zone.formatToParts(moment).find((part) => part.type === "timeZoneName")?.value ?? "";
}
