// Buttons that move the sandbox's clock, a few days at a time, so that one sees how far it is.

import { client } from "./box.ts";
import { element, made, wordsOf } from "./page.ts";

const SCENARIOS = [
  ["steady", "a steady market"],
  ["growth", "growing difficulty and price"],
  ["halving", "half the block subsidy"],
  ["crash", "a crash: weak miners idle"],
] as const;
type Scenario = (typeof SCENARIOS)[number][0];
// So many days of a long way are one call.
const STRIDE = 5;

/** Make the buttons work; `arrived` hears where the clock is after each stride. */
export function startTimeMachine(arrived: (businessTime: string) => Promise<void>): void {
  const form = element("time-machine", HTMLFormElement);
  const choice = element("scenario", HTMLSelectElement);
  for (const [name, words] of SCENARIOS) choice.add(new Option(words, name));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const days = Number((event.submitter as HTMLButtonElement).value);
    void travel(form, days, choice.value as Scenario, arrived);
  });
}

async function travel(
  form: HTMLFormElement,
  days: number,
  scenario: Scenario,
  arrived: (businessTime: string) => Promise<void>,
): Promise<void> {
  const progress = element("travel", HTMLProgressElement);
  const said = element("travelled", HTMLParagraphElement);
  const controls = [...form.querySelectorAll<HTMLButtonElement | HTMLSelectElement>("button, select")];
  for (const control of controls) control.disabled = true;
  progress.hidden = false;
  let gone = 0;
  try {
    while (gone < days) {
      progress.value = (100 * gone) / days;
      said.textContent = `Moving: ${gone} of ${days} days.`;
      const stride = Math.min(STRIDE, days - gone);
      const { businessTime } = await client.sandbox.advance({ days: stride, scenario });
      gone += stride;
      await arrived(businessTime);
    }
    said.textContent = days === 1 ? "One day went by." : `${days} days went by.`;
  } catch (error) {
    said.replaceChildren(made("span", `After ${gone} days: ${wordsOf(error)}`, "refused"));
  } finally {
    for (const control of controls) control.disabled = false;
    progress.hidden = true;
  }
}
