// Draws a scene with a pen. Only what is in sight, and only as much as its size lets one see.

import type { GraphNode, GraphRecord } from "../lib/records";
import type { Paint, Palette } from "./colours";
import { CHEVRON, EDGE_FONT, FONT, SMALL, edgeLabel, wordsOf } from "./labels";
import type { PlacedLevel } from "./layout/graph";
import { HEADER, ROUTE } from "./layout/types";
import type { Path, Pen, TextStyle } from "./pen";
import { STROKES, tensorOf, type Rects, type Scene } from "./scene";
import { textWidth } from "./text";

/** How the scene is to look now. */
export interface Look {
  palette: Palette;
  /** Positions: the scene's own, or on the way to them. */
  rects: Rects;
  /** 0 to 1: edges fade in at the end of a change. */
  edgeAlpha: number;
  scale: number;
  /** What is in sight, in the picture's units. */
  window: { left: number; top: number; right: number; bottom: number };
  paintOf(node: number): Paint;
  selected: number;
  hovered: number;
  /** The keyboard is here, so the selected node wears the focus ring. */
  focused: boolean;
  /** Nodes that a search found; the others step back. Null: no search. */
  found: ReadonlySet<number> | null;
  /** Tensors to bring out. */
  lit: ReadonlySet<number>;
  /** Nodes on the trail that is shown; the others step back. Null: none is shown. */
  onTrail: ReadonlySet<number> | null;
  /** How large the tensor of each edge is (`edgeSizes`). */
  sizes: Uint8Array;
}

const RADIUS = 6;
const CORNER = 6;
/** Letters smaller than this on the screen are not drawn. */
const LEGIBLE = 5;
/** Names of groups that are far away stand on them in letters of this size. */
const SIGN = 11;
/** Groups of such heights on the screen wear their name when their header is too small for it. */
const SIGNED = [40, 420] as const;

export function paintScene(pen: Pen, scene: Scene, look: Look): void {
  const depth = new Map<number, number>([[-1, -1]]);
  for (const level of scene.layout.levels) {
    const parent = level.group < 0 ? -1 : scene.record.nodes[level.group]!.parent;
    const above = depth.get(parent);
    if (level.group >= 0 && (above === undefined || !inSight(look, level.group, 6))) continue;
    depth.set(level.group, level.group < 0 ? -1 : above! + 1);
    paintLevel(pen, scene, look, level, depth.get(level.group)!);
  }
  if (headerFont(look) === 0) paintSigns(pen, scene, look);
}

/** Size of a header's letters: they shrink with the picture, and then a header has none. */
function headerFont(look: Look): number {
  const pixels = Math.min(FONT * Math.max(look.scale, 0.92), HEADER * look.scale * 0.75);
  return look.scale >= 0.92 ? FONT : pixels < 6.5 ? 0 : pixels / look.scale;
}

/** Names upon groups that are neither too small nor so large that their parts tell more. */
function paintSigns(pen: Pen, scene: Scene, look: Look): void {
  const height = (node: number) => look.rects[4 * node + 3]! * look.scale;
  const size = SIGN / look.scale;
  for (const { group } of scene.layout.levels) {
    if (group < 0 || !inSight(look, group, SIGNED[0])) continue;
    const { parent } = scene.record.nodes[group]!;
    if (height(group) >= SIGNED[1] || (parent >= 0 && height(parent) < SIGNED[1])) continue;
    const [x, y, w] = rectOf(look, group);
    const { title } = wordsOf(scene.record.nodes[group]!);
    const width = textWidth(title, size, true);
    if (width + size > w) continue;
    pen.rect(x + size / 4, y + size / 4, width + size / 2, size * 1.4, size / 3, look.palette.background);
    write(pen, x + size / 2, y + size * 0.95, title, { size, colour: look.palette.text, bold: true });
  }
}

/** Is the node in the window, and at least so many pixels high? */
function inSight(look: Look, node: number, pixels: number): boolean {
  const { rects, window, scale } = look;
  const x = rects[4 * node]!;
  const y = rects[4 * node + 1]!;
  const h = rects[4 * node + 3]!;
  if (y > window.bottom || x > window.right || h * scale < pixels) return false;
  return y + h >= window.top && x + rects[4 * node + 2]! >= window.left;
}

