// A place beside the notebook: one panel after another, to the right of the notebook where JupyterLab's shell is found.
//
// JupyterLab gives widgets no way to the shell; it is the root of the tree of Lumino widgets that the output lies in.
import { html } from "./dom";
import type { Cleanup, RenderContext, WidgetModel } from "./types";

type Render = (kind: string, context: RenderContext) => Cleanup;

interface Lumino {
  node: HTMLElement;
  id: string;
  title: { label: string; caption: string; closable: boolean };
  parent: Lumino | null;
  constructor: unknown;
  onCloseRequest(): void;
  dispose(): void;
  disposed: { connect(slot: () => void): void };
}
interface Shell extends Lumino {
  add(widget: Lumino, area: string, options: Record<string, unknown>): void;
  currentWidget: Lumino | null;
  mode: string;
}
type LuminoClass = new (options: { node: HTMLElement }) => Lumino;
interface RealModel extends WidgetModel {
  views?: Record<string, Promise<{ luminoWidget?: Lumino; pWidget?: Lumino }>>;
}

const ATTACHED_WITHIN = 40; // animation frames

export function renderLab({ model, el }: RenderContext, render: Render): Cleanup {
  const note = html("p", { class: "wgt-muted", role: "status" });
  const page = html("div", { class: "wgt-lab-page" });
  const node = html("div", { class: "wgt-lab", "data-view": "lab" }, page);
  const here = html("div", { class: "wgt" }, note);
  el.append(here);
  let cleanup: Cleanup | undefined;
  let side: Lumino | undefined;
  let mounted = true;
  let shown = "";

  async function show(): Promise<void> {
    const id = model.get<string>("panel");
    if (id === shown) return;
    shown = id;
    cleanup?.();
    cleanup = undefined;
    if (id === "") return page.replaceChildren(html("p", { class: "wgt wgt-muted" }, "The next cell under %%autodiff, %%batch or %%offload is shown here."));
    const child = await model.widget_manager!.get_model(id);
    if (!mounted || shown !== id) return;
    page.replaceChildren();
    cleanup = render("panel", { model: child, el: page });
  }
  async function place(): Promise<void> {
    const found = await findShell(model, el);
    if (!mounted) return;
    if (!found) {
      note.textContent = "There is no place beside the notebook in this front end: the panel of the last function is here.";
      here.append(node);
      return;
    }
    const { shell, Widget } = found;
    side = new Widget({ node });
    side.id = `wengert-lab-${model.get<string>("own")}`;
    Object.assign(side.title, { label: "Wengert", caption: "the panel of the last function", closable: true });
    side.onCloseRequest = () => side?.dispose();
    side.disposed.connect(() => {
      side = undefined;
      if (!mounted) return;
      note.textContent = "The panel was closed; %wengert lab opens it again.";
      model.set("closed", true);
      model.save_changes();
    });
    note.textContent = "The panel of the last function stands beside the notebook.";
    shell.add(side, "main", { mode: "split-right", ref: shell.currentWidget?.id, activate: false });
  }
  const changed = (): void => void show();
  model.on("change:panel", changed);
  if (model.get("closed")) note.textContent = "The panel was closed; %wengert lab opens it again.";
  else void place().then(show);
  return () => {
    mounted = false;
    cleanup?.();
    model.off("change:panel", changed);
    side?.dispose();
  };
}

async function findShell(model: WidgetModel, el: HTMLElement): Promise<{ shell: Shell; Widget: LuminoClass } | null> {
  for (let frame = 0; !el.isConnected && frame < ATTACHED_WITHIN; frame += 1) await new Promise(requestAnimationFrame);
  const own = (await model.widget_manager?.get_model(model.get<string>("own"))) as RealModel | undefined;
  for (const waiting of Object.values(own?.views ?? {})) {
    const view = await waiting;
    let widget = view.luminoWidget ?? view.pWidget;
    if (!widget) continue;
    const Widget = baseOf(widget.constructor);
    while (widget.parent) widget = widget.parent;
    const shell = widget as Shell;
    if (typeof shell.add === "function" && typeof shell.mode === "string") return { shell, Widget };
  }
  return null;
}

/** Lumino's Widget, of which the given class is one: the last with a static `attach`. */
function baseOf(constructor: unknown): LuminoClass {
  let found = constructor as LuminoClass & { attach?: unknown };
  for (let next = Object.getPrototypeOf(found); typeof next?.attach === "function"; next = Object.getPrototypeOf(next)) found = next;
  return found;
}
