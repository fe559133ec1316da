// One device of the placement: its memory, the functions, arrays and kernels on it, and what was asked about it.
import { html } from "./dom";
import { formatBytes, plural } from "./format";
import type { WhatIf } from "./whatif";
import type { DeviceData, PlacementData } from "./types";

const MOST_CHIPS = 8;

export function lane(device: DeviceData, data: PlacementData, question: WhatIf): HTMLElement {
  const arrays = data.arrays.filter((array) => array.device === device.id).sort((a, b) => b.bytes - a.bytes);
  const kernels = data.kernels.filter((kernel) => kernel.device === device.id);
  const card = html(
    "section",
    { class: `wgt-lane${device.available ? "" : " wgt-unavailable"}`, "data-device": device.id, "aria-label": `${device.id}: ${device.name}` },
    html("header", {}, html("strong", {}, device.id), html("span", { class: "wgt-muted" }, device.name)),
  );
  if (!device.available) {
    card.append(html("p", { class: "wgt-reason" }, `Not available: ${device.reason || "no reason given"}`));
    return card;
  }
  if (device.memory_total > 0) card.append(memory(device));
  const chips = (items: HTMLElement[], noun: string): void => {
    card.append(html("div", { class: "wgt-caption" }, items.length === 0 ? `no ${noun}s` : plural(items.length, noun)));
    card.append(...items.slice(0, MOST_CHIPS));
    if (items.length > MOST_CHIPS) card.append(html("div", { class: "wgt-muted" }, `and ${items.length - MOST_CHIPS} more`));
  };
  const chip = (kind: string, name: string, fact: string, amount: string): HTMLElement =>
    html(
      "div",
      { class: `wgt-chip wgt-chip-${kind}`, title: `${name}: ${fact}, ${amount}` },
      html("span", { class: "wgt-chip-name" }, name),
      html("span", { class: "wgt-amount" }, amount),
      fact !== "" && html("span", { class: "wgt-fact wgt-muted" }, fact),
    );
  const shape = (dimensions: number[]): string => (dimensions.length === 0 ? "scalar" : dimensions.join("×"));
  const functions = data.movable.filter((movable) => movable.device === device.id);
  if (functions.length > 0) chips(functions.map(({ name }) => question.movable("function", name, device.id, chip("function", name, "", ""))), "function");
  chips(arrays.map((array) => question.movable("value", array.name, device.id, chip("array", array.name, `${shape(array.shape)} ${array.dtype}`, formatBytes(array.bytes)))), "array");
  if (kernels.length > 0)
    chips(kernels.map((kernel) => chip("kernel", kernel.name, kernel.line === null ? "" : `line ${kernel.line}`, kernel.launches === 1 ? "1 launch" : `${kernel.launches} launches`)), "kernel");
  const asked = data.estimates.filter((estimate) => estimate.device === device.id);
  if (asked.length > 0) card.append(html("div", { class: "wgt-caption" }, "what if here"), ...asked.map((estimate) => question.card(estimate)));
  return card;
}

function memory(device: DeviceData): HTMLElement {
  const share = Math.min(1, device.memory_used / device.memory_total);
  const words = `${formatBytes(device.memory_used)} of ${formatBytes(device.memory_total)} in use`;
  return html(
    "div",
    { class: "wgt-memory", role: "meter", "aria-label": "memory in use", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share * 100), "aria-valuetext": words },
    html("div", { class: "wgt-meter" }, html("div", { style: `width:${(share * 100).toFixed(2)}%` })),
    html("span", { class: "wgt-muted" }, words),
  );
}
