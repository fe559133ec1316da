// "How does x reach loss?": two names, the kernel's answer in words, and what of it the graph lights up.
import { html } from "./dom";
import { plural } from "./format";
import type { GraphData, GraphPathData } from "./types";

export interface PathBar {
  element: HTMLElement;
  load(data: GraphData, canAsk: boolean): void;
  show(path: GraphPathData | null): void;
}

export function pathBar(ask: (source: string, target: string) => void, clear: () => void, chooseLine: (line: number) => void): PathBar {
  const [from, to] = [html("select", { class: "wgt-select", "aria-label": "from argument" }), html("select", { class: "wgt-select", "aria-label": "to result" })];
  const answer = html("div", { class: "wgt-path", role: "status", "data-testid": "path" });
  const close = html("button", { class: "wgt-button", type: "button", onclick: () => clear() }, "Clear");
  const show = html("button", { class: "wgt-button", type: "button", onclick: () => ask(from.value, to.value) }, "Show");
  const form = html("span", { class: "wgt-path-form" }, "How does ", from, " reach ", to, "? ", show, close);
  const element = html("div", { class: "wgt-path-bar" }, form, answer);
  return {
    element,
    load(data, canAsk) {
      element.hidden = !canAsk || data.starts.length === 0 || data.ends.length === 0;
      from.replaceChildren(...data.starts.map((name) => html("option", { value: name }, name)));
      to.replaceChildren(...data.ends.map((name) => html("option", { value: name }, name)));
    },
    show(path) {
      close.hidden = path === null;
      answer.hidden = path === null;
      if (!path) return;
      if (path.steps.length === 0) return answer.replaceChildren(`${path.source} does not reach ${path.target}: the derivative is zero.`);
      const step = ([label, line]: [string, number | null]): HTMLElement =>
        line === null ? html("code", {}, label) : html("button", { class: "wgt-link", type: "button", title: `line ${line}`, onclick: () => chooseLine(line) }, label);
      const chain = path.steps.flatMap((entry, index) => [...(index > 0 ? [html("span", { "aria-hidden": "true" }, "→")] : []), step(entry)]);
      answer.replaceChildren(html("span", { class: "wgt-muted" }, `by ${plural(path.count, "operation")}; a shortest way: `), ...chain);
    },
  };
}
