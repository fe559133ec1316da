// The transfer ledger: every copy with its size, direction, time and reason, sortable by each column.
import { html } from "./dom";
import { formatBytes, formatMilliseconds, plural } from "./format";
import type { PlacementData, TransferData } from "./types";

type Column = "order" | "array" | "bytes" | "direction" | "milliseconds" | "why";
const COLUMNS: [Column, string][] = [
  ["order", "#"],
  ["array", "array"],
  ["bytes", "bytes"],
  ["direction", "direction"],
  ["milliseconds", "time"],
  ["why", "why"],
];
const NUMERIC: ReadonlySet<Column> = new Set(["order", "bytes", "milliseconds"]);

export interface Ledger {
  element: HTMLElement;
  sort(sort: string): void;
  select(order: number): void;
}

/** `sort` is "<column>:ascending" or "<column>:descending". */
export function ledger(data: PlacementData, sort: string, choose: (order: number) => void, sorted: (sort: string) => void): Ledger {
  const body = html("tbody");
  const largest = Math.max(...data.transfers.map((transfer) => transfer.bytes), 1);
  let current = sort;
  const heads = COLUMNS.map(([column, title]) => {
    const button = html("button", { type: "button", onclick: () => sorted(nextSort(current, column)) }, title);
    return html("th", { scope: "col", "data-column": column, class: NUMERIC.has(column) ? "wgt-number" : null }, button);
  });
  const rows = new Map(data.transfers.map((transfer) => [transfer.order, row(transfer, largest, choose)]));
  const total = html(
    "tr",
    {},
    html("td"),
    html("td", {}, plural(data.transfers.length, "copy").replace("copys", "copies")),
    html("td", { class: "wgt-number" }, formatBytes(data.total_bytes)),
    html("td"),
    html("td", { class: "wgt-number" }, formatMilliseconds(data.total_milliseconds)),
    html("td"),
  );
  const element = html(
    "div",
    { class: "wgt-ledger", tabindex: 0, role: "group", "aria-label": "transfer ledger" },
    html("table", {}, html("thead", {}, html("tr", {}, ...heads)), body, data.transfers.length > 0 && html("tfoot", {}, total)),
  );
  const apply = (wanted: string): void => {
    current = wanted;
    const [column, way] = wanted.split(":") as [Column, string];
    const sign = way === "descending" ? -1 : 1;
    const order = [...data.transfers].sort((a, b) => sign * compare(a[column], b[column]) || a.order - b.order);
    body.replaceChildren(...order.map((transfer) => rows.get(transfer.order)!));
    for (const head of heads) head.setAttribute("aria-sort", head.dataset["column"] === column ? way : "none");
  };
  apply(sort);
  return {
    element,
    sort: apply,
    select(order) {
      for (const [key, item] of rows) {
        item.classList.toggle("wgt-selected", key === order);
        item.setAttribute("aria-selected", String(key === order));
      }
    },
  };
}

const compare = (a: string | number, b: string | number): number =>
  typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));

/** A click on the sorted column turns it round; numbers start with the largest, words with a. */
export function nextSort(current: string, column: Column): string {
  const [sortedBy, way] = current.split(":");
  if (sortedBy === column) return `${column}:${way === "ascending" ? "descending" : "ascending"}`;
  return `${column}:${NUMERIC.has(column) && column !== "order" ? "descending" : "ascending"}`;
}

function row(transfer: TransferData, largest: number, choose: (order: number) => void): HTMLTableRowElement {
  const share = ((100 * transfer.bytes) / largest).toFixed(1);
  const direction = transfer.direction.replace(" ", "-");
  return html(
    "tr",
    {
      "data-row": transfer.order,
      tabindex: 0,
      onclick: () => choose(transfer.order),
      onkeydown: (event: KeyboardEvent) => {
        if (event.key === "Enter") choose(transfer.order);
      },
    },
    html("td", { class: "wgt-number wgt-muted" }, String(transfer.order)),
    html("td", { class: "wgt-code" }, transfer.array),
    html("td", { class: `wgt-number wgt-share wgt-${direction}`, style: `--wgt-share:${share}%` }, formatBytes(transfer.bytes)),
    html("td", { class: "wgt-nowrap" }, html("span", { class: `wgt-dot wgt-${direction}`, "aria-hidden": "true" }), transfer.direction),
    html("td", { class: "wgt-number" }, formatMilliseconds(transfer.milliseconds)),
    html("td", { class: "wgt-why" }, transfer.why),
  );
}
