// Step 2 of a level: which elements of neighbouring layers stand on one straight line.

import { BODY, NODE, PASS, type Layered } from "./layers";

/** For each element the link that is drawn straight to the one above (-1: none), and below. */
export interface Alignment {
  up: number[];
  down: number[];
}

/**
 * Choose straight links, never two that cross or share an end. Parts of one box come first, then
 * stand-ins of one long edge, then the links of the main path: down to where most is left to come,
 * up to where the longest straight line arrives (among equals the middle one: a fan keeps its middle
 * straight). Then any link between real nodes, then the rest. Five sweeps a gap: the whole is linear.
 */
export function align(graph: Layered, remaining: number[]): Alignment {
  const count = graph.kind.length;
  const length = new Array<number>(count).fill(0);
  const left = graph.kind.map((kind, element) => (kind === NODE ? remaining[graph.what[element]!]! : 0));
  const alignment: Alignment = {
    up: new Array<number>(count).fill(-1),
    down: new Array<number>(count).fill(-1),
  };
  for (const gap of graph.gaps) {
    if (gap.length === 1) accept(graph, alignment, gap[0]!);
    else if (gap.length > 1) alignGap(graph, alignment, gap, length, left);
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
  length: number[],
  left: number[],
): void {
  const { linkFrom, linkTo, place } = graph;
  const byTo = [...gap].sort(
    (a, b) => place[linkTo[a]!]! - place[linkTo[b]!]! || place[linkFrom[a]!]! - place[linkFrom[b]!]!,
  );
  const byFrom = [...gap].sort(
    (a, b) => place[linkFrom[a]!]! - place[linkFrom[b]!]! || place[linkTo[a]!]! - place[linkTo[b]!]!,
  );
  const mainOfFrom = mainLinks(graph, byFrom, linkFrom, linkTo, left);
  const mainOfTo = mainLinks(graph, byTo, linkTo, linkFrom, length);
  const passes: ((link: number) => boolean)[] = [
    (link) => graph.linkNet[link]! < 0,
    (link) => graph.kind[linkFrom[link]!] === PASS && graph.kind[linkTo[link]!] === PASS,
    (link) => mainOfFrom.has(link) && mainOfTo.has(link),
    (link) => isReal(graph, link),
    () => true,
  ];
  for (const wanted of passes) sweep(graph, alignment, byTo, wanted);
}

/** Does the link join two things a reader sees as the main path (no stand-in at either end)? */
function isReal(graph: Layered, link: number): boolean {
  return graph.kind[graph.linkFrom[link]!] !== PASS && graph.kind[graph.linkTo[link]!] !== PASS;
}

/** For each element at one end its real link of most weight at the other end, or the middle of those. */
function mainLinks(
  graph: Layered,
  links: number[],
  end: number[],
  other: number[],
  weight: number[],
): Set<number> {
  const result = new Set<number>();
  let best: number[] = [];
  for (let i = 0; i <= links.length; i++) {
    const ends = i === links.length || (i > 0 && end[links[i]!] !== end[links[i - 1]!]);
    if (ends && best.length > 0) {
      result.add(best[(best.length - 1) >> 1]!);
      best = [];
    }
    if (i === links.length || !isReal(graph, links[i]!)) continue;
    const more = best.length === 0 ? 0 : weight[other[links[i]!]!]! - weight[other[best[0]!]!]!;
    if (more > 0) best = [];
    if (more >= 0) best.push(links[i]!);
  }
  return result;
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
  from: number[];
  to: number[];
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
  lanes: number[],
  gap: number,
): Ports {
  const ports: Ports = {
    from: new Array<number>(graph.linkFrom.length).fill(0),
    to: new Array<number>(graph.linkFrom.length).fill(0),
  };
  // Most elements have one link at each end: they share one empty list until they get another.
  const none: number[] = [];
  const incoming: number[][] = graph.kind.map(() => none);
  const outgoing: number[][] = graph.kind.map(() => none);
  const append = (lists: number[][], element: number, link: number) => {
    if (lists[element] === none) lists[element] = [link];
    else lists[element]!.push(link);
  };
  for (const links of graph.gaps) {
    const ordered =
      links.length < 2
        ? links
        : [...links].sort((a, b) => graph.place[graph.linkFrom[a]!]! - graph.place[graph.linkFrom[b]!]!);
    for (const link of ordered) {
      append(incoming, graph.linkTo[link]!, link);
      append(outgoing, graph.linkFrom[link]!, link);
    }
  }
  for (let element = 0; element < graph.kind.length; element++) {
    const kind = graph.kind[element];
    if (kind === BODY) spreadOutgoing(graph, alignment, shape, element, outgoing[element]!, gap, ports);
    if (kind !== NODE) continue;
    const width = shape.width(element);
    spread(incoming[element]!, alignment.up[element]!, lanes[element]!, width, gap, (link, x) => {
      const fixed = shape.fixedIn(element, graph.linkNet[link]!);
      ports.to[link] = Number.isNaN(fixed) ? x : fixed;
    });
    spreadOutgoing(graph, alignment, shape, element, outgoing[element]!, gap, ports);
  }
  return ports;
}

function spreadOutgoing(
  graph: Layered,
  alignment: Alignment,
  shape: PortShape,
  element: number,
  links: number[],
  gap: number,
  ports: Ports,
): void {
  const edges = links.filter((link) => graph.linkNet[link]! >= 0);
  if (edges.length === 0) return;
  const nets =
    edges.length === 1
      ? [graph.linkNet[edges[0]!]!]
      : [...new Set(edges.map((link) => graph.linkNet[link]!))].sort((a, b) => a - b);
  const down = alignment.down[element]!;
  const main = down < 0 ? -1 : graph.linkNet[down]!;
  const at = new Map<number, number>();
  spread(nets, main, 0, shape.width(element), gap, (net, x) => at.set(net, x));
  for (const link of edges) {
    const net = graph.linkNet[link]!;
    const fixed = shape.fixedOut(element, net);
    ports.from[link] = Number.isNaN(fixed) ? at.get(net)! : fixed;
  }
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
  let centre = items.indexOf(main);
  if (centre < 0) centre = (items.length - 1) >> 1;
  const room = Math.max(width / 2 - 10, 0);
  const left = Math.min(gap, room / Math.max(centre + skipped, 1));
  const right = Math.min(gap, room / Math.max(items.length - 1 - centre, 1));
  items.forEach((item, index) => {
    const steps = index - centre;
    put(item, width / 2 + steps * (steps < 0 ? left : right));
  });
}
