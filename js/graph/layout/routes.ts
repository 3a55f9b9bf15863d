// Step 4 of a level: the height of layers and the horizontal pieces of edges between them.

import type { Ports } from "./align";
import { append, emptyLists } from "./buckets";
import { BODY, NODE, OUT, PASS, type Layered } from "./layers";
import { GAP, MAX_TRACKS, type Level } from "./types";

/** One tensor between two layers: it comes down at `x`, goes sideways once and drops at `ends`. */
interface Wire {
  net: number;
  x: number;
  top: number;
  ends: { x: number; y: number; arrow: number }[];
  low: number;
  high: number;
  track: number;
}

export interface Placed {
  graph: Layered;
  level: Level;
  ports: Ports;
  x: Float64Array;
  width(element: number): number;
  /** x of the lane of each net that has one, left of all elements, and of its ends. */
  laneX: Float64Array;
  entry(child: number, net: number): number;
}

export interface Routed {
  /** Top of each element, and the height of the level's content. */
  y: Float64Array;
  height: number;
  routes: Float64Array;
  labels: Float64Array;
}

export function routeLevel(placed: Placed): Routed {
  const { graph } = placed;
  const wires = emptyLists<Wire>(graph.layers.length);
  graph.gaps.forEach((links, gap) => addWires(placed, links, wires, gap));
  addLanes(placed, wires);
  const y = new Float64Array(graph.kind.length);
  const [tops, bottoms, bends, rooms] = [0, 1, 2, 3].map(() => new Float64Array(graph.layers.length));
  const stack = { y, tops, bottoms, bends, rooms } as Stack;
  for (let index = 0; index < graph.layers.length; index++) stackLayer(placed, stack, index, wires[index]!);
  const routes = draw(placed, wires, stack);
  const height = stack.bottoms[stack.bottoms.length - 1]!;
  return { y, height, routes, labels: placeLabels(placed, wires, y) };
}

/** What is known of the layers so far, from the top. */
interface Stack {
  y: Float64Array;
  tops: Float64Array;
  bottoms: Float64Array;
  /** Where the first track below each layer runs. */
  bends: Float64Array;
  /** How far below each layer the next one begins. */
  rooms: Float64Array;
}

/** Put a layer under those before it; a box that ends in it has its whole height by then. */
function stackLayer(placed: Placed, stack: Stack, index: number, wires: Wire[]): void {
  const { graph, level } = placed;
  const layer = graph.layers[index]!;
  const top = index === 0 ? 0 : stack.bottoms[index - 1]! + stack.rooms[index - 1]!;
  stack.tops[index] = top;
  let bottom = top;
  for (const element of layer) {
    const child = endingChild(graph, element);
    if (child < 0) continue;
    const start = stack.tops[graph.layer[graph.elementOf[child]!]!]!;
    bottom = Math.max(bottom, start + level.children[child]!.h);
  }
  stack.bottoms[index] = bottom;
  for (const element of layer) {
    const child = endingChild(graph, element);
    stack.y[element] = graph.kind[element] === PASS ? top : (top + bottom) / 2;
    if (child < 0) continue;
    const start = stack.tops[graph.layer[graph.elementOf[child]!]!]!;
    const y = start + (bottom - start - level.children[child]!.h) / 2;
    stack.y[graph.elementOf[child]!] = y;
    stack.y[element] = y;
  }
  const stub = hasLabel(placed, wires) ? GAP.stub : GAP.edge / 2;
  stack.bends[index] = bottom + stub;
  stack.rooms[index] = roomBelow(graph, index, wires, stub);
}

/** The child whose last part the element is, -1: none. */
function endingChild(graph: Layered, element: number): number {
  const kind = graph.kind[element];
  if (kind !== NODE && kind !== BODY) return -1;
  const child = graph.what[element]!;
  return graph.exitOf[child] === element ? child : -1;
}

