// What stands in a table, as a file for a sheet: every digit, times in UTC, and no text that a program takes for a formula.

// The same as `texts.cell` has: what makes a formula, in all widths, where a cell may begin for some program.
const FORMULA = "=+\\-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20";
const BEGINS_FORMULA = new RegExp(`(?:^|(?<=[,;|]))(?=[ "']*[${FORMULA}])`, "gu");
const GROUPED = /^-?\d{1,3}(,\d{3})+(\.\d+)?$/;
const NUMBER = /^-?\d+(\.\d+)?$/;
const NOTHING = "–";

/** The text of a cell without what is pressed in it; a time as ISO 8601, a figure without its groups. */
export function textOf(cell: HTMLTableCellElement): string {
  const time = cell.querySelector("time");
  if (time !== null) return time.dateTime;
  const copy = cell.cloneNode(true) as HTMLTableCellElement;
  for (const control of copy.querySelectorAll("button.copy, form")) control.remove();
  const text = (copy.textContent ?? "").trim().replace(/\s+/g, " ");
  if (text === NOTHING) return "";
  return GROUPED.test(text) ? text.replaceAll(",", "") : text;
}

/** A cell as it is written: a number as it is, a text so that no program takes it for a formula. */
export function safe(text: string): string {
  const twice = NUMBER.test(text) ? text : text.replaceAll("\\", "\\\\").replace(BEGINS_FORMULA, "'");
  return /[",\n\r]/.test(twice) ? `"${twice.replaceAll('"', '""')}"` : twice;
}

/** The lines of a file: what the headings say, and each row. */
export function csvOf(headings: readonly string[], rows: readonly HTMLTableRowElement[]): string {
  const lines = [headings, ...rows.map((row) => [...row.cells].map(textOf))];
  return lines.map((cells) => `${cells.map(safe).join(",")}\r\n`).join("");
}
