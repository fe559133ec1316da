// The drawn graph as a file: SVG that needs no style sheet, PNG of it, and any text.
import { svg } from "./dom";

const STYLES = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "dominant-baseline"];
const MARGIN = 12;

/** `stage` as SVG text of `width` by `height`, with the colours that it has on the page. */
export function svgText(stage: SVGGElement, width: number, height: number, paper: string, title: string): string {
  const copy = stage.cloneNode(true) as SVGGElement;
  const [from, to] = [[...stage.querySelectorAll("*")], [...copy.querySelectorAll("*")]];
  from.forEach((element, index) => {
    const computed = getComputedStyle(element);
    const target = to[index]!;
    for (const name of STYLES) {
      const value = computed.getPropertyValue(name);
      if (value !== "") target.setAttribute(name, value);
    }
    for (const name of ["class", "style", "tabindex", "role", "aria-pressed", "aria-expanded"]) target.removeAttribute(name);
  });
  copy.removeAttribute("transform");
  const [full, tall] = [Math.ceil(width + 2 * MARGIN), Math.ceil(height + 2 * MARGIN)];
  const root = svg("svg", { xmlns: "http://www.w3.org/2000/svg", width: full, height: tall, viewBox: `${-MARGIN} ${-MARGIN} ${full} ${tall}` }, svg("title", {}, title), svg("rect", { x: -MARGIN, y: -MARGIN, width: full, height: tall, fill: paper }), copy);
  return new XMLSerializer().serializeToString(root);
}

export async function pngOf(text: string): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png"));
}

export function download(content: Blob | string, name: string, type = "text/plain"): void {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content;
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  [link.href, link.download] = [address, name.replace(/[^\w.-]+/g, "_")];
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
