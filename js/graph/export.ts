// The whole picture as a file: SVG that stands alone, or PNG at twice its size.

import { svg } from "../lib/dom";
import type { Palette } from "./colours";
import { paintScene } from "./paint";
import { CanvasPen, SvgPen } from "./pen";
import type { Stage } from "./stage";
import { oneLine } from "./text";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif";
/** Browsers refuse canvases beyond this. */
const LARGEST = 16_000;

/** The picture as it is now, with everything in sight and nothing selected. */
function wholeLook(stage: Stage, palette: Palette) {
  const { scene } = stage;
  const everything = { left: 0, top: 0, right: scene.width, bottom: scene.height };
  const look = stage.look(scene.rects, 1, 1, everything);
  return { ...look, palette, selected: -1, hovered: -1, lit: new Set<number>(), found: null, onTrail: null };
}

export function svgText(stage: Stage): string {
  const { scene, palette } = stage;
  const root = svg("svg", {
    xmlns: "http://www.w3.org/2000/svg",
    width: Math.ceil(scene.width),
    height: Math.ceil(scene.height),
    viewBox: `0 0 ${Math.ceil(scene.width)} ${Math.ceil(scene.height)}`,
  });
  root.append(svg("title", {}, oneLine(stage.record.title, 200)));
  root.append(svg("rect", { width: "100%", height: "100%", fill: palette.background }));
  paintScene(new SvgPen(root, FONT), scene, wholeLook(stage, palette));
  return new XMLSerializer().serializeToString(root);
}

export async function pngBlob(stage: Stage): Promise<Blob | null> {
  const { scene, palette } = stage;
  const scale = Math.min(2, LARGEST / Math.max(scene.width, scene.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(scene.width * scale);
  canvas.height = Math.ceil(scene.height * scale);
  const context = canvas.getContext("2d");
  if (!context) return null;
  context.fillStyle = palette.background;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  paintScene(new CanvasPen(context, FONT), scene, { ...wholeLook(stage, palette), scale: Math.max(scale, 0.5) });
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

/** Let the browser save the file. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.replace(/[^\w.-]+/g, "_").slice(0, 80) || "graph";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
