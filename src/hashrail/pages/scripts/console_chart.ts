// What a user earned, day by day: the figures stand in the page.

import uPlot from "uplot";

const HEIGHT = 240;
const SATOSHIS = 1e8;

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
  const days = earned.map(({ day }) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const satoshis = earned.map(({ net }) => Number(net) * SATOSHIS);
  const axis = { stroke: getComputedStyle(document.body).color, grid: { stroke: "#8884", width: 1 }, ticks: { stroke: "#8884" } };
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      axes: [axis, { ...axis, size: 64 }],
      series: [
        { label: "day", value: (_, seconds) => (seconds === null ? "–" : new Date(seconds * 1000).toISOString().slice(0, 10)) },
        {
          label: "net",
          stroke: "#3b82c4",
          width: 2,
          points: { show: days.length < 3 },
          value: (_, net) => (net === null ? "–" : `${Math.round(net).toLocaleString("en")} sat`),
        },
      ],
    },
    [days, satoshis],
    place,
  );
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
}
