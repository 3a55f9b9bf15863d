// Where everything of one layout stands in the picture, and what lies under a point.

import type { GraphRecord } from "../lib/records";
import type { GraphLayout } from "./layout/graph";
import { HEADER } from "./layout/types";

/** x, y, width, height of each node one after the other; NaN for what is hidden. */
export type Rects = Float64Array;

export class Scene {
  readonly rects: Rects;
  readonly width: number;
  readonly height: number;
  /** 1 for groups that are open. */
  readonly open: Uint8Array;

  constructor(
    readonly record: GraphRecord,
    readonly layout: GraphLayout,
  ) {
    const count = record.nodes.length;
    this.rects = new Float64Array(4 * count).fill(NaN);
    this.open = new Uint8Array(count);
    for (const { group, children, box } of layout.levels) {
      const dx = group < 0 ? 0 : this.rects[4 * group]!;
      const dy = group < 0 ? 0 : this.rects[4 * group + 1]!;
      if (group >= 0) this.open[group] = 1;
      children.forEach((node, index) => {
        this.rects[4 * node] = box.rects[4 * index]! + dx;
        this.rects[4 * node + 1] = box.rects[4 * index + 1]! + dy;
        this.rects[4 * node + 2] = box.rects[4 * index + 2]!;
        this.rects[4 * node + 3] = box.rects[4 * index + 3]!;
      });
    }
    this.width = layout.levels[0]!.box.w;
    this.height = layout.levels[0]!.box.h;
  }

  /** Is the node in the picture (not hidden in a closed group)? */
  shows(node: number): boolean {
    return !Number.isNaN(this.rects[4 * node]!);
  }

  /** The node itself, or the closed group it is hidden in. */
  shown(node: number): number {
    let at = node;
    while (at >= 0 && !this.shows(at)) at = this.record.nodes[at]!.parent;
    return at;
  }

  /** The innermost node under a point of the picture, -1: none. */
  hit(x: number, y: number): number {
    let found = -1;
    for (const { group, children } of this.layout.levels) {
      if (group !== found) continue;
      for (const node of children) {
        if (inside(this.rects, node, x, y)) {
          found = node;
          break;
        }
      }
    }
    return found;
  }

  /** Is the point on the bar that carries an open group's name? */
  onHeader(node: number, y: number): boolean {
    return this.open[node] === 1 && y < this.rects[4 * node + 1]! + HEADER;
  }

  /**
   * Positions on the way from `before` (an earlier scene's) to this scene, `t` from 0 to 1. What
   * was hidden grows out of the group that held it.
   */
  blend(before: Rects, t: number): Rects {
    const { nodes } = this.record;
    const result = new Float64Array(this.rects.length);
    const start = before.slice();
    for (let node = 0; node < nodes.length; node++) {
      const at = 4 * node;
      if (Number.isNaN(this.rects[at]!)) {
        result[at] = NaN;
        continue;
      }
      const parent = nodes[node]!.parent;
      if (Number.isNaN(start[at]!) && parent >= 0) growFrom(start, this.rects, node, parent);
      for (let i = at; i < at + 4; i++) {
        const from = Number.isNaN(start[i]!) ? this.rects[i]! : start[i]!;
        result[i] = from + (this.rects[i]! - from) * t;
      }
    }
    return result;
  }
}

function inside(rects: Rects, node: number, x: number, y: number): boolean {
  const left = rects[4 * node]!;
  const top = rects[4 * node + 1]!;
  return x >= left && y >= top && x <= left + rects[4 * node + 2]! && y <= top + rects[4 * node + 3]!;
}

/** Give `node` a start inside `parent`'s start, as it will lie inside `parent` in the end. */
function growFrom(start: Rects, end: Rects, node: number, parent: number): void {
  const p = 4 * parent;
  const n = 4 * node;
  if (Number.isNaN(start[p]!)) return;
  const sx = start[p + 2]! / end[p + 2]!;
  const sy = start[p + 3]! / end[p + 3]!;
  start[n] = start[p]! + (end[n]! - end[p]!) * sx;
  start[n + 1] = start[p + 1]! + (end[n + 1]! - end[p + 1]!) * sy;
  start[n + 2] = end[n + 2]! * sx;
  start[n + 3] = end[n + 3]! * sy;
}

/** For each node the first one after it that does not lie in it. */
export function endsOf(record: GraphRecord): Int32Array {
  const { nodes } = record;
  const ends = Int32Array.from(nodes, (_, node) => node + 1);
  for (let node = nodes.length - 1; node >= 0; node--) {
    const parent = nodes[node]!.parent;
    if (parent >= 0) ends[parent] = Math.max(ends[parent]!, ends[node]!);
  }
  return ends;
}

/** One number for the tensor an edge carries. */
export function tensorOf(record: GraphRecord, edge: number): number {
  const { data } = record.edges;
  return data[3 * edge]! * 4096 + Math.min(data[3 * edge + 2]!, 4095);
}

/** Strokes of edges, by the class that `edgeSizes` gives them; the same are in static/graph.py. */
export const STROKES = [1, 1.5, 2.25, 3.25] as const;

/** How large the tensor of each edge is beside the largest: 0 to 3. */
export function edgeSizes({ nodes, edges }: GraphRecord): Uint8Array {
  const count = edges.data.length / 3;
  const elements = new Float64Array(count);
  for (let edge = 0; edge < count; edge++) {
    const spec = nodes[edges.data[3 * edge]!]!.outputs[edges.data[3 * edge + 2]!];
    elements[edge] = spec ? spec.shape.reduce((product, size) => product * size, 1) : 0;
  }
  const most = elements.reduce((a, b) => Math.max(a, b), 1);
  if (elements.every((value) => value === most)) return new Uint8Array(count).fill(1);
  return Uint8Array.from(elements, (value) => (16 * value > 8 * most ? 3 : 16 * value > most ? 2 : 256 * value > most ? 1 : 0));
}

/** The tensors that go into a node (or group) from outside, and those that leave it. */
export function tensorsOf(record: GraphRecord, ends: Int32Array, node: number): Set<number> {
  const { data } = record.edges;
  const within = (other: number) => other >= node && other < ends[node]!;
  const result = new Set<number>();
  for (let edge = 0; 3 * edge < data.length; edge++) {
    if (within(data[3 * edge]!) !== within(data[3 * edge + 1]!)) result.add(tensorOf(record, edge));
  }
  return result;
}
