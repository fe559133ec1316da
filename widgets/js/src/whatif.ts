// What if: a function or an array is dragged to another device, or moved there with the arrow keys; its predicted cost
// then stands in that lane, with a button that measures it.
import { channel, hearingLine } from "./channel";
import { html } from "./dom";
import { formatBytes, formatSeconds } from "./format";
import type { EstimateData, PlacementData, WidgetModel } from "./types";

type Kind = EstimateData["kind"];
export interface WhatIf {
  /** One line: what can be done, and what was answered last. */
  hint: HTMLElement;
  /** The chip of something in the lane `home`, made to be moved. */
  movable(kind: Kind, name: string, home: string, chip: HTMLElement): HTMLElement;
  /** The answer in the lane of the device that was asked about. */
  card(estimate: EstimateData): HTMLElement;
  load(data: PlacementData, lanes: HTMLElement): void;
  close(): void;
}

const FAR = 5; // pixels a pointer moves before it is a drag

export function whatIf(model: WidgetModel): WhatIf {
  const line = hearingLine();
  const asked = channel(model, line.hear);
  const said = html("span", { "aria-live": "polite", "data-testid": "said" });
  const hint = html("p", { class: "wgt-bar wgt-muted", "data-testid": "what-if" }, said, line.element);
  /** where each function and array was asked about last */
  const places = new Map<string, string>();
  let lanes: HTMLElement | undefined;
  let last = "";
  let refocus = "";

  const data = (): PlacementData => model.get<PlacementData>("data");
  const ask = (what: "predict" | "measure", kind: Kind, name: string, device: string): void => {
    const found = data().devices.find((other) => other.id === device);
    if (!data().targets.includes(device)) return line.hear({ state: "failed", words: `${device} cannot be used${found?.reason ? `: ${found.reason}` : ""}` });
    places.set(`${kind}:${name}`, device);
    last = `${kind}:${name}:${device}`;
    asked.ask({ what, kind, name, device });
  };
  const laneAt = (event: PointerEvent): HTMLElement | undefined =>
    [...(lanes?.querySelectorAll<HTMLElement>("[data-device]") ?? [])].find((one) => {
      const box = one.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    });

  const movable: WhatIf["movable"] = (kind, name, home, chip) => {
    if (!model.get<boolean>("asks")) return chip;
    const key = `${kind}:${name}`;
    chip.classList.add("wgt-movable");
    const facts = chip.textContent ?? name;
    for (const [attribute, value] of [["role", "button"], ["tabindex", "0"], ["data-move", key], ["aria-label", `${kind === "value" ? "array" : "function"} ${facts}, on ${home}: the left and right arrow keys ask what it would cost on another device, Enter asks about ${home}`]] as const) chip.setAttribute(attribute, value);
    chip.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, Enter: 0, " ": 0 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      refocus = key;
      const targets = data().targets;
      const at = targets.indexOf(step === 0 ? home : (places.get(key) ?? home));
      ask("predict", kind, name, targets[(at + step + targets.length) % targets.length] ?? home);
    });
    let start: [number, number] | null = null;
    const end = (): void => {
      start = null;
      chip.style.transform = "";
      chip.classList.remove("wgt-dragged");
      lanes?.querySelectorAll(".wgt-drop").forEach((one) => one.classList.remove("wgt-drop"));
    };
    chip.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = [event.clientX, event.clientY];
      chip.setPointerCapture(event.pointerId);
    });
    chip.addEventListener("pointermove", (event) => {
      if (!start) return;
      const [x, y] = [event.clientX - start[0], event.clientY - start[1]];
      if (!chip.classList.contains("wgt-dragged") && Math.hypot(x, y) < FAR) return;
      chip.classList.add("wgt-dragged");
      chip.style.transform = `translate(${x}px, ${y}px)`;
      const over = laneAt(event);
      lanes?.querySelectorAll("[data-device]").forEach((one) => one.classList.toggle("wgt-drop", one === over));
    });
    chip.addEventListener("pointerup", (event) => {
      const dragged = chip.classList.contains("wgt-dragged");
      const device = laneAt(event)?.dataset["device"];
      end();
      if (dragged && device) ask("predict", kind, name, device);
    });
    chip.addEventListener("pointercancel", end);
    return chip;
  };

  const card: WhatIf["card"] = (e) => {
    const off = e.ratio === null ? "" : ` (predicted ${times(e.ratio)})`;
    const measure = (): void => {
      refocus = `${e.kind}:${e.name}`;
      ask("measure", e.kind, e.name, e.device);
    };
    return html(
      "div",
      { class: "wgt-chip wgt-chip-asked", "data-estimate": `${e.kind}:${e.name}` },
      html("span", { class: "wgt-chip-name" }, e.name),
      html("span", { class: "wgt-amount" }, `≈ ${formatSeconds(e.predicted)}`),
      html("span", { class: "wgt-fact wgt-muted" }, parts(e)),
      e.measured === null
        ? model.get<boolean>("asks") && html("button", { class: "wgt-button", type: "button", "aria-label": `measure ${e.name} on ${e.device}`, onclick: measure }, "Measure")
        : html("span", { class: "wgt-fact" }, `measured ${formatSeconds(e.measured)}${off}`),
    );
  };

  return {
    hint,
    movable,
    card,
    load(now, drawn) {
      const kept = document.activeElement === document.body ? refocus : ""; // the chip that had it was drawn anew
      lanes = drawn;
      const can = model.get<boolean>("asks") && now.movable.length > 0;
      hint.hidden = !can && now.error === "";
      const found = now.estimates.find((e) => `${e.kind}:${e.name}:${e.device}` === last);
      const answer = found ? `${found.name} on ${found.device}: ${formatSeconds(found.predicted)} predicted${found.measured === null ? "" : `, ${formatSeconds(found.measured)} measured`}. ` : "";
      said.textContent = answer + (now.error || (answer || !can ? "" : "What if it ran there? Drag a function or an array to a device, or press an arrow key on it."));
      refocus = "";
      if (kept) queueMicrotask(() => drawn.querySelector<HTMLElement>(`[data-move="${CSS.escape(kept)}"]`)?.focus());
    },
    close: () => asked.close(),
  };
}

function parts(e: EstimateData): string {
  if (e.kind === "value") return e.bytes > 0 ? `${formatBytes(e.bytes)} copied, once` : "it is here already";
  return `computing ${formatSeconds(e.compute)}${e.copies > 0 ? `, copying ${formatSeconds(e.copies)} (${formatBytes(e.bytes)})` : ""}`;
}

/** How far a prediction is from what was measured, in words. */
function times(ratio: number): string {
  const off = Math.max(ratio, 1 / ratio);
  return off < 1.05 ? "to within 5 %" : `${off.toPrecision(2)} times too ${ratio > 1 ? "long" : "short"}`;
}