function paintLevel(pen: Pen, scene: Scene, look: Look, level: PlacedLevel, depth: number): void {
  if (look.edgeAlpha > 0 && look.scale > 0.04) {
    pen.alpha(look.edgeAlpha);
    paintEdges(pen, scene, look, level);
    pen.alpha(1);
  }
  if (level.group >= 0) paintHeader(pen, scene, look, level.group);
  for (const node of level.children) {
    if (!inSight(look, node, 0)) continue;
    pen.alpha(stepsBack(look, node) && !scene.open[node] ? 0.3 : 1);
    if (scene.open[node]) paintGroup(pen, scene, look, node, depth + 1);
    else paintNode(pen, scene, look, node);
  }
  pen.alpha(1);
  if (look.edgeAlpha === 1 && EDGE_FONT * look.scale >= LEGIBLE) paintLabels(pen, scene, look, level);
}

function stepsBack({ found, onTrail }: Look, node: number): boolean {
  return (found !== null && !found.has(node)) || (onTrail !== null && !onTrail.has(node));
}

/** Where a level's own coordinates lie in the picture now (they stretch during a change). */
function placeOf(look: Look, level: PlacedLevel): { x: number; y: number; sx: number; sy: number } {
  if (level.group < 0) return { x: 0, y: 0, sx: 1, sy: 1 };
  const at = 4 * level.group;
  return {
    x: look.rects[at]!,
    y: look.rects[at + 1]!,
    sx: look.rects[at + 2]! / level.box.w,
    sy: look.rects[at + 3]! / level.box.h,
  };
}

function paintEdges(pen: Pen, scene: Scene, look: Look, level: PlacedLevel): void {
  const { palette, lit, sizes } = look;
  // One stroke for all edges of a colour and a width; from far away all are thin.
  const fine = look.scale >= 0.25;
  const kinds = level.nets.map((edge) => {
    const bright = lit.size > 0 && lit.has(tensorOf(scene.record, edge));
    return (bright ? STROKES.length : 0) + (fine ? sizes[edge]! : 0);
  });
  for (const kind of [...new Set(kinds)].sort((a, b) => a - b)) {
    const bright = kind >= STROKES.length;
    const colour = bright ? palette.accent : look.onTrail ? palette.faint : palette.edge;
    const width = STROKES[kind % STROKES.length]! + (bright ? 0.5 : 0);
    pen.stroke({ colour, width: Math.max(width, Math.min(0.6 / look.scale, 12)) }, (path) => {
      eachRoute(look, level, (x0, y0, bend, x1, y1, net, arrow) => {
        // A wide line would show beside the head's tip.
        if (kinds[net] === kind) route(path, x0, y0, bend, x1, arrow && fine ? Math.max(bend, y1 - 4) : y1);
      });
    });
    if (!fine) continue;
    pen.fill(colour, (path) => {
      eachRoute(look, level, (_x0, _y0, _bend, x1, y1, net, arrow) => {
        if (arrow && kinds[net] === kind) arrowHead(path, x1, y1, 3 + 0.6 * width);
      });
    });
  }
}

type SeeRoute = (
  x0: number,
  y0: number,
  bend: number,
  x1: number,
  y1: number,
  net: number,
  arrow: number,
) => void;

function eachRoute(look: Look, level: PlacedLevel, see: SeeRoute): void {
  const { x, y, sx, sy } = placeOf(look, level);
  const { routes } = level.box;
  const { left, right, top, bottom } = look.window;
  for (let i = 0; i < routes.length; i += ROUTE) {
    const y0 = y + routes[i + 1]! * sy;
    const y1 = y + routes[i + 4]! * sy;
    if (y0 > bottom || y1 < top) continue;
    const x0 = x + routes[i]! * sx;
    const x1 = x + routes[i + 3]! * sx;
    if (Math.min(x0, x1) > right || Math.max(x0, x1) < left) continue;
    see(x0, y0, y + routes[i + 2]! * sy, x1, y1, routes[i + 5]!, routes[i + 6]!);
  }
}

