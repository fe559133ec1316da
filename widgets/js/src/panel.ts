// One compact panel: a status line and tabs; Python builds a tab's view when the tab is first opened.
import { html, uniqueId } from "./dom";
import { painted } from "./follow";
import { hasKernel } from "./kernel";
import type { Cleanup, RenderContext, WidgetModel } from "./types";

interface Tab {
  title: string;
  state: "closed" | "ready" | "waiting" | "failed";
  /** id of the child widget's model, its kind, or the error in words */
  view: string;
  kind: string;
  error: string;
}
type Render = (kind: string, context: RenderContext) => Cleanup;

const ONE_LINE = 48; // characters of a status that fits beside the tabs
const LARGE = 400; // operations of a graph that takes a while to lay out: the status line is painted before it
const PATIENCE = 4000; // milliseconds until the panel says that a kernel has to run

export function renderPanel({ model, el }: RenderContext, render: Render): Cleanup {
  const status = html("div", { class: "wgt-status", role: "status" });
  const list = html("div", { class: "wgt-tabs", role: "tablist", "aria-label": "views" });
  const functions = model.get<string[] | undefined>("functions") ?? [];
  const chooser = html("select", { class: "wgt-select wgt-code", "aria-label": "function", onchange: () => (model.set("function", chooser.value), model.save_changes()) }, ...functions.map((name) => html("option", { value: name }, name)));
  const body = html("div", { class: "wgt-panel-body" });
  const root = html("div", { class: "wgt wgt-panel", "data-view": "panel" }, html("div", { class: "wgt-panel-head" }, status, html("div", { class: "wgt-panel-choice" }, functions.length > 1 && chooser, list)), body);
  el.append(root);

  const titles = model.get<Tab[]>("tabs").map((tab) => tab.title);
  const buttons: HTMLButtonElement[] = [];
  const pages: HTMLElement[] = [];
  /** what each page shows now, so that it is drawn once */
  const drawn: string[] = [];
  const cleanups = new Map<number, Cleanup>();
  const timers = new Set<number>();
  let mounted = true;

  const active = (): number => titles.indexOf(model.get<string>("active"));
  const open = (index: number): void => {
    const title = titles[index]!;
    if (model.get("active") !== title) model.set("active", title);
    model.save_changes();
  };
  titles.forEach((title, index) => {
    const [tabId, pageId] = [uniqueId("tab"), uniqueId("page")];
    const button = html("button", { type: "button", role: "tab", id: tabId, "aria-controls": pageId, class: "wgt-tab", onclick: () => (index === active() && !root.classList.contains("wgt-folded") ? fold(true) : (fold(false), open(index))) }, title);
    buttons.push(button);
    pages.push(html("div", { role: "tabpanel", id: pageId, "aria-labelledby": tabId, class: "wgt-page" }));
  });
  list.append(...buttons);
  body.append(...pages);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = event.key === "Home" ? 0 : event.key === "End" ? titles.length - 1 : step === undefined ? -1 : (active() + step + titles.length) % titles.length;
    if (next < 0) return;
    event.preventDefault();
    event.stopPropagation();
    fold(false);
    open(next);
    buttons[next]!.focus();
  });

  function fold(folded: boolean): void {
    root.classList.toggle("wgt-folded", folded);
    for (const button of buttons) button.setAttribute("aria-expanded", String(!folded));
  }

  function showStatus(): void {
    status.textContent = model.get<string>("status");
    const long = status.textContent.length > ONE_LINE;
    status.className = `wgt-status wgt-tone-${model.get<string>("tone")}${long ? " wgt-status-long" : ""}`;
  }

  function show(): void {
    const chosen = active();
    const tabs = model.get<Tab[]>("tabs");
    if (functions.length > 1) chooser.value = model.get<string>("function");
    chooser.disabled = !hasKernel(model); // which builds the views of the others
    buttons.forEach((button, index) => {
      button.setAttribute("aria-selected", String(index === chosen));
      button.title = index === chosen ? "again: fold" : "";
      button.tabIndex = index === Math.max(0, chosen) ? 0 : -1;
      pages[index]!.hidden = index !== chosen;
    });
    const tab = tabs[chosen];
    if (!tab) return;
    const content = `${tab.state}:${tab.view}:${tab.error}`;
    if (drawn[chosen] === content) return;
    drawn[chosen] = content;
    cleanups.get(chosen)?.();
    cleanups.delete(chosen);
    const page = pages[chosen]!;
    if (tab.state === "closed") showWorking(page, chosen);
    else if (tab.state === "failed") showError(page, tab.error);
    else if (tab.state === "waiting") page.replaceChildren(html("p", { class: "wgt-working wgt-muted", role: "status" }, tab.error));
    else void showView(page, chosen, tab);
  }

  function showWorking(page: HTMLElement, index: number): void {
    const hint = html("span");
    page.replaceChildren(html("p", { class: "wgt-working wgt-muted", role: "status" }, "working… ", hint));
    const timer = window.setTimeout(() => {
      timers.delete(timer);
      if (drawn[index]?.startsWith("closed")) hint.textContent = "The kernel builds this view: if none is running, run the cell again.";
    }, hasKernel(model) ? PATIENCE : 0);
    timers.add(timer);
  }

  function showError(page: HTMLElement, error: string): void {
    const retry = html("button", { type: "button", class: "wgt-button", onclick: () => {
      model.set("retries", model.get<number>("retries") + 1);
      model.save_changes();
    } }, "Try again");
    page.replaceChildren(html("div", { class: "wgt-error", role: "alert" }, html("strong", {}, "This view could not be made."), html("pre", {}, error), retry));
  }

  async function showView(page: HTMLElement, index: number, tab: Tab): Promise<void> {
    const content = drawn[index];
    let child: WidgetModel;
    try {
      child = await model.widget_manager!.get_model(tab.view);
    } catch {
      return showError(page, "Its widget is not in this page any more. Run the cell again.");
    }
    if ((child.get<{ nodes?: unknown[] }>("data").nodes?.length ?? 0) > LARGE) await painted();
    if (!mounted || drawn[index] !== content) return;
    page.replaceChildren();
    cleanups.set(index, render(tab.kind, { model: child, el: page }));
  }

  model.on("change:tabs", show);
  model.on("change:active", show);
  model.on("change:function", show);
  model.on("change:status", showStatus);
  model.on("change:tone", showStatus);
  showStatus();
  fold(false);
  show();
  return () => {
    mounted = false;
    for (const timer of timers) clearTimeout(timer);
    for (const cleanup of cleanups.values()) cleanup();
    model.off("change:tabs", show);
    model.off("change:active", show);
    model.off("change:function", show);
    model.off("change:status", showStatus);
    model.off("change:tone", showStatus);
  };
}
