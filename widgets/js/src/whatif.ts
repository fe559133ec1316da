// What if: a function on another device, its predicted cost, then the measured one and how far off the prediction was.
import { channel, hearingLine } from "./channel";
import { html } from "./dom";
import { formatBytes, formatCount, formatSeconds } from "./format";
import type { EstimateData, PlacementData, WidgetModel } from "./types";

export interface WhatIf {
  element: HTMLElement;
  /** Ask what it costs to have a function, or an array, on a device. */
  move(thing: Thing, device: string): void;
  load(data: PlacementData): void;
  close(): void;
}

export interface Thing {
  kind: "function" | "value";
  name: string;
}

export function whatIf(model: WidgetModel): WhatIf {
  const line = hearingLine();
  const asked = channel(model, line.hear);
  const what = html("select", { class: "wgt-select", "aria-label": "function to move" });
  const where = html("select", { class: "wgt-select", "aria-label": "to device" });
  const measure = (e: EstimateData): void => asked.ask({ what: "measure", [kindOf(e)]: e.function, device: e.device });
  const ask = (kind: string): void => asked.ask({ what: kind, function: what.value, device: where.value });
  const button = (text: string, kind: string): HTMLElement => html("button", { class: "wgt-button", type: "button", onclick: () => ask(kind) }, text);
  const form = html("div", { class: "wgt-bar" }, html("span", { class: "wgt-path-form" }, "What if ", what, " ran on ", where, "? "), button("Predict", "predict"), button("Measure", "measure"), line.element);
  const table = html("div", { class: "wgt-scroll" });
  const element = html("section", { class: "wgt-whatif", "data-testid": "what-if" }, form, table);
  return {
    element,
    move({ kind, name }, device) {
      if (kind === "function") [what.value, where.value] = [name, device];
      asked.ask({ what: "predict", [kind]: name, device });
    },
    load(data) {
      element.hidden = data.movable.length === 0 && data.estimates.length === 0;
      form.hidden = !model.get<boolean>("asks");
      for (const [select, names] of [[what, data.movable], [where, data.targets]] as const) {
        const before = select.value;
        select.replaceChildren(...names.map((name) => html("option", { value: name, selected: name === before }, name)));
      }
      table.replaceChildren(...(data.estimates.length > 0 ? [rows(data.estimates, model.get<boolean>("asks") ? measure : null)] : []));
    },
    close: () => asked.close(),
  };
}

/** An estimate without operations is that of an array's copy. */
const kindOf = (e: EstimateData): Thing["kind"] => (e.operations > 0 ? "function" : "value");

function rows(estimates: EstimateData[], measure: ((e: EstimateData) => void) | null): HTMLElement {
  const head = ["what", "device", "operations", "computing", "copies", "predicted", "measured", "predicted / measured"];
  const button = (e: EstimateData): HTMLElement => html("button", { class: "wgt-button", type: "button", "aria-label": `measure ${e.function} on ${e.device}`, onclick: () => measure!(e) }, "Measure");
  const cells = (e: EstimateData): (string | HTMLElement)[] => [
    e.function,
    e.device,
    e.operations > 0 ? formatCount(e.operations) : "copied",
    e.operations > 0 ? formatSeconds(e.compute) : "none",
    e.copies > 0 ? `${formatSeconds(e.copies)} (${formatBytes(e.bytes)})` : "none",
    formatSeconds(e.predicted),
    e.measured !== null ? formatSeconds(e.measured) : measure ? button(e) : "not yet",
    e.ratio === null ? "" : e.ratio.toPrecision(2),
  ];
  return html(
    "table",
    { class: "wgt-ledger wgt-estimates" },
    html("thead", {}, html("tr", {}, ...head.map((name) => html("th", { scope: "col" }, html("span", { class: "wgt-th" }, name))))),
    html("tbody", {}, ...estimates.map((e) => html("tr", {}, ...cells(e).map((text, index) => html("td", { class: index < 2 ? "wgt-code" : null }, text))))),
  );
}
