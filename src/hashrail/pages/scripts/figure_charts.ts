// Charts of the console: each place that names its data is drawn, in the unit that the data says.

import { drawDaily, startOf, unitOf } from "./daily_chart.ts";

interface Drawn {
  readonly unit: string;
  readonly days: readonly string[];
  /** Exact figures, one a day; null where the day has none. */
  readonly lines: readonly { readonly label: string; readonly values: readonly (string | null)[] }[];
}

export function drawFigures(): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const data = document.getElementById(place.dataset["chart"] ?? "");
    if (data instanceof HTMLScriptElement) draw(place, JSON.parse(data.text) as Drawn);
  }
}

function draw(place: HTMLElement, { unit, days, lines }: Drawn): void {
  const starts = days.map(startOf);
  const drawn = lines.map(({ label, values }) => ({
    label,
    byDay: new Map(
      starts.flatMap((start, number) => {
        const value = values[number];
        return value === null || value === undefined ? [] : [[start, value] as const];
      }),
    ),
  }));
  drawDaily(place, drawn, unitOf(unit));
}
