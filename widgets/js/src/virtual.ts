// A long list of lines of one height, of which only those in sight are in the page.
import { html } from "./dom";

export const LINE_HEIGHT = 20;
const AHEAD = 12; // lines drawn above and below what is in sight

export interface VirtualList {
  element: HTMLElement;
  show(count: number, draw: (index: number) => HTMLElement): void;
  redraw(): void;
  /** Bring line `index` into sight. */
  reveal(index: number): void;
}

/** The lines to draw for a scroll position: from (included) to (excluded). */
export function windowOf(top: number, height: number, count: number): [number, number] {
  const from = Math.max(0, Math.floor(top / LINE_HEIGHT) - AHEAD);
  return [from, Math.min(count, Math.ceil((top + height) / LINE_HEIGHT) + AHEAD)];
}

export function virtualList(label: string): VirtualList {
  const room = html("div", { class: "wgt-lines-room" });
  const element = html("div", { class: "wgt-lines", tabindex: 0, role: "group", "aria-label": label }, room);
  let count = 0;
  let draw: (index: number) => HTMLElement = () => html("div");
  let drawn: [number, number] = [-1, -1];
  const live = new Map<number, HTMLElement>();
  const update = (): void => {
    const [from, to] = windowOf(element.scrollTop, element.clientHeight || 400, count);
    if (from === drawn[0] && to === drawn[1]) return;
    if (drawn[0] < 0) for (const [index, row] of live) (row.remove(), live.delete(index));
    drawn = [from, to];
    for (const [index, row] of live) if (index < from || index >= to) (row.remove(), live.delete(index));
    for (let index = from; index < to; index += 1) {
      if (live.has(index)) continue; // a line that stays in sight stays as it is
      const row = draw(index);
      row.style.top = `${index * LINE_HEIGHT}px`;
      live.set(index, row);
      room.append(row);
    }
  };
  element.addEventListener("scroll", update, { passive: true });
  return {
    element,
    show(total, make) {
      [count, draw, drawn] = [total, make, [-1, -1]];
      room.style.height = `${total * LINE_HEIGHT}px`;
      update();
    },
    redraw() {
      drawn = [-1, -1];
      update();
    },
    reveal(index) {
      const y = index * LINE_HEIGHT;
      if (y < element.scrollTop + LINE_HEIGHT || y > element.scrollTop + element.clientHeight - 2 * LINE_HEIGHT)
        element.scrollTop = Math.max(0, y - element.clientHeight / 3);
    },
  };
}
