// Step 3 of a level: horizontal positions. Aligned elements form blocks that move as one.

import type { Alignment, Ports } from "./align";
import { fillBuckets, type Buckets } from "./buckets";
import { BODY, NODE, type Layered } from "./layers";
import { GAP } from "./types";

const ROUNDS = 4;

interface Blocks {
  of: Int32Array;
  /** Offset of each element from its block's position. */
  shift: Float64Array;
  count: number;
}

/** The x of the left edge of each element. Linear: a fixed number of sweeps over blocks and links. */
export function placeElements(
  graph: Layered,
  alignment: Alignment,
  ports: Ports,
  width: (element: number) => number,
): Float64Array {
  const blocks = makeBlocks(graph, alignment, ports);
  const rules = separate(graph, blocks, width);
  const order = sortBlocks(rules, blocks.count);
  const position = new Float64Array(blocks.count);
  pushRight(order, rules, position);
  const pulls = collectPulls(graph, blocks, ports);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = order.length - 1; i >= 0; i--) pull(order[i]!, rules, pulls, position);
    for (const block of order) pull(block, rules, pulls, position);
  }
  return blocks.shift.map((shift, element) => position[blocks.of[element]!]! + shift);
}

function makeBlocks(graph: Layered, alignment: Alignment, ports: Ports): Blocks {
  const total = graph.kind.length;
  const blocks: Blocks = { of: new Int32Array(total), shift: new Float64Array(total), count: 0 };
  for (const layer of graph.layers) {
    for (const element of layer) {
      const link = alignment.up[element]!;
      if (link < 0) {
        blocks.of[element] = blocks.count++;
        continue;
      }
      const above = graph.linkFrom[link]!;
      blocks.of[element] = blocks.of[above]!;
      blocks.shift[element] = blocks.shift[above]! + ports.from[link]! - ports.to[link]!;
    }
  }
  return blocks;
}

/** Least distances between neighbouring blocks: rule i says right[i] >= left[i] + distance[i]. */
interface Rules {
  left: Int32Array;
  right: Int32Array;
  distance: Float64Array;
  /** Rules by the block on their right side, and by the one on their left. */
  before: Buckets;
  after: Buckets;
}

function separate(graph: Layered, blocks: Blocks, width: (element: number) => number): Rules {
  const count = graph.layers.reduce((sum, layer) => sum + Math.max(layer.length - 1, 0), 0);
  const left = new Int32Array(count);
  const right = new Int32Array(count);
  const distance = new Float64Array(count);
  let rule = 0;
  for (const layer of graph.layers) {
    for (let i = 1; i < layer.length; i++) {
      const a = layer[i - 1]!;
      const b = layer[i]!;
      const both = isSolid(graph, a) && isSolid(graph, b);
      const room = width(a) + (both ? GAP.node : GAP.edge);
      left[rule] = blocks.of[a]!;
      right[rule] = blocks.of[b]!;
      distance[rule++] = room + blocks.shift[a]! - blocks.shift[b]!;
    }
  }
  const before = fillBuckets(right, blocks.count);
  return { left, right, distance, before, after: fillBuckets(left, blocks.count) };
}

function isSolid(graph: Layered, element: number): boolean {
  return graph.kind[element] === NODE || graph.kind[element] === BODY;
}

/** Blocks from left to right (no straight links cross, so the rules have no cycle). */
function sortBlocks(rules: Rules, count: number): number[] {
  const { before, after } = rules;
  const waiting = new Int32Array(count);
  const order: number[] = [];
  for (let block = 0; block < count; block++) {
    waiting[block] = before.start[block + 1]! - before.start[block]!;
    if (waiting[block] === 0) order.push(block);
  }
  for (let i = 0; i < order.length; i++) {
    const block = order[i]!;
    for (let k = after.start[block]!; k < after.start[block + 1]!; k++) {
      const next = rules.right[after.items[k]!]!;
      if (--waiting[next]! === 0) order.push(next);
    }
  }
  return order;
}

function pushRight(order: number[], rules: Rules, position: Float64Array): void {
  for (const block of order) position[block] = leastOf(block, rules, position, 0);
}

/** `wanted`, or further right where the neighbours at left need it. */
function leastOf(block: number, rules: Rules, position: Float64Array, wanted: number): number {
  const { start, items } = rules.before;
  for (let k = start[block]!; k < start[block + 1]!; k++) {
    const rule = items[k]!;
    wanted = Math.max(wanted, position[rules.left[rule]!]! + rules.distance[rule]!);
  }
  return wanted;
}

/** The links that would like to be straight, by block: the other block and the distance to it. */
interface Pulls {
  by: Buckets;
  other: Int32Array;
  offset: Float64Array;
}

function collectPulls(graph: Layered, blocks: Blocks, ports: Ports): Pulls {
  const links = graph.linkFrom.length;
  const pulled = new Int32Array(2 * links);
  const other = new Int32Array(2 * links);
  const offset = new Float64Array(2 * links);
  let count = 0;
  for (let link = 0; link < links; link++) {
    const a = graph.linkFrom[link]!;
    const b = graph.linkTo[link]!;
    const above = blocks.of[a]!;
    const below = blocks.of[b]!;
    if (above === below) continue;
    const bend = blocks.shift[a]! + ports.from[link]! - blocks.shift[b]! - ports.to[link]!;
    pulled[count] = other[count + 1] = above;
    pulled[count + 1] = other[count] = below;
    offset[count++] = -bend;
    offset[count++] = bend;
  }
  return { by: fillBuckets(pulled.subarray(0, count), blocks.count), other, offset };
}

/** Move one block to the mean of where its links want it, as far as its neighbours allow. */
function pull(block: number, rules: Rules, pulls: Pulls, position: Float64Array): void {
  const first = pulls.by.start[block]!;
  const end = pulls.by.start[block + 1]!;
  if (first === end) return;
  let sum = 0;
  for (let k = first; k < end; k++) {
    const link = pulls.by.items[k]!;
    sum += position[pulls.other[link]!]! + pulls.offset[link]!;
  }
  let wanted = sum / (end - first);
  const { start, items } = rules.after;
  for (let k = start[block]!; k < start[block + 1]!; k++) {
    const rule = items[k]!;
    wanted = Math.min(wanted, position[rules.right[rule]!]! - rules.distance[rule]!);
  }
  position[block] = leastOf(block, rules, position, wanted);
}
