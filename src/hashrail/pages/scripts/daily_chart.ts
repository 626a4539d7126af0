// A chart of income by day, a line each. A picture may round to satoshis; the page has the exact figures beside it.

import uPlot from "uplot";

const SATOSHIS = 1e8;
const HEIGHT = 288;
// Told apart by people who see few colours, on a light and on a dark ground.
const COLOURS = ["#3b82c4", "#d9822b", "#2f9e73", "#c05299", "#8a6fd1", "#8f8f3a"];
// A line through fewer days is hardly seen.
const FEW_DAYS = 3;

export interface Line {
  readonly label: string;
  /** Exact BTC by the start of its day, in seconds. */
  readonly byDay: ReadonlyMap<number, string>;
}

/** The start of a UTC day like 2026-09-09, in seconds. */
export function startOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 1000;
}

/** The days of all lines in order, and for each line its satoshis, as uPlot wants them. */
export function dataOf(lines: readonly Line[]): uPlot.AlignedData {
  const days = [...new Set(lines.flatMap((each) => [...each.byDay.keys()]))].sort((one, other) => one - other);
  const satoshis = lines.map(({ byDay }) =>
    days.map((day) => {
      const earned = byDay.get(day);
      return earned === undefined ? null : Number(earned) * SATOSHIS;
    }),
  );
  return [days, ...satoshis];
}

/** Draw the lines into a place, as wide as it is. */
export function drawDaily(place: HTMLElement, lines: readonly Line[]): uPlot {
  const data = dataOf(lines);
  const { color } = getComputedStyle(document.body);
  const axis = { stroke: color, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884" } };
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [{ ...axis, values: (_, days) => days.map((day) => dayOf(day).slice(5)) }, { ...axis, size: 64 }],
      series: [
        { label: "day", value: (_, seconds) => (seconds === null ? "–" : dayOf(seconds)) },
        ...lines.map(({ label }, number) => ({
          label,
          stroke: COLOURS[number % COLOURS.length] ?? "#888",
          width: 2,
          points: { show: data[0].length < FEW_DAYS },
          value: (_: uPlot, satoshis: number | null) =>
            satoshis === null ? "–" : `${Math.round(satoshis).toLocaleString("en")} sat`,
        })),
      ],
    },
    data,
    place,
  );
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  return chart;
}

function dayOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
