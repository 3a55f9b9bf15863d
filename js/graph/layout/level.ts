// Lays out one level: layers, straight lines, positions, routes.

import { align, placePorts, type PortShape } from "./align";
import { placeElements } from "./coordinates";
import { BODY, buildLayers, NODE, remainingLayers, type Layered } from "./layers";
import { routeLevel, type Routed } from "./routes";
import { GAP, ROUTE, type Box, type Level } from "./types";

export function layoutLevel(level: Level): Box {
  const graph = buildLayers(level);
  const alignment = align(graph, remainingLayers(level));
  const laneCount = countLanes(graph);
  const width = (element: number) => {
    const solid = graph.kind[element] === NODE || graph.kind[element] === BODY;
    return solid ? level.children[graph.what[element]!]!.w : 0;
  };
  const shape: PortShape = {
    width,
    fixedIn: (element, net) => fixedIn(level, graph.what[element]!, net),
    fixedOut: (element, net) => fixedOut(level, graph.what[element]!, net),
  };
  const ports = placePorts(graph, alignment, shape, laneCount, GAP.port);
  const x = placeElements(graph, alignment, ports, width);
  const lanes = assignLanes(graph, level);
  shiftRight(x, lanes.count * GAP.lane);
  const laneX = Float64Array.from(lanes.of, (lane) => (lane < 0 ? NaN : (lanes.count - 1 - lane) * GAP.lane));
  const entry = (child: number, net: number) => {
    const fixed = fixedIn(level, child, net);
    return Number.isNaN(fixed) ? Math.min(10, level.children[child]!.w / 2) : fixed;
  };
  const routed = routeLevel({ graph, level, ports, x, width, laneX, entry });
  return frame(level, graph, x, width, routed);
}

function fixedIn(level: Level, child: number, net: number): number {
  const { box } = level.children[child]!;
  if (box === null) return NaN;
  const { targets, slots } = level.nets[net]!;
  return box.inX[slots[targets.indexOf(child)]!]!;
}

function fixedOut(level: Level, child: number, net: number): number {
  const { box } = level.children[child]!;
  return box === null ? NaN : box.outX[level.nets[net]!.slot]!;
}

function countLanes(graph: Layered): Uint8Array {
  const count = new Uint8Array(graph.kind.length);
  for (const { target } of graph.lanes) if (target >= 0) count[graph.elementOf[target]!] = 1;
  return count;
}

/** One lane a net, shared by nets whose stretches do not meet (first fit from the top). */
function assignLanes(graph: Layered, level: Level): { of: Int32Array; count: number } {
  const of = new Int32Array(level.nets.length).fill(-1);
  const last = new Map<number, number>();
  for (const { net, target } of graph.lanes) {
    const to = target < 0 ? graph.outElement[net]! : graph.elementOf[target]!;
    last.set(net, Math.max(last.get(net) ?? 0, graph.layer[to]!));
  }
  const free: number[] = [];
  const start = (net: number) => {
    const { source } = level.nets[net]!;
    return source < 0 ? 0 : graph.layer[graph.exitOf[source]!]!;
  };
  for (const net of [...last.keys()].sort((a, b) => start(a) - start(b) || a - b)) {
    let lane = free.findIndex((end) => end < start(net));
    if (lane < 0) lane = free.length;
    free[lane] = last.get(net)!;
    of[net] = lane;
  }
  return { of, count: free.length };
}

function shiftRight(x: Float64Array, room: number): void {
  let least = Infinity;
  for (const value of x) least = Math.min(least, value);
  for (let i = 0; i < x.length; i++) x[i] = x[i]! - least + room;
}

/** Put the content into its frame and gather the box. */
function frame(
  level: Level,
  graph: Layered,
  x: Float64Array,
  width: (element: number) => number,
  routed: Routed,
): Box {
  let content = 0;
  x.forEach((value, element) => (content = Math.max(content, value + width(element))));
  const { top, side, bottom, minWidth } = level.frame;
  const w = Math.max(content + 2 * side, minWidth);
  const dx = (w - content) / 2;
  const rects = new Float64Array(4 * level.children.length);
  level.children.forEach((child, index) => {
    const element = graph.elementOf[index]!;
    rects.set([x[element]! + dx, routed.y[element]! + top, child.w, child.h], 4 * index);
  });
  const { routes, labels, height } = routed;
  const box: Box = {
    w,
    h: top + height + bottom,
    rects,
    routes,
    labels,
    inX: borderX(x, graph.inElement, dx),
    outX: borderX(x, graph.outElement, dx),
  };
  for (let i = 0; i < routes.length; i += ROUTE) moveRoute(box, i, dx, top, height);
  for (let i = 0; i < labels.length; i += 3) {
    labels[i + 1]! += dx;
    labels[i + 2]! += top;
  }
  return box;
}

/** Where the tensors cross the border: those that have an element there. */
function borderX(x: Float64Array, elements: number[], dx: number): Float64Array {
  const crossing = elements.filter((element) => element >= 0);
  return Float64Array.from(crossing, (element) => x[element]! + dx);
}

/** Edges that come in or leave reach the border of the box, through its header and its foot. */
function moveRoute(box: Box, i: number, dx: number, top: number, height: number): void {
  const r = box.routes;
  r[i] = r[i]! + dx;
  r[i + 3] = r[i + 3]! + dx;
  r[i + 1] = r[i + 1]! <= 0 ? 0 : r[i + 1]! + top;
  r[i + 2] = r[i + 2]! + top;
  r[i + 4] = r[i + 4]! >= height - 1e-6 && r[i + 6] === 0 ? box.h : r[i + 4]! + top;
}
