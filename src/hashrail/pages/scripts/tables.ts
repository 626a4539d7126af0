// Tables of class `sortable`: sorted by a press on a heading, filtered by a text, in pages where they are long, and saved
// as a file. What is done to a table lives in an object of its own, so that a table that comes anew gets the same.

import { csvOf, textOf } from "./cells.ts";
import { made } from "./page.ts";

type Direction = "ascending" | "descending";
export interface TableState {
  readonly column: number | null;
  readonly direction: Direction;
  readonly filter: string;
  readonly page: number;
}

// Fewer rows than that are seen at a glance; more than a page is too much for one.
const FEW_ROWS = 6;
const PAGE_ROWS = 50;
const FILTER = "filter";

const worked = new WeakMap<HTMLTableElement, WorkedTable>();

/** Make the tables of a place work; a filter that stands in the address is one of the page's first table. */
export function makeTablesWork(root: ParentNode): void {
  for (const table of root.querySelectorAll<HTMLTableElement>("table.sortable")) {
    if (!worked.has(table) && table.tBodies[0] !== undefined) worked.set(table, new WorkedTable(table));
  }
  const [first, text] = [firstWithFilter(), new URLSearchParams(location.search).get(FILTER)];
  if (root === document && first !== undefined && text !== null) first.restore({ ...first.state, filter: text });
}

/** What was done to the tables of a place, in order. */
export function statesOf(root: ParentNode): (TableState | undefined)[] {
  return [...root.querySelectorAll<HTMLTableElement>("table.sortable")].map((table) => worked.get(table)?.state);
}

/** Do the same to the tables that came in their place. */
export function restoreTables(root: ParentNode, states: readonly (TableState | undefined)[]): void {
  for (const [number, table] of [...root.querySelectorAll<HTMLTableElement>("table.sortable")].entries()) {
    const state = states[number];
    if (state !== undefined) worked.get(table)?.restore(state);
  }
}

/** The field that filters the first table that has one. */
export function filterField(): HTMLInputElement | null {
  return document.querySelector<HTMLInputElement>("main input.filter");
}

/** The rows that are shown, of all tables that can be sorted. */
export function rowsShown(): HTMLTableRowElement[] {
  return [...document.querySelectorAll<HTMLTableRowElement>("main table.sortable > tbody > tr")].filter(
    (row) => row.checkVisibility(),
  );
}

function firstWithFilter(): WorkedTable | undefined {
  return [...document.querySelectorAll<HTMLTableElement>("main table.sortable")]
    .map((table) => worked.get(table))
    .find((each) => each?.hasFilter === true);
}

class WorkedTable {
  private rows: HTMLTableRowElement[];
  private readonly headings: HTMLTableCellElement[];
  private readonly body: HTMLTableSectionElement;
  private readonly count = made("span", "", "count");
  private readonly filter = document.createElement("input");
  private readonly pages = made("span", "", "turns");
  state: TableState = { column: null, direction: "ascending", filter: "", page: 0 };

  constructor(private readonly table: HTMLTableElement) {
    this.body = table.tBodies[0] as HTMLTableSectionElement;
    this.rows = [...this.body.rows];
    this.headings = [...(table.tHead?.rows[0]?.cells ?? [])];
    this.headings.forEach((heading, column) => this.addSorting(heading, column));
    this.addTools();
    this.show();
  }

  get hasFilter(): boolean {
    return this.rows.length >= FEW_ROWS;
  }

  restore(state: TableState): void {
    this.state = state;
    this.filter.value = state.filter;
    if (state.column !== null) this.sort();
    this.show();
  }

