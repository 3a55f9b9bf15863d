// Step 2 of a level: which elements of neighbouring layers stand on one straight line.

import { fillBuckets, listOf } from "./buckets";
import { BODY, NODE, PASS, type Layered } from "./layers";

/** For each element the link that is drawn straight to the one above (-1: none), and below. */
export interface Alignment {
  up: Int32Array;
  down: Int32Array;
}

/**
 * Choose straight links, never two that cross or share an end. Parts of one box come first, then
 * stand-ins of one long edge, then the links of the main path: down to where most is left to come,
 * up to where the longest straight line arrives (among equals the middle one: a fan keeps its middle
 * straight). Then any link between real nodes, then the rest. Five sweeps a gap: the whole is linear.
 */
export function align(graph: Layered, remaining: number[]): Alignment {
  const count = graph.kind.length;
  const length = new Int32Array(count);
  const left = new Int32Array(count);
  graph.elementOf.forEach((element, child) => (left[element] = remaining[child]!));
  const alignment = { up: new Int32Array(count).fill(-1), down: new Int32Array(count).fill(-1) };
  const main = new Uint8Array(graph.linkFrom.length);
  for (const gap of graph.gaps) {
    if (gap.length === 1) accept(graph, alignment, gap[0]!);
    else if (gap.length > 1) alignGap(graph, alignment, gap, length, left, main);
    for (const link of gap) {
      const to = graph.linkTo[link]!;
      if (alignment.up[to] === link) length[to] = length[graph.linkFrom[link]!]! + 1;
    }
  }
  return alignment;
}

function accept(graph: Layered, alignment: Alignment, link: number): void {
  alignment.up[graph.linkTo[link]!] = link;
  alignment.down[graph.linkFrom[link]!] = link;
}

function alignGap(
  graph: Layered,
  alignment: Alignment,
  gap: number[],
  length: Int32Array,
  left: Int32Array,
  main: Uint8Array,
): void {
  const { linkFrom, linkTo, place } = graph;
  const byTo = [...gap].sort(
    (a, b) => place[linkTo[a]!]! - place[linkTo[b]!]! || place[linkFrom[a]!]! - place[linkFrom[b]!]!,
  );
  const byFrom = [...gap].sort(
    (a, b) => place[linkFrom[a]!]! - place[linkFrom[b]!]! || place[linkTo[a]!]! - place[linkTo[b]!]!,
  );
  markMain(graph, byFrom, linkFrom, linkTo, left, main);
  markMain(graph, byTo, linkTo, linkFrom, length, main);
  const passes: ((link: number) => boolean)[] = [
    (link) => graph.linkNet[link]! < 0,
    (link) => graph.kind[linkFrom[link]!] === PASS && graph.kind[linkTo[link]!] === PASS,
    (link) => main[link] === 2,
    (link) => isReal(graph, link),
    () => true,
  ];
  for (const wanted of passes) if (byTo.some(wanted)) sweep(graph, alignment, byTo, wanted);
}

/** Does the link join two things a reader sees as the main path (no stand-in at either end)? */
function isReal(graph: Layered, link: number): boolean {
  return graph.kind[graph.linkFrom[link]!] !== PASS && graph.kind[graph.linkTo[link]!] !== PASS;
}

/** Count up, for each element at one end, its real link of most weight at the other end (the middle of those). */
function markMain(
  graph: Layered,
  links: number[],
  end: number[],
  other: number[],
  weight: Int32Array,
  main: Uint8Array,
): void {
  let best: number[] = [];
  for (let i = 0; i <= links.length; i++) {
    const ends = i === links.length || (i > 0 && end[links[i]!] !== end[links[i - 1]!]);
    if (ends && best.length > 0) {
      main[best[(best.length - 1) >> 1]!]!++;
      best = [];
    }
    if (i === links.length || !isReal(graph, links[i]!)) continue;
    const more = best.length === 0 ? 0 : weight[other[links[i]!]!]! - weight[other[best[0]!]!]!;
    if (more > 0) best = [];
    if (more >= 0) best.push(links[i]!);
  }
}