/** How much room there is below a layer for labels, sideways pieces and arrow heads. */
function roomBelow(graph: Layered, index: number, wires: Wire[], stub: number): number {
  const next = graph.layers[index + 1];
  const tracks = assignTracks(wires);
  if (next === undefined || next.length === 0) return 0;
  if (wires.length === 0) return next.some((element) => graph.kind[element] === NODE) ? GAP.edge : 0;
  const arrows = wires.some((wire) => wire.ends.some((end) => end.arrow));
  return stub + Math.max(tracks - 1, 0) * GAP.track + (arrows ? GAP.arrow : GAP.edge / 2);
}

function hasLabel(placed: Placed, wires: Wire[]): boolean {
  const { graph, level } = placed;
  return wires.some(
    (wire) => wire.top >= 0 && isSolid(graph, wire.top) && level.nets[wire.net]!.label > 0,
  );
}

function isSolid(graph: Layered, element: number): boolean {
  return graph.kind[element] === NODE || graph.kind[element] === BODY;
}

function addWires(placed: Placed, links: number[], wires: Wire[][], gap: number): void {
  const { graph, ports, x } = placed;
  const byPort = links.length > 1 ? new Map<number, Wire>() : null;
  for (const link of links) {
    const net = graph.linkNet[link]!;
    if (net < 0) continue;
    const to = graph.linkTo[link]!;
    const end = { x: x[to]! + ports.to[link]!, y: to, arrow: graph.kind[to] === NODE ? 1 : 0 };
    const known = byPort?.get(net);
    if (known !== undefined) {
      known.ends.push(end);
      known.low = Math.min(known.low, end.x);
      known.high = Math.max(known.high, end.x);
      continue;
    }
    const from = graph.linkFrom[link]!;
    const at = x[from]! + ports.from[link]!;
    const [low, high] = [Math.min(at, end.x), Math.max(at, end.x)];
    const wire = { net, x: at, top: from, ends: [end], low, high, track: -1 };
    byPort?.set(net, wire);
    append(wires, gap, wire);
  }
}

/** A long edge: out to its lane below its source, down the lane, and in again above each reader. */
function addLanes(placed: Placed, wires: Wire[][]): void {
  const { graph, level } = placed;
  for (const { net, target } of graph.lanes) {
    const lane = placed.laneX[net]!;
    const source = level.nets[net]!.source;
    const from = source < 0 ? graph.inElement[net]! : graph.exitOf[source]!;
    const to = target < 0 ? graph.outElement[net]! : graph.elementOf[target]!;
    const gapOut = graph.layer[from]!;
    let out = wires[gapOut]!.find((wire) => wire.net === net);
    if (out === undefined) {
      const x = placed.x[from]! + startOf(placed, from, net);
      out = { net, x, top: from, ends: [], low: x, high: x, track: -1 };
      append(wires, gapOut, out);
    }
    out.ends.push({ x: lane, y: -1 - to, arrow: 0 });
    out.low = Math.min(out.low, lane);
    const end = target < 0 ? placed.x[to]! : placed.x[to]! + placed.entry(target, net);
    const arrow = target < 0 ? 0 : 1;
    const ends = [{ x: end, y: to, arrow }];
    append(wires, graph.layer[to]! - 1, { net, x: lane, top: -1, ends, low: lane, high: end, track: -1 });
  }
}

/** Where a net leaves its element when no ordinary link of it says so. */
function startOf(placed: Placed, element: number, net: number): number {
  const { graph, level } = placed;
  if (!isSolid(graph, element)) return 0;
  const child = level.children[graph.what[element]!]!;
  return child.box === null ? child.w / 2 : child.box.outX[level.nets[net]!.slot]!;
}

/**
 * Tracks from top to bottom. Wires to the right are stacked from the rightmost down, those to the
 * left from the leftmost down: then wires that go the same way do not cross.
 */
