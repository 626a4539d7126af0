// The reference: tabs, copies, search, keys, and the addresses that its pages had when they were one.

import { followOldAnchors } from "./old_anchors.ts";
import { listenToKeys } from "./reference_keys.ts";
import { startSearch } from "./reference_search.ts";
import { made, makeCopyable } from "./page.ts";
import { makeTabs } from "./tabs.ts";

const WIDE = "(min-width: 60rem)";

/** A button beside each piece of code. Without this script there is none, and nobody misses it. */
function makeSamplesCopyable(): void {
  for (const code of document.querySelectorAll<HTMLElement>(".sample > pre, .guide pre")) {
    const button = made("button", "Copy", "copy") as HTMLButtonElement;
    button.type = "button";
    button.dataset["copy"] = code.innerText.trimEnd();
    button.setAttribute("aria-label", "Copy the code");
    code.before(button);
  }
}

/** The contents are open where there is room beside the text, and folded where they would stand before it. */
function unfoldContents(): void {
  const [contents, wide] = [document.querySelector<HTMLDetailsElement>("#contents"), matchMedia(WIDE)];
  if (contents === null) return;
  contents.open = wide.matches;
  wide.addEventListener("change", () => (contents.open = wide.matches));
  // Scrolls the list alone: the page stays where it is.
  const here = contents.querySelector<HTMLElement>("[aria-current]");
  const list = contents.closest<HTMLElement>(".contents");
  if (wide.matches && here !== null && list !== null) list.scrollTop = here.offsetTop - list.clientHeight / 2;
}

followOldAnchors();
unfoldContents();
makeTabs();
makeSamplesCopyable();
makeCopyable(document);
startSearch();
listenToKeys();
