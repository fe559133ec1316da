// What if: a function on another device, its predicted cost, then the measured one and how far off the prediction was.
import { channel, hearingLine } from "./channel";
import { html } from "./dom";
import { formatBytes, formatCount, formatSeconds } from "./format";
import type { EstimateData, PlacementData, WidgetModel } from "./types";

export interface WhatIf {
  element: HTMLElement;
  load(data: PlacementData): void;
  close(): void;
}

export function whatIf(model: WidgetModel): WhatIf {
  const line = hearingLine();
  const asked = channel(model, line.hear);
  const what = html("select", { class: "wgt-select", "aria-label": "function to move" });
  const where = html("select", { class: "wgt-select", "aria-label": "to device" });
  const ask = (kind: string): void => asked.ask({ what: kind, function: what.value, device: where.value });
  const button = (text: string, kind: string): HTMLElement => html("button", { class: "wgt-button", type: "button", onclick: () => ask(kind) }, text);
  const form = html("div", { class: "wgt-bar" }, html("span", { class: "wgt-path-form" }, "What if ", what, " ran on ", where, "? "), button("Predict", "predict"), button("Measure", "measure"), line.element);
  const table = html("div", { class: "wgt-scroll" });
  const element = html("section", { class: "wgt-whatif", "data-testid": "what-if" }, form, table);
  return {
    element,
    load(data) {
      element.hidden = data.movable.length === 0 && data.estimates.length === 0;
      form.hidden = !model.get<boolean>("asks");
      for (const [select, names] of [[what, data.movable], [where, data.targets]] as const) {
        const before = select.value;
        select.replaceChildren(...names.map((name) => html("option", { value: name, selected: name === before }, name)));
      }
      table.replaceChildren(...(data.estimates.length > 0 ? [rows(data.estimates)] : []));
    },
    close: () => asked.close(),
  };
}

function rows(estimates: EstimateData[]): HTMLElement {
  const head = ["function", "device", "operations", "computing", "copies", "predicted", "measured", "predicted / measured"];
  const cells = (e: EstimateData): string[] => [
    e.function,
    e.device,
    formatCount(e.operations),
    formatSeconds(e.compute),
    e.copies > 0 ? `${formatSeconds(e.copies)} (${formatBytes(e.bytes)})` : "none",
    formatSeconds(e.predicted),
    e.measured === null ? "not yet" : formatSeconds(e.measured),
    e.ratio === null ? "" : e.ratio.toPrecision(2),
  ];
  return html(
    "table",
    { class: "wgt-ledger wgt-estimates" },
    html("thead", {}, html("tr", {}, ...head.map((name) => html("th", { scope: "col" }, html("span", { class: "wgt-th" }, name))))),
    html("tbody", {}, ...estimates.map((e) => html("tr", {}, ...cells(e).map((text, index) => html("td", { class: index < 2 ? "wgt-code" : null }, text))))),
  );
}
