// The time axis of the timeline: the part in view, zooming and panning it, lanes without overlaps.
import type { EventData, LaneName } from "./types";

export type Window = [number, number];
const SMALLEST = 1e-4; // shares of the whole

/** Zoom by `factor` (below 1: in) so that the share `about` of the whole stays where it is. */
export function zoomWindow([from, to]: Window, factor: number, about: number): Window {
  const width = Math.min(1, Math.max(SMALLEST, (to - from) * factor));
  const share = to > from ? (about - from) / (to - from) : 0.5;
  return clampWindow([about - share * width, about + (1 - share) * width]);
}

export function panWindow([from, to]: Window, by: number): Window {
  return clampWindow([from + by, to + by]);
}

export function clampWindow([from, to]: Window): Window {
  const width = Math.min(1, to - from);
  const start = Math.min(1 - width, Math.max(0, from));
  return [start, start + width];
}

export interface Track {
  lane: LaneName;
  /** for each event of the lane: the row of the lane it is drawn in */
  rows: Map<EventData, number>;
  count: number;
}

/** Puts the events of each lane into as few rows as keep them apart; an event counts as at least `least` long. */
export function packLanes(events: EventData[], lanes: LaneName[], least = 0): Track[] {
  return lanes.map((lane) => {
    const ends: number[] = [];
    const rows = new Map<EventData, number>();
    for (const event of events.filter((other) => other.lane === lane).sort((a, b) => a.start - b.start)) {
      let row = ends.findIndex((end) => end <= event.start);
      if (row < 0) row = ends.length;
      ends[row] = Math.max(event.end, event.start + least);
      rows.set(event, row);
    }
    return { lane, rows, count: Math.max(1, ends.length) };
  });
}
