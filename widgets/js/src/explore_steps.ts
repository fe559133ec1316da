// Where sliders are and may be next: asked for ahead of time, several questions at once, kept while nothing else changes.
import type { WidgetModel } from "./types";

/** What the kernel computed at one place: value, gradient, and samples of the picture where that depends on what moves. */
export interface Step {
  place: number[];
  numbers: Float64Array;
}
/** Which arguments move, and what stays meanwhile. */
export interface Move {
  names: string[];
  values: Record<string, number>;
  across: string[];
}
export interface Steps {
  /** Show the function at `place`: at once where it is known, else when the kernel has answered. `next` are the places where
   * the slider may be soon, the likeliest first. */
  go(move: Move, place: number[], next: number[][]): void;
  close(): void;
}

const MOST_ASKED = 3; // questions under way; of later ones only the last is kept
const ENOUGH = 32; // known places ahead, below which more are asked for
const MOST_PLACES = 1024;

const nameOf = (place: number[]): string => place.join();

export function steps(model: WidgetModel, show: (step: Step, move: Move) => void, fail: (words: string) => void): Steps {
  let known = new Map<string, Step>();
  let key = "";
  let serial = 0;
  let wanted: { move: Move; place: number[]; next: number[][] } | null = null;
  let waits = false; // whether a question waits for one of those under way
  const asked = new Map<number, { move: Move; key: string; places: number[][] }>();

  const keyOf = ({ names, values, across }: Move): string => JSON.stringify([names, across, Object.entries(values).filter(([name]) => !names.includes(name))]);
  const ask = (): void => {
    const { move, place, next } = wanted!;
    const places = [place, ...next].filter((one) => !known.has(nameOf(one))).slice(0, MOST_PLACES);
    if (places.length === 0) return;
    if (asked.size >= MOST_ASKED) {
      waits = true;
      return;
    }
    waits = false;
    serial += 1;
    asked.set(serial, { move, key, places });
    model.send({ steps: serial, ...move }, undefined, [Float64Array.from(places.flat()).buffer]);
  };
  const heard = (content?: unknown, buffers?: DataView[]): void => {
    const { steps: number, rows, error } = (content ?? {}) as { steps?: number; rows?: number; error?: string };
    const question = number === undefined ? undefined : asked.get(number);
    if (!question) return;
    asked.delete(number!);
    if (error) fail(error);
    if (rows && buffers?.[0] && question.key === key) {
      const view = buffers[0];
      const numbers = new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
      const width = numbers.length / rows;
      const found = question.places.slice(0, rows).map((place, row) => ({ place, numbers: numbers.subarray(row * width, (row + 1) * width) }));
      for (const step of found) known.set(nameOf(step.place), step);
      // Where the slider went on meanwhile and that place is not known yet, the newest answer still moves the picture along.
      if (wanted) show(known.get(nameOf(wanted.place)) ?? found[0]!, wanted.move);
    }
    if (wanted && (waits || (!error && !known.has(nameOf(wanted.place)) && asked.size === 0))) ask();
  };
  model.on("msg:custom", heard);
  return {
    go(move, place, next) {
      if (key !== keyOf(move)) {
        key = keyOf(move);
        known = new Map();
      }
      wanted = { move, place, next };
      const step = known.get(nameOf(place));
      if (step) show(step, move);
      const ahead = next.findIndex((one) => !known.has(nameOf(one)));
      if (!step || (ahead >= 0 && ahead < ENOUGH && asked.size === 0)) ask();
    },
    close: () => model.off("msg:custom", heard),
  };
}

/** The positions of a slider from 0 to `last` around `from`: those ahead in its direction first, one behind after each two. */
export function around(from: number, last: number, direction: number): number[] {
  const way = direction < 0 ? -1 : 1;
  const found: number[] = [];
  let [ahead, behind] = [from + way, from - way];
  const inside = (place: number): boolean => place >= 0 && place <= last;
  while (inside(ahead) || inside(behind)) {
    for (let k = 0; k < 2 && inside(ahead); k += 1, ahead += way) found.push(ahead);
    if (inside(behind)) found.push(behind);
    behind -= way;
  }
  return found;
}
