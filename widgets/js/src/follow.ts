// How a view stays current and ends: what it hears of its model, its size, and what it closes.
import type { Cleanup, WidgetModel } from "./types";

/** Call `heard[name]` when that trait of the model changes and `resized` when `element` does, until the cleanup, which calls
 * `close`, too. */
export function follow(model: WidgetModel, element: Element, heard: Record<string, () => void>, resized: () => void, close: () => void = () => undefined): Cleanup {
  for (const [name, act] of Object.entries(heard)) model.on(`change:${name}`, act);
  const observer = new ResizeObserver(resized);
  observer.observe(element);
  return () => {
    observer.disconnect();
    close();
    for (const [name, act] of Object.entries(heard)) model.off(`change:${name}`, act);
  };
}

/** `act`, once before the next frame is painted however often it is called: answers may come faster than that. */
export function eachFrame(act: () => void): () => void {
  let due = false;
  return () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      act();
    });
  };
}

/** When what stands in the page now has been painted. */
export const painted = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
