// Step 3 of a level: horizontal positions. Aligned elements form blocks that move as one.

import type { Alignment, Ports } from "./align";
import { BODY, NODE, type Layered } from "./layers";
import { GAP } from "./types";

const ROUNDS = 4;

interface Blocks {
  of: number[];
  /** Offset of each element from its block's position. */
  shift: number[];
  count: number;
}

/** The x of the left edge of each element. Linear: a fixed number of sweeps over blocks and links. */
export function placeElements(
  graph: Layered,
  alignment: Alignment,
  ports: Ports,
  width: (element: number) => number,
): number[] {
  const blocks = makeBlocks(graph, alignment, ports);
  const rules = separate(graph, blocks, width);
  const order = sortBlocks(rules, blocks.count);
  const position = new Array<number>(blocks.count).fill(0);
  pushRight(order, rules, position);
  const pulls = collectPulls(graph, blocks, ports);
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = order.length - 1; i >= 0; i--) pull(order[i]!, rules, pulls, position);
    for (const block of order) pull(block, rules, pulls, position);
  }
  return blocks.of.map((block, element) => position[block]! + blocks.shift[element]!);
}

function makeBlocks(graph: Layered, alignment: Alignment, ports: Ports): Blocks {
  const total = graph.kind.length;
  const blocks: Blocks = { of: new Array(total).fill(-1), shift: new Array(total).fill(0), count: 0 };
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
  left: number[];
  right: number[];
  distance: number[];
  /** Rules by the block on their right side, and by the one on their left. */
  before: number[][];
  after: number[][];
}

function separate(graph: Layered, blocks: Blocks, width: (element: number) => number): Rules {
  const rules: Rules = {
    left: [],
    right: [],
    distance: [],
    before: Array.from({ length: blocks.count }, () => []),
    after: Array.from({ length: blocks.count }, () => []),
  };
  for (const layer of graph.layers) {
    for (let i = 1; i < layer.length; i++) {
      const a = layer[i - 1]!;
      const b = layer[i]!;
      const both = isSolid(graph, a) && isSolid(graph, b);
      const room = width(a) + (both ? GAP.node : GAP.edge);
      const rule = rules.left.length;
      rules.left.push(blocks.of[a]!);
      rules.right.push(blocks.of[b]!);
      rules.distance.push(room + blocks.shift[a]! - blocks.shift[b]!);
      rules.before[blocks.of[b]!]!.push(rule);
      rules.after[blocks.of[a]!]!.push(rule);
    }
  }
  return rules;
}

function isSolid(graph: Layered, element: number): boolean {
  return graph.kind[element] === NODE || graph.kind[element] === BODY;
}

/** Blocks from left to right (no straight links cross, so the rules have no cycle). */
function sortBlocks(rules: Rules, count: number): number[] {
  const waiting = rules.before.map((list) => list.length);
  const order: number[] = [];
  for (let block = 0; block < count; block++) if (waiting[block] === 0) order.push(block);
  for (let i = 0; i < order.length; i++) {
    for (const rule of rules.after[order[i]!]!) {
      const next = rules.right[rule]!;
      waiting[next]!--;
      if (waiting[next] === 0) order.push(next);
    }
  }
  return order;
}

function pushRight(order: number[], rules: Rules, position: number[]): void {
  for (const block of order) {
    let least = 0;
    for (const rule of rules.before[block]!) {
      least = Math.max(least, position[rules.left[rule]!]! + rules.distance[rule]!);
    }
    position[block] = least;
  }
}

/** For each block the links that would like to be straight: the other block and the distance. */
interface Pulls {
  other: number[][];
  offset: number[][];
}

function collectPulls(graph: Layered, blocks: Blocks, ports: Ports): Pulls {
  const pulls: Pulls = {
    other: Array.from({ length: blocks.count }, () => []),
    offset: Array.from({ length: blocks.count }, () => []),
  };
  for (let link = 0; link < graph.linkFrom.length; link++) {
    const a = graph.linkFrom[link]!;
    const b = graph.linkTo[link]!;
    const above = blocks.of[a]!;
    const below = blocks.of[b]!;
    if (above === below) continue;
    const bend = blocks.shift[a]! + ports.from[link]! - blocks.shift[b]! - ports.to[link]!;
    pulls.other[above]!.push(below);
    pulls.offset[above]!.push(-bend);
    pulls.other[below]!.push(above);
    pulls.offset[below]!.push(bend);
  }
  return pulls;
}

/** Move one block to the mean of where its links want it, as far as its neighbours allow. */
function pull(block: number, rules: Rules, pulls: Pulls, position: number[]): void {
  const others = pulls.other[block]!;
  if (others.length === 0) return;
  let sum = 0;
  for (let i = 0; i < others.length; i++) sum += position[others[i]!]! + pulls.offset[block]![i]!;
  let wanted = sum / others.length;
  for (const rule of rules.after[block]!) {
    wanted = Math.min(wanted, position[rules.right[rule]!]! - rules.distance[rule]!);
  }
  for (const rule of rules.before[block]!) {
    wanted = Math.max(wanted, position[rules.left[rule]!]! + rules.distance[rule]!);
  }
  position[block] = wanted;
}