/** Accept the wanted links from left to right where they cross none accepted before. */
function sweep(
  graph: Layered,
  alignment: Alignment,
  byTo: number[],
  wanted: (link: number) => boolean,
): void {
  const { linkFrom, linkTo, place } = graph;
  const right = new Array<number>(byTo.length).fill(Infinity);
  let bound = Infinity;
  for (let i = byTo.length - 1; i >= 0; i--) {
    right[i] = bound;
    const link = byTo[i]!;
    if (alignment.up[linkTo[link]!] === link) bound = place[linkFrom[link]!]!;
  }
  let left = -1;
  for (let i = 0; i < byTo.length; i++) {
    const link = byTo[i]!;
    const from = linkFrom[link]!;
    const to = linkTo[link]!;
    if (alignment.up[to] === link) {
      left = place[from]!;
      continue;
    }
    if (alignment.up[to] !== -1 || alignment.down[from] !== -1 || !wanted(link)) continue;
    if (place[from]! <= left || place[from]! >= right[i]!) continue;
    accept(graph, alignment, link);
    left = place[from]!;
  }
}

/** Where each link leaves and enters, relative to the left edge of its element. */
export interface Ports {
  from: Float64Array;
  to: Float64Array;
}

export interface PortShape {
  width(element: number): number;
  /** Fixed position of a net at a box's border, or NaN where the port is free. */
  fixedIn(element: number, net: number): number;
  fixedOut(element: number, net: number): number;
}

/**
 * The straight link of an element uses the middle of its border, the others stand beside it in
 * order; so a chain with skip connections stays straight. One tensor leaves from one port.
 */
export function placePorts(
  graph: Layered,
  alignment: Alignment,
  shape: PortShape,
  lanes: Uint8Array,
  gap: number,
): Ports {
  const count = graph.linkFrom.length;
  const ports = { from: new Float64Array(count), to: new Float64Array(count) };
  const edges = edgesFromLeft(graph);
  const incoming = fillBuckets(graph.linkTo, graph.kind.length, edges);
  const outgoing = fillBuckets(graph.linkFrom, graph.kind.length, edges);
  const width = shape.width;
  const enter = (link: number, x: number) => {
    const fixed = shape.fixedIn(graph.linkTo[link]!, graph.linkNet[link]!);
    ports.to[link] = Number.isNaN(fixed) ? x : fixed;
  };
  for (let element = 0; element < graph.kind.length; element++) {
    const kind = graph.kind[element];
    if (kind !== NODE && kind !== BODY) continue;
    const leaving = listOf(outgoing, element);
    if (leaving.length > 0) spreadOutgoing(graph, alignment, shape, element, leaving, gap, ports);
    if (kind === NODE) {
      spread(listOf(incoming, element), alignment.up[element]!, lanes[element]!, width(element), gap, enter);
    }
  }
  return ports;
}

/** The links that carry something, from layer to layer, each layer's from left to right. */
function edgesFromLeft(graph: Layered): number[] {
  const { linkFrom, linkNet, place } = graph;
  const result: number[] = [];
  for (const gap of graph.gaps) {
    const ordered =
      gap.length < 2 ? gap : [...gap].sort((a, b) => place[linkFrom[a]!]! - place[linkFrom[b]!]!);
    for (const link of ordered) if (linkNet[link]! >= 0) result.push(link);
  }
  return result;
}

function spreadOutgoing(
  graph: Layered,
  alignment: Alignment,
  shape: PortShape,
  element: number,
  edges: number[],
  gap: number,
  ports: Ports,
): void {
  const { linkNet } = graph;
  const leave = (link: number, x: number) => {
    const fixed = shape.fixedOut(element, linkNet[link]!);
    ports.from[link] = Number.isNaN(fixed) ? x : fixed;
  };
  if (edges.length === 1) return leave(edges[0]!, shape.width(element) / 2);
  const nets = [...new Set(edges.map((link) => linkNet[link]!))].sort((a, b) => a - b);
  const down = alignment.down[element]!;
  const at = new Map<number, number>();
  spread(nets, down < 0 ? -1 : linkNet[down]!, 0, shape.width(element), gap, (net, x) => at.set(net, x));
  for (const link of edges) leave(link, at.get(linkNet[link]!)!);
}

/** Put `main` (or the middle one) at the centre and the others beside it, `skipped` more at left. */
function spread(
  items: number[],
  main: number,
  skipped: number,
  width: number,
  gap: number,
  put: (item: number, x: number) => void,
): void {
  if (items.length === 1) return put(items[0]!, width / 2);
  let centre = items.indexOf(main);
  if (centre < 0) centre = (items.length - 1) >> 1;
  const room = Math.max(width / 2 - 10, 0);
  const left = Math.min(gap, room / Math.max(centre + skipped, 1));
  const right = Math.min(gap, room / Math.max(items.length - 1 - centre, 1));
  for (let index = 0; index < items.length; index++) {
    const steps = index - centre;
    put(items[index]!, width / 2 + steps * (steps < 0 ? left : right));
  }
}
