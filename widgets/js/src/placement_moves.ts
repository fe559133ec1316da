// Functions and arrays dragged from one device's lane to another, or moved there by the arrow keys: each asks what it costs.
import { html } from "./dom";
import type { DeviceData, PlacementData } from "./types";
import type { Thing } from "./whatif";

const KIND = "application/x-wengert-move";
const KEYS = "Drag it to another device, or press the left or right arrow key.";

/** A chip of something that can be moved; `home` is where it is now. */
export function movable(chip: HTMLElement, thing: Thing, home: string): HTMLElement {
  chip.draggable = true;
  chip.tabIndex = 0;
  chip.classList.add("wgt-movable");
  chip.setAttribute("role", "button");
  chip.setAttribute("aria-label", `${thing.kind === "function" ? "function" : "array"} ${thing.name} on ${home}. ${KEYS}`);
  Object.assign(chip.dataset, { moveKind: thing.kind, moveName: thing.name, moveHome: home });
  return chip;
}

const thingOf = (chip: HTMLElement): Thing => ({ kind: chip.dataset["moveKind"] as Thing["kind"], name: chip.dataset["moveName"]! });

/** Where a thing may go: the devices that can be used. */
const targetsOf = (data: PlacementData): string[] => data.devices.filter((device: DeviceData) => data.targets.includes(device.id)).map((device) => device.id);

export function listenForMoves(root: HTMLElement, data: () => PlacementData, move: (thing: Thing, device: string) => void): void {
  let dragged: HTMLElement | null = null;
  const lane = (event: Event): HTMLElement | null => (event.target as Element).closest<HTMLElement>("[data-device]");
  const takes = (found: HTMLElement | null): found is HTMLElement =>
    dragged !== null && found !== null && found.dataset["device"] !== dragged.dataset["moveHome"] && targetsOf(data()).includes(found.dataset["device"]!);
  const unmark = (): void => root.querySelectorAll(".wgt-lane-open").forEach((found) => found.classList.remove("wgt-lane-open"));
  root.addEventListener("dragstart", (event) => {
    dragged = (event.target as Element).closest<HTMLElement>(".wgt-movable");
    if (!dragged || !event.dataTransfer) return;
    event.dataTransfer.setData(KIND, dragged.dataset["moveName"]!);
    event.dataTransfer.effectAllowed = "move";
  });
  root.addEventListener("dragover", (event) => {
    const found = lane(event);
    unmark();
    if (!takes(found)) return;
    event.preventDefault();
    found.classList.add("wgt-lane-open");
  });
  root.addEventListener("drop", (event) => {
    const found = lane(event);
    unmark();
    if (!takes(found)) return;
    event.preventDefault();
    move(thingOf(dragged!), found.dataset["device"]!);
  });
  root.addEventListener("dragend", () => {
    dragged = null;
    unmark();
  });
  root.addEventListener("keydown", (event) => {
    const chip = (event.target as Element).closest<HTMLElement>(".wgt-movable");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!chip || step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const targets = targetsOf(data());
    const to = targets[targets.indexOf(chip.dataset["moveHome"]!) + step];
    if (to !== undefined) move(thingOf(chip), to);
  });
}

/** What was asked about a device, as chips in its lane. */
export function guests(device: DeviceData, data: PlacementData, words: (seconds: number) => string): HTMLElement[] {
  return data.estimates
    .filter((e) => e.device === device.id && homeOf(e.function, data) !== device.id)
    .map((e) => html("div", { class: "wgt-chip wgt-chip-guest" }, html("span", { class: "wgt-chip-name" }, e.function), html("span", { class: "wgt-amount" }, e.measured === null ? `${words(e.predicted)}, predicted` : `${words(e.measured)}, measured`)));
}

/** Where a function or an array is: functions that can be moved run on the host. */
export const homeOf = (name: string, data: PlacementData): string => data.arrays.find((array) => array.name === name)?.device ?? data.devices[0]!.id;
