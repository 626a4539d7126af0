// What the demo users earn: a line a user, and the same figures as a table, exact to the last digit.

import type uPlot from "uplot";
import { sum } from "../../../../client-ts/src/index.ts";
import { box, client } from "./box.ts";
import { dataOf, drawDaily, type Line, startOf } from "./daily_chart.ts";
import { element, made } from "./page.ts";

const DAY_MILLISECONDS = 86_400_000;
const DAYS_SHOWN = 365;

let chart: uPlot | null = null;

/** Read all users' income up to a moment and draw it anew. */
export async function drawIncome(businessTime: string): Promise<void> {
  const until = new Date(businessTime);
  const from = new Date(until.getTime() - DAYS_SHOWN * DAY_MILLISECONDS);
  const earned = await Promise.all(box.users.map(({ partnerUserId }) => earnedBy(partnerUserId, from, until)));
  if (chart === null) chart = drawDaily(element("income", HTMLDivElement), earned);
  else chart.setData(dataOf(earned));
  fillTable(earned);
}

async function earnedBy(user: string, from: Date, until: Date): Promise<Line> {
  const { data } = await client.income.byDay(user, from, until, { limit: DAYS_SHOWN });
  return { label: user, byDay: new Map(data.map((each) => [startOf(each.day), each.reward])) };
}

function fillTable(earned: readonly Line[]): void {
  const rows = earned.map(({ label, byDay }) => {
    const newest = Math.max(...byDay.keys());
    const row = document.createElement("tr");
    row.append(
      made("td", label),
      made("td", String(byDay.size), "figure"),
      made("td", sum(byDay.values()), "figure"),
      made("td", byDay.get(newest) ?? "–", "figure"),
    );
    return row;
  });
  element("income-table", HTMLTableElement).tBodies[0]?.replaceChildren(...rows);
}