/** Down, sideways with rounded corners, and down. */
function route(path: Path, x0: number, y0: number, bend: number, x1: number, y1: number): void {
  path.moveTo(x0, y0);
  const across = Math.abs(x1 - x0);
  if (across > 0.5) {
    const radius = Math.min(CORNER, across / 2, bend - y0, y1 - bend);
    const side = x1 > x0 ? radius : -radius;
    path.lineTo(x0, bend - radius);
    path.curveTo(x0, bend, x0 + side, bend);
    path.lineTo(x1 - side, bend);
    path.curveTo(x1, bend, x1, bend + radius);
  }
  path.lineTo(x1, y1);
}

function arrowHead(path: Path, x: number, y: number, half: number): void {
  path.moveTo(x, y);
  path.lineTo(x - half, y - 6);
  path.lineTo(x + half, y - 6);
  path.lineTo(x, y);
}

function paintLabels(pen: Pen, scene: Scene, look: Look, level: PlacedLevel): void {
  const { x, y } = placeOf(look, level);
  const { labels } = level.box;
  const { left, right, top, bottom } = look.window;
  const size = EDGE_FONT;
  for (let i = 0; i < labels.length; i += 3) {
    const cx = x + labels[i + 1]!;
    const cy = y + labels[i + 2]!;
    if (cy < top - 10 || cy > bottom + 10 || cx < left - 90 || cx > right + 90) continue;
    const edge = level.nets[labels[i]!]!;
    const text = labelOf(scene.record, edge);
    const width = textWidth(text, size) + 6;
    const ground = level.group < 0 ? look.palette.background : groundOf(look, scene, level.group);
    pen.rect(cx - width / 2, cy - 6.5, width, 13, 3, ground);
    const colour = look.lit.has(tensorOf(scene.record, edge)) ? look.palette.accent : look.palette.muted;
    pen.text(cx, cy, text, { size, colour, anchor: "middle", limit: width });
  }
}

function groundOf(look: Look, scene: Scene, group: number): string {
  return look.palette.group(depthOf(scene.record, group)).fill;
}

function depthOf(record: GraphRecord, node: number): number {
  let depth = 0;
  for (let at = record.nodes[node]!.parent; at >= 0; at = record.nodes[at]!.parent) depth++;
  return depth;
}

export function labelOf(record: GraphRecord, edge: number): string {
  const { data } = record.edges;
  return edgeLabel(record.nodes[data[3 * edge]!]!, data[3 * edge + 2]!);
}

function paintGroup(pen: Pen, scene: Scene, look: Look, node: number, depth: number): void {
  const [x, y, w, h] = rectOf(look, node);
  const paint = look.palette.group(depth);
  const { stroke, dash } = border(scene, look, node, paint.stroke);
  pen.rect(x, y, w, h, RADIUS + 2, paint.fill, { ...stroke, dash });
}

function border(
  scene: Scene,
  look: Look,
  node: number,
  plain: string,
): { stroke: { colour: string; width: number }; dash: number[] } {
  const { status } = scene.record.nodes[node]!;
  const thin = 1 / Math.min(look.scale, 1);
  const dash = status === "partial" ? [4, 3] : [];
  if (node === look.selected || (look.selected >= 0 && scene.record.nodes[node]!.twin === look.selected)) {
    return { stroke: { colour: look.palette.accent, width: (look.focused ? 2.5 : 2) * thin }, dash };
  }
  if (status) return { stroke: { colour: look.palette.bad, width: 1.5 * thin }, dash };
  if (look.found?.has(node)) return { stroke: { colour: look.palette.accent, width: 1.5 }, dash };
  const colour = node === look.hovered ? look.palette.muted : plain;
  return { stroke: { colour, width: Math.min(thin, 2) }, dash };
}

function rectOf(look: Look, node: number): [number, number, number, number] {
  const { rects } = look;
  return [rects[4 * node]!, rects[4 * node + 1]!, rects[4 * node + 2]!, rects[4 * node + 3]!];
}

