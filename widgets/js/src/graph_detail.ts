// What the graph shows of the selected operation: its IR and type from the data, and the kernel's words.
import { html } from "./dom";
import type { GraphData, GraphNode } from "./types";

export interface DetailPane {
  element: HTMLElement;
  /** value: what the node was in the last watched run, "" where that is not known */
  show(node: GraphNode | undefined, data: GraphData, text: string, value: string): void;
}

export function detailPane(choose: (id: string) => void): DetailPane {
  const element = html("div", { class: "wgt-detail", "data-testid": "detail", "aria-live": "polite" });
  return {
    element,
    show(node, data, text, value) {
      if (!node) {
        element.replaceChildren(html("p", { class: "wgt-muted" }, "Select an operation to see its line, its IR and its type."));
        return;
      }
      const badge = (kind: string, label: string): HTMLElement => html("span", { class: `wgt-badge wgt-badge-${kind}` }, label);
      const heading = html(
        "div",
        { class: "wgt-heading" },
        html("strong", {}, node.label),
        badge(node.half, node.half),
        node.stored && badge("stored", "stored"),
        data.has_adjoint && node.half === "primal" && !node.active && badge("inactive", "inactive"),
        html("span", { class: "wgt-space" }),
        node.line !== null && html("span", { class: "wgt-muted" }, node.column === null ? `line ${node.line}` : `line ${node.line}:${node.column}`),
      );
      const partners = node.mirror !== null ? [node.mirror] : data.nodes.filter((entry) => entry.mirror === node.id).map((entry) => entry.id);
      const label = (id: string): string => data.nodes.find((entry) => entry.id === id)?.label ?? id;
      const links = partners.map((id) => html("button", { class: "wgt-link", type: "button", onclick: () => choose(id) }, label(id)));
      element.replaceChildren(
        heading,
        ...(node.ir ? [html("pre", { class: "wgt-ir" }, node.ir)] : []),
        ...(node.type ? [html("div", { class: "wgt-type" }, html("span", { class: "wgt-muted" }, "type "), html("code", {}, node.type))] : []),
        ...(value ? [html("div", { class: "wgt-type", "data-testid": "value" }, html("span", { class: "wgt-muted" }, "value "), html("code", {}, value))] : []),
        ...(node.note ? [html("p", { class: "wgt-note" }, node.note)] : []),
        ...(links.length > 0 ? [html("div", { class: "wgt-links" }, html("span", { class: "wgt-muted" }, node.mirror === null ? "adjoint " : "derived from "), ...links)] : []),
        ...(text ? [] : facts(node, data).map((fact) => html("p", { class: "wgt-note" }, fact))),
        ...(text ? [html("pre", { class: "wgt-kernel", "data-testid": "kernel-detail" }, text)] : []),
      );
    },
  };
}

/** What the kernel's words say of a node, as far as it is known without asking. */
function facts(node: GraphNode, data: GraphData): string[] {
  const rule = data.rules[node.rule] ?? "";
  return [...rule.split("\n").filter(Boolean).map((line) => `rule: ${line}`), node.sweep ? `${node.sweep}: ${node.reason}` : "", node.device ? `runs on ${node.device}` : ""].filter(Boolean);
}
