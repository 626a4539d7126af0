// What happens, as it happens: the partner's feed by long polls, newest first.

import type { HashrailEvent } from "../../../../client-ts/src/index.ts";
import { client } from "./box.ts";
import { element, made, wordsOf } from "./page.ts";

const SHOWN = 50;
const WAIT_SECONDS = 25;

/** Show the newest events, and each that comes; `changed` hears of those that come. Ends only with an error. */
export async function showEvents(changed: (event: HashrailEvent) => void): Promise<void> {
  const list = element("events", HTMLOListElement);
  try {
    const newest = await position();
    for await (const event of client.events.follow({ after: Math.max(0, newest - SHOWN), waitSeconds: WAIT_SECONDS })) {
      const item = itemOf(event);
      if (event.position > newest) {
        item.classList.add("new");
        changed(event);
      }
      list.prepend(item);
      while (list.children.length > SHOWN) list.lastElementChild?.remove();
    }
  } catch (error) {
    list.prepend(made("li", `The feed ended: ${wordsOf(error)} Reload the page to go on.`, "refused"));
  }
}

/** The position of the newest event, or 0. */
async function position(): Promise<number> {
  const { position } = await client.users.list({ limit: 1 });
  return Number(position);
}

function itemOf(event: HashrailEvent): HTMLElement {
  const item = document.createElement("li");
  const time = made("time", `${event.occurredAt.slice(0, 19).replace("T", " ")} UTC`, "quiet");
  time.setAttribute("datetime", event.occurredAt);
  time.title = new Date(event.occurredAt).toLocaleString();
  item.append(time, made("strong", event.type), made("span", `${event.object.kind} ${event.object.id}`, "quiet"));
  return item;
}
