// The front page of a sandbox: a client of its own API, as a partner's program is.

import { box, client } from "./box.ts";
import { drawIncome } from "./income_chart.ts";
import { showEvents } from "./live_events.ts";
import { element, makeCopyable } from "./page.ts";
import { startSignedCall } from "./signed_call.ts";
import { startTimeMachine } from "./time_machine.ts";

async function arrived(businessTime: string): Promise<void> {
  element("business-time", HTMLElement).textContent = `${businessTime.slice(0, 16).replace("T", " ")} UTC`;
  await drawIncome(businessTime);
}

function revealing(): void {
  const [secret, button] = [element("secret", HTMLElement), element("reveal", HTMLButtonElement)];
  const hidden = secret.textContent;
  button.addEventListener("click", () => {
    const isShown = button.getAttribute("aria-pressed") === "true";
    secret.textContent = isShown ? hidden : box.apiSecret;
    button.textContent = isShown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!isShown));
  });
}

makeCopyable(document);
revealing();
startTimeMachine(arrived);
startSignedCall();
void client.sandbox.clock().then(({ businessTime }) => arrived(businessTime));
void showEvents((event) => {
  if (event.type === "day.closed") void client.sandbox.clock().then(({ businessTime }) => arrived(businessTime));
});
