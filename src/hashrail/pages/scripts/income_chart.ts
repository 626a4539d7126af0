// What the demo users earn: a line a user, and the same figures as a table, exact to the last digit.

import uPlot from "uplot";
import { sum } from "../../../../client-ts/src/index.ts";
import { box, client } from "./box.ts";
import { element, made } from "./page.ts";

const DAY_SECONDS = 86_400;
const DAYS_SHOWN = 365;
const SATOSHIS = 1e8;
const HEIGHT = 288;
// Told apart by people who see few colours, on a light and on a dark ground.
const COLOURS = ["#3b82c4", "#d9822b", "#2f9e73", "#c05299", "#8a6fd1", "#8f8f3a"];

interface Earned {
  readonly user: string;
  /** Net income in BTC by the start of its day, in seconds. */
  readonly byDay: ReadonlyMap<number, string>;
}

let chart: uPlot | null = null;

/** Read all users' income up to a moment and draw it anew. */
export async function drawIncome(businessTime: string): Promise<void> {
  const until = new Date(businessTime);
  const from = new Date(until.getTime() - DAYS_SHOWN * DAY_SECONDS * 1000);
  const earned = await Promise.all(box.users.map(({ partnerUserId }) => earnedBy(partnerUserId, from, until)));
  const days = [...new Set(earned.flatMap((each) => [...each.byDay.keys()]))].sort((one, other) => one - other);
  drawChart(earned, days);
  fillTable(earned);
}

async function earnedBy(user: string, from: Date, until: Date): Promise<Earned> {
  const { data } = await client.income.byDay(user, from, until, { limit: DAYS_SHOWN });
  return { user, byDay: new Map(data.map((each) => [Date.parse(`${each.day}T00:00:00Z`) / 1000, each.reward])) };
}

function drawChart(earned: readonly Earned[], days: readonly number[]): void {
  const place = element("income", HTMLDivElement);
  // A picture may round; the table does not.
  const lines = earned.map((each) =>
    days.map((day) => {
      const reward = each.byDay.get(day);
      return reward === undefined ? null : Number(reward) * SATOSHIS;
    }),
  );
  const data = [[...days], ...lines] as uPlot.AlignedData;
  if (chart !== null) {
    chart.setData(data);
    return;
  }
  const styles = getComputedStyle(document.body);
  const axis = { stroke: styles.color, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884" } };
  chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [{ ...axis, values: (_, days) => days.map((day) => dayOf(day).slice(5)) }, { ...axis, size: 64 }],
      series: [
        { label: "day", value: (_, seconds) => (seconds === null ? "–" : dayOf(seconds)) },
        ...earned.map(({ user }, number) => ({
          label: user,
          stroke: COLOURS[number % COLOURS.length] ?? "#888",
          width: 2,
          points: { show: false },
          value: (_: uPlot, satoshis: number | null) =>
            satoshis === null ? "–" : `${Math.round(satoshis).toLocaleString("en")} sat`,
        })),
      ],
    },
    data,
    place,
  );
  new ResizeObserver(() => chart?.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
}

function fillTable(earned: readonly Earned[]): void {
  const rows = earned.map(({ user, byDay }) => {
    const newest = Math.max(...byDay.keys());
    const row = document.createElement("tr");
    row.append(
      made("td", user),
      made("td", String(byDay.size), "figure"),
      made("td", sum(byDay.values()), "figure"),
      made("td", byDay.get(newest) ?? "–", "figure"),
    );
    return row;
  });
  element("income-table", HTMLTableElement).tBodies[0]?.replaceChildren(...rows);
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
