// Whether a kernel listens; a message to one that does not would be an error in the console.
import { keepFocus } from "./dom";
import type { WidgetModel } from "./types";

interface Kernel {
  isDisposed?: boolean;
  status?: string;
}

/** False only where the front end says that there is none: other front ends than JupyterLab may not say. */
export function hasKernel(model: WidgetModel): boolean {
  const manager = model.widget_manager as { kernel?: Kernel | null } | undefined;
  if (!manager || !("kernel" in manager)) return true;
  const { kernel } = manager;
  return !!kernel && !kernel.isDisposed && kernel.status !== "dead";
}

/** True where the front end says that the kernel is at work. */
export function isBusy(model: WidgetModel): boolean {
  const manager = model.widget_manager as { kernel?: Kernel | null } | undefined;
  return hasKernel(model) && manager?.kernel?.status === "busy";
}

/** The same model for the view in `el`: it keeps changes to itself where no kernel listens, and the focus where it is when the
 * view is drawn anew. */
export function careful(model: WidgetModel, el: Element): WidgetModel {
  const kept = new Map<() => void, () => void>();
  const keeping = (callback: () => void): (() => void) => {
    const found = kept.get(callback) ?? ((...given: []) => keepFocus(el, () => callback(...given)));
    kept.set(callback, found);
    return found;
  };
  const unpacked = new Map<string, unknown>(); // what a view shows is a text in a saved notebook, see saved.ts
  const get = <T>(name: string): T => {
    const value = model.get<unknown>(name);
    if (name !== "data" || typeof value !== "string") return value as T;
    if (!unpacked.has(value)) {
      unpacked.clear();
      unpacked.set(value, JSON.parse(value));
    }
    return unpacked.get(value) as T;
  };
  return {
    get,
    set: (name, value) => model.set(name, value),
    on: (name, callback) => model.on(name, keeping(callback)),
    off: (name, callback) => model.off(name, callback && keeping(callback)),
    save_changes: () => {
      if (hasKernel(model)) model.save_changes();
    },
    send: (content, callbacks, buffers) => {
      if (hasKernel(model)) model.send(content, callbacks, buffers);
    },
    ...(model.widget_manager ? { widget_manager: model.widget_manager } : {}),
  };
}
