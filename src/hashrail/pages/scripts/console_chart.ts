// What a user earned, day by day: the figures stand in the page.

import { drawDaily, startOf } from "./daily_chart.ts";

interface Earned {
  readonly day: string;
  /** Net income in BTC, exact. */
  readonly net: string;
}

/** Draw the income of the page, where it has some. */
export function drawOwnIncome(): void {
  const [data, place] = [document.getElementById("income-data"), document.getElementById("income")];
  if (!(data instanceof HTMLScriptElement) || place === null) return;
  const earned = JSON.parse(data.text) as readonly Earned[];
  drawDaily(place, [{ label: "net", byDay: new Map(earned.map(({ day, net }) => [startOf(day), net])) }]);
}