function paintHeader(pen: Pen, scene: Scene, look: Look, group: number): void {
  const [x, y, w] = rectOf(look, group);
  const size = headerFont(look);
  if (size === 0) return;
  const { title, name, detail } = wordsOf(scene.record.nodes[group]!);
  const { palette } = look;
  const small = (size * SMALL) / FONT;
  const limit = w - 24;
  const middle = y + HEADER / 2;
  const ground = palette.group(depthOf(scene.record, group)).fill;
  const titleWidth = textWidth(title, size, true);
  const nameWidth = name ? textWidth(name, small) + 7 : 0;
  const start = x + 12 + CHEVRON;
  // Edges pass below the words, not through them.
  pen.rect(x + 8, y + 4, Math.min(CHEVRON + 6 + titleWidth + nameWidth, limit), HEADER - 8, 3, ground);
  chevron(pen, palette.muted, x + 16, middle, true);
  const room = Math.min(titleWidth + 3, limit - CHEVRON);
  pen.text(start, middle, title, { size, colour: palette.text, bold: true, limit: room });
  const at = start + titleWidth + 7;
  if (at + nameWidth > x + w) return;
  if (name) write(pen, at, middle, name, { size: small, colour: palette.muted });
  const detailWidth = textWidth(detail, small);
  if (detail && at + nameWidth + detailWidth + 20 < x + w) {
    pen.rect(x + w - 14 - detailWidth, y + 4, detailWidth + 6, HEADER - 8, 3, ground);
    write(pen, x + w - 12, middle, detail, { size: small, colour: palette.muted, anchor: "end" });
  }
}

function chevron(pen: Pen, colour: string, x: number, y: number, open: boolean): void {
  pen.fill(colour, (path) => {
    const [a, b] = open ? [4, 2.5] : [2.5, 4];
    if (open) {
      path.moveTo(x - a, y - b);
      path.lineTo(x + a, y - b);
      path.lineTo(x, y + b + 0.5);
    } else {
      path.moveTo(x - a, y - b);
      path.lineTo(x + a + 0.5, y);
      path.lineTo(x - a, y + b);
    }
  });
}

function paintNode(pen: Pen, scene: Scene, look: Look, node: number): void {
  const [x, y, w, h] = rectOf(look, node);
  const record = scene.record.nodes[node]!;
  const paint = look.paintOf(node);
  if (h * look.scale < 4) {
    pen.rect(x, y, w, h, 0, h * look.scale < 2 ? paint.mark : paint.stroke);
    return;
  }
  const radius = isEnd(record) ? h / 2 : RADIUS;
  const { stroke, dash } = border(scene, look, node, paint.stroke);
  if (record.kind === "group") {
    for (const shift of record.repeat > 1 ? [6, 3] : []) {
      pen.rect(x + shift, y + shift, w, h, radius, look.palette.background, stroke);
    }
    pen.rect(x, y, w, h, radius, look.palette.background);
  }
  pen.rect(x, y, w, h, radius, paint.fill, { ...stroke, dash });
  if (record.kind === "op" && h * look.scale > 8) pen.rect(x + 4, y + 6, 3, h - 12, 1.5, paint.mark);
  paintWords(pen, scene, look, node, x, y, w, h);
}

/** Where values enter or leave: drawn round. */
function isEnd({ kind }: GraphNode): boolean {
  return kind === "input" || kind === "output" || kind === "parameter";
}

/** Text in the room that was planned for it, whatever the host's font. */
function write(pen: Pen, x: number, y: number, text: string, style: TextStyle): void {
  const limit = textWidth(text, style.size, style.bold) + 3;
  pen.text(x, y, text, { ...style, limit });
}

function paintWords(
  pen: Pen,
  scene: Scene,
  look: Look,
  node: number,
  x: number,
  y: number,
  w: number,
  h: number,
): void {
  const record = scene.record.nodes[node]!;
  const { title, name, detail } = wordsOf(record);
  const { palette } = look;
  const group = record.kind === "group";
  if (FONT * look.scale < LEGIBLE) return;
  const middle = y + h / 2;
  let at = x + 12;
  if (group) {
    chevron(pen, palette.muted, x + 15, middle, false);
    at += CHEVRON - 2;
  }
  const colour = record.status === "failed" ? palette.bad : palette.text;
  if (isEnd(record) && !name && !detail) {
    write(pen, x + w / 2, middle, title, { size: FONT, colour, bold: true, anchor: "middle" });
    return;
  }
  const titleWidth = textWidth(title, FONT, true);
  write(pen, at, middle, title, { size: FONT, colour, bold: true });
  if (name) write(pen, at + titleWidth + 7, middle, name, { size: SMALL, colour: palette.muted });
  const end = { size: SMALL, colour: palette.muted, anchor: "end" as const };
  if (detail) write(pen, x + w - 10, middle, detail, end);
}