function assignTracks(wires: Wire[]): number {
  const bent = wires.filter((wire) => wire.high - wire.low > 0.5);
  if (bent.length < 2) {
    for (const wire of bent) wire.track = 0;
    return bent.length;
  }
  const rightward = (wire: Wire) => wire.high - wire.x >= wire.x - wire.low;
  const ordered = [
    ...bent.filter(rightward).sort((a, b) => b.x - a.x),
    ...bent.filter((wire) => !rightward(wire)).sort((a, b) => a.x - b.x),
  ];
  const low: number[] = [];
  const high: number[] = [];
  for (const wire of ordered) {
    let track = low.length;
    while (track > 0 && !touches(wire, low[track - 1]!, high[track - 1]!)) track--;
    track = Math.min(track, MAX_TRACKS - 1);
    wire.track = track;
    low[track] = Math.min(low[track] ?? Infinity, wire.low);
    high[track] = Math.max(high[track] ?? -Infinity, wire.high);
  }
  return low.length;
}

function touches(wire: Wire, low: number, high: number): boolean {
  return wire.low < high + GAP.track && wire.high > low - GAP.track;
}

function draw(placed: Placed, wires: Wire[][], stack: Stack): Float64Array {
  const { graph, level } = placed;
  const { y } = stack;
  const bendOf = (gap: number, wire: Wire) =>
    stack.bends[gap]! + Math.max(wire.track, 0) * GAP.track;
  const routes: number[] = [];
  wires.forEach((list, gap) => {
    for (const wire of list) {
      const bend = bendOf(gap, wire);
      const from = wire.top;
      const start = from < 0 ? bend - GAP.track : y[from]! + bottomOf(graph, level, from);
      for (const end of wire.ends) {
        // A lane runs on to just above the bend of the wire that brings it to its reader.
        const stop = end.y < 0 ? laneEnd(graph, wires, bendOf, wire.net, -1 - end.y) : y[end.y]!;
        routes.push(wire.x, start, bend, end.x, stop, wire.net, end.arrow);
      }
    }
  });
  return new Float64Array(routes);
}

function laneEnd(
  graph: Layered,
  wires: Wire[][],
  bendOf: (gap: number, wire: Wire) => number,
  net: number,
  element: number,
): number {
  const gap = graph.layer[element]! - 1;
  const wire = wires[gap]!.find((w) => w.net === net && w.top < 0 && w.ends[0]!.y === element)!;
  return bendOf(gap, wire) - GAP.track;
}

/** Where the edges of an element begin: of a stand-in at the top of its layer, to pass it. */
function bottomOf(graph: Layered, level: Level, element: number): number {
  return isSolid(graph, element) ? level.children[graph.what[element]!]!.h : 0;
}

/** A label stands on the wire just below its source, where no neighbour is in the way. */
function placeLabels(placed: Placed, wires: Wire[][], y: Float64Array): Float64Array {
  const { graph, level } = placed;
  const labels: number[] = [];
  for (const list of wires) {
    const trunks = list.filter((wire) => wire.top >= 0);
    if (trunks.length > 1) trunks.sort((a, b) => a.x - b.x);
    let taken = -Infinity;
    trunks.forEach((wire, index) => {
      const half = level.nets[wire.net]!.label / 2;
      const before = index > 0 ? trunks[index - 1]!.x : -Infinity;
      const after = index + 1 < trunks.length ? trunks[index + 1]!.x : Infinity;
      if (half === 0 || !isSolid(graph, wire.top) || wire.ends.every((end) => isOut(graph, end.y))) return;
      if (wire.x - half < Math.max(before, taken) + 4 || wire.x + half > after - 4) return;
      labels.push(wire.net, wire.x, y[wire.top]! + bottomOf(graph, level, wire.top) + GAP.stub / 2);
      taken = wire.x + half;
    });
  }
  return new Float64Array(labels);
}

function isOut(graph: Layered, element: number): boolean {
  return element >= 0 && graph.kind[element] === OUT;
}
