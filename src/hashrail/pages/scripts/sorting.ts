// Tables of class `sortable` are sorted by a press on a heading: figures by their worth, everything else as text.

type Direction = "ascending" | "descending";

export function makeSortable(root: ParentNode): void {
  for (const table of root.querySelectorAll<HTMLTableElement>("table.sortable")) {
    const headings = [...(table.tHead?.rows[0]?.cells ?? [])];
    headings.forEach((heading, column) => {
      if (heading.textContent === "") return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sorts";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const direction: Direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        for (const each of headings) each.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", direction);
        sort(table, column, heading.classList.contains("figure"), direction);
      });
    });
  }
}

function sort(table: HTMLTableElement, column: number, isFigure: boolean, direction: Direction): void {
  const body = table.tBodies[0];
  if (body === undefined) return;
  const text = (row: HTMLTableRowElement): string => {
    const cell = row.cells[column];
    return cell?.querySelector("time")?.dateTime ?? cell?.textContent?.trim() ?? "";
  };
  // Sorting may compare rounded figures; what stands in the cells stays exact.
  const worth = (row: HTMLTableRowElement): number => {
    const found = Number(text(row).replaceAll(",", ""));
    return Number.isNaN(found) ? Number.NEGATIVE_INFINITY : found;
  };
  const rows = [...body.rows].sort((one, other) =>
    isFigure ? worth(one) - worth(other) : text(one).localeCompare(text(other), "en", { numeric: true }),
  );
  body.append(...(direction === "ascending" ? rows : rows.reverse()));
}
