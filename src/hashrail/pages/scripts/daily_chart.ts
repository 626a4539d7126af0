// Charts of figures by day, a line each. A picture may round; the page has the exact figures beside it.

import uPlot from "uplot";

const SATOSHIS = 1e8;
const HEIGHT = 288;
// Told apart by people who see few colours, on a light and on a dark ground.
const COLOURS = ["#3b82c4", "#d9822b", "#2f9e73", "#c05299", "#8a6fd1", "#8f8f3a"];
// A line through fewer days is hardly seen.
const FEW_DAYS = 3;
const SIGNIFICANT = 4;

export interface Line {
  readonly label: string;
  /** Exact figures by the start of their day, in seconds: BTC, or what the unit of the chart says. */
  readonly byDay: ReadonlyMap<number, string>;
}

/** In what lines are drawn: so many of the unit to one of what the figures are in, and how one is said. */
export interface Unit {
  readonly factor: number;
  readonly say: (value: number) => string;
}

const SATOSHI: Unit = { factor: SATOSHIS, say: (satoshis) => `${Math.round(satoshis).toLocaleString("en")} sat` };
const AMOUNT = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: SIGNIFICANT });

/** The unit that a page names; bitcoin is drawn in satoshis. */
export function unitOf(name: string): Unit {
  if (name === "BTC") return SATOSHI;
  if (name.startsWith("BTC/")) {
    return { factor: SATOSHIS, say: (satoshis) => `${AMOUNT.format(satoshis)} sat/${name.slice("BTC/".length)}` };
  }
  return { factor: 1, say: (value) => `${AMOUNT.format(value)} ${name}` };
}

/** The start of a UTC day like 2026-09-09, in seconds. */
export function startOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`) / 1000;
}

/** The days of all lines in order, and for each line its figures in the unit, as uPlot wants them. */
export function dataOf(lines: readonly Line[], unit: Unit = SATOSHI): uPlot.AlignedData {
  const days = [...new Set(lines.flatMap((each) => [...each.byDay.keys()]))].sort((one, other) => one - other);
  const figures = lines.map(({ byDay }) =>
    days.map((day) => {
      const found = byDay.get(day);
      return found === undefined ? null : Number(found) * unit.factor;
    }),
  );
  return [days, ...figures];
}

/** Draw the lines into a place, as wide as it is. */
export function drawDaily(place: HTMLElement, lines: readonly Line[], unit: Unit = SATOSHI): uPlot {
  const data = dataOf(lines, unit);
  const { color } = getComputedStyle(document.body);
  const axis = { stroke: color, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884" } };
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [
        { ...axis, values: (_, days) => days.map((day) => dayOf(day).slice(5)) },
        { ...axis, size: 64, values: (_, values) => values.map((value) => SHORT.format(value)) },
      ],
      series: [
        { label: "day", value: (_, seconds) => (seconds === null ? "–" : dayOf(seconds)) },
        ...lines.map(({ label }, number) => ({
          label,
          stroke: COLOURS[number % COLOURS.length] ?? "#888",
          width: 2,
          points: { show: data[0].length < FEW_DAYS },
          value: (_: uPlot, value: number | null) => (value === null ? "–" : unit.say(value)),
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