  private addSorting(heading: HTMLTableCellElement, column: number): void {
    if (heading.tagName !== "TH" || heading.textContent === "") return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sorts";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const again = this.state.column === column && this.state.direction === "ascending";
      this.state = { ...this.state, column, direction: again ? "descending" : "ascending", page: 0 };
      this.sort();
      this.show();
    });
  }

  /** A line below the table: how many rows, a filter, pages, and the file. */
  private addTools(): void {
    const name = this.table.closest("section")?.querySelector("h2")?.textContent ?? document.title;
    const tools = made("div", "", "tools");
    if (this.hasFilter) {
      this.filter.type = "search";
      this.filter.className = "filter";
      this.filter.placeholder = "Filter these rows";
      this.filter.setAttribute("aria-label", `Filter the rows of ${name}`);
      this.filter.setAttribute("aria-keyshortcuts", "f");
      this.filter.addEventListener("input", () => {
        this.state = { ...this.state, filter: this.filter.value, page: 0 };
        this.show();
        this.keepInAddress();
      });
      tools.append(this.filter);
    }
    this.count.setAttribute("role", "status");
    const save = made("button", "Save as CSV", "quiet-button") as HTMLButtonElement;
    save.type = "button";
    save.setAttribute("aria-label", `Save as CSV: the rows of ${name}`);
    save.addEventListener("click", () => this.save(name));
    tools.append(this.count, this.pages, save);
    const around = this.table.closest(".scroll") ?? this.table;
    if (this.rows.length > 1) around.before(tools);
  }

  private sort(): void {
    const { column, direction } = this.state;
    if (column === null) return;
    for (const each of this.headings) each.removeAttribute("aria-sort");
    const heading = this.headings[column];
    heading?.setAttribute("aria-sort", direction);
    const isFigure = heading?.classList.contains("figure") === true;
    const of = new Map(this.rows.map((row) => [row, row.cells[column] ? textOf(row.cells[column]) : ""]));
    // Sorting may compare rounded figures; what stands in the cells stays exact.
    const worth = (row: HTMLTableRowElement): number => {
      const found = Number.parseFloat(of.get(row) ?? "");
      return Number.isNaN(found) ? Number.NEGATIVE_INFINITY : found;
    };
    this.rows.sort((one, other) =>
      isFigure
        ? worth(one) - worth(other)
        : (of.get(one) ?? "").localeCompare(of.get(other) ?? "", "en", { numeric: true }),
    );
    if (direction === "descending") this.rows.reverse();
    this.body.append(...this.rows);
  }

  /** The rows that have every word of the filter. */
  private found(): HTMLTableRowElement[] {
    const words = this.state.filter.toLowerCase().split(/\s+/).filter((word) => word !== "");
    return this.rows.filter((row) => {
      const text = (row.textContent ?? "").toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }

  private show(): void {
    const found = this.found();
    const last = Math.max(0, Math.ceil(found.length / PAGE_ROWS) - 1);
    const page = Math.min(this.state.page, last);
    const shown = new Set(found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS));
    for (const row of this.rows) row.hidden = !shown.has(row);
    const all = this.rows.length;
    this.count.textContent = found.length === all ? `${all} rows` : `${found.length} of ${all} rows`;
    this.pages.replaceChildren();
    if (last > 0) this.addTurns(page, last);
  }

  private addTurns(page: number, last: number): void {
    const turn = (words: string, to: number): HTMLElement => {
      const button = made("button", words, "quiet-button") as HTMLButtonElement;
      button.type = "button";
      button.disabled = to < 0 || to > last;
      button.addEventListener("click", () => {
        this.state = { ...this.state, page: to };
        this.show();
      });
      return button;
    };
    this.pages.append(turn("Previous", page - 1), made("span", `page ${page + 1} of ${last + 1}`), turn("Next", page + 1));
  }

  /** So that the address can be shared with what is filtered. */
  private keepInAddress(): void {
    if (firstWithFilter() !== this) return;
    const address = new URL(location.href);
    if (this.state.filter === "") address.searchParams.delete(FILTER);
    else address.searchParams.set(FILTER, this.state.filter);
    history.replaceState(history.state, "", address);
  }

  private save(name: string): void {
    const headings = this.headings.map((heading) => textOf(heading));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csvOf(headings, this.found())], { type: "text/csv" }));
    link.download = `${`${document.title.split(" · ")[0]} ${name}`.toLowerCase().replace(/[^a-z0-9]+/g, "-").slice(0, 80)}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
