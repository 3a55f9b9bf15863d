// Step 1 of a level: layers, and stand-ins for edges where they pass through a layer.

import { append, emptyLists } from "./buckets";
import { LONG, MAX_SPAN, PITCH, type Child, type Level } from "./types";

export const IN = 0;
export const NODE = 1;
export const PASS = 2;
export const OUT = 3;
/** An expanded group is as tall as several layers: this is its part in each layer but the first. */
export const BODY = 4;

/** Elements stand in layers, in program order of what they carry; links join neighbouring layers. */
export interface Layered {
  layers: number[][];
  kind: number[];
  /** The child's index (NODE, BODY) or the net's (all others). */
  what: number[];
  layer: number[];
  /** Position within its layer. */
  place: number[];
  /** Links by the layer they start in; each is an index into linkFrom, linkTo, linkNet. */
  gaps: number[][];
  linkFrom: number[];
  linkTo: number[];
  /** -1: not an edge, but two parts of one box. */
  linkNet: number[];
  /** (net, target child or -1 - out net) of edges too long for stand-ins. */
  lanes: { net: number; target: number }[];
  elementOf: number[];
  /** The part of each child that its edges leave from. */
  exitOf: number[];
  inElement: number[];
  outElement: number[];
}

/** How many layers a child takes. */
export function spanOf(child: Child): number {
  if (child.box === null) return 1;
  return Math.min(Math.max(Math.round((child.h + PITCH / 2) / PITCH), 1), MAX_SPAN);
}

/** The layer of each child: one below its lowest input, sources as low as their readers allow. */
export function assignLayers(level: Level): { layer: number[]; last: number } {
  const count = level.children.length;
  const first = level.nets.some((net) => net.source < 0) ? 1 : 0;
  const layer = new Array<number>(count).fill(first);
  const hasInput = new Array<boolean>(count).fill(false);
  const netsOf = netsBySource(level);
  for (const net of level.nets) {
    if (net.source < 0) for (const target of net.targets) hasInput[target] = true;
  }
  for (let child = 0; child < count; child++) {
    for (const index of netsOf[child]!) {
      for (const target of level.nets[index]!.targets) {
        if (target <= child) continue;
        hasInput[target] = true;
        layer[target] = Math.max(layer[target]!, layer[child]! + spanOf(level.children[child]!));
      }
    }
  }
  sinkSources(level, layer, hasInput, netsOf);
  let last = first;
  level.children.forEach((child, index) => {
    last = Math.max(last, layer[index]! + spanOf(child));
  });
  return { layer, last };
}

/** Move what has no input (constants, parameters) next to its first reader. */
function sinkSources(level: Level, layer: number[], hasInput: boolean[], netsOf: number[][]): void {
  for (let child = level.children.length - 1; child >= 0; child--) {
    if (hasInput[child]) continue;
    let lowest = Infinity;
    for (const index of netsOf[child]!) {
      for (const target of level.nets[index]!.targets) {
        if (target > child) lowest = Math.min(lowest, layer[target]!);
      }
    }
    const span = spanOf(level.children[child]!);
    if (lowest !== Infinity) layer[child] = Math.max(layer[child]!, lowest - span);
  }
}

function netsBySource(level: Level): number[][] {
  const result = emptyLists<number>(level.children.length);
  level.nets.forEach((net, index) => {
    if (net.source >= 0) append(result, net.source, index);
  });
  return result;
}

class Builder implements Layered {
  layers: number[][];
  kind: number[] = [];
  what: number[] = [];
  layer: number[] = [];
  place: number[] = [];
  gaps: number[][];
  linkFrom: number[] = [];
  linkTo: number[] = [];
  linkNet: number[] = [];
  lanes: { net: number; target: number }[] = [];
  elementOf: number[];
  exitOf: number[];
  inElement: number[];
  outElement: number[];
  /** Links to children that are not placed yet: from, target child, net. */
  private pending: number[] = [];

  constructor(
    private readonly level: Level,
    private readonly childLayer: number[],
    private readonly last: number,
  ) {
    this.layers = emptyLists(last + 1);
    this.gaps = emptyLists(last + 1);
    this.elementOf = new Array<number>(level.children.length).fill(-1);
    this.exitOf = this.elementOf.slice();
    this.inElement = new Array<number>(level.nets.length).fill(-1);
    this.outElement = new Array<number>(level.nets.length).fill(-1);
  }

  add(kind: number, what: number, layer: number): number {
    const element = this.kind.length;
    this.kind.push(kind);
    this.what.push(what);
    this.layer.push(layer);
    this.place.push(this.layers[layer]!.length);
    append(this.layers, layer, element);
    return element;
  }

  link(from: number, to: number, net: number): void {
    append(this.gaps, this.layer[from]!, this.linkFrom.length);
    this.linkFrom.push(from);
    this.linkTo.push(to);
    this.linkNet.push(net);
  }

  /** Follow one tensor down from `from`, with one stand-in a layer shared by all its readers. */
  run(index: number, from: number): void {
    const net = this.level.nets[index]!;
    const start = this.layer[from]!;
    const stops: number[] = [];
    for (const target of net.targets) {
      if (target <= net.source) continue;
      if (this.childLayer[target]! - start > LONG) this.lanes.push({ net: index, target });
      else stops.push(target);
    }
    let leaves = net.leaves;
    if (leaves && this.last - start > LONG) {
      this.lanes.push({ net: index, target: -1 });
      this.outElement[index] = this.add(OUT, index, this.last);
      leaves = false;
    }
    stops.sort((a, b) => this.childLayer[a]! - this.childLayer[b]! || a - b);
    let end = leaves ? this.last : start;
    if (stops.length > 0) end = Math.max(end, this.childLayer[stops[stops.length - 1]!]!);
    let previous = from;
    let stop = 0;
    for (let layer = start + 1; layer <= end; layer++) {
      while (stop < stops.length && this.childLayer[stops[stop]!] === layer) {
        this.pending.push(previous, stops[stop]!, index);
        stop++;
      }
      if (layer === end) break;
      const pass = this.add(PASS, index, layer);
      this.link(previous, pass, index);
      previous = pass;
    }
    if (leaves) {
      this.outElement[index] = this.add(OUT, index, this.last);
      this.link(previous, this.outElement[index]!, index);
    }
  }

  /** The element of a child, and below it the parts of a tall box. */
  addChild(child: number): void {
    const first = this.add(NODE, child, this.childLayer[child]!);
    this.elementOf[child] = first;
    this.exitOf[child] = first;
    for (let part = 1; part < spanOf(this.level.children[child]!); part++) {
      const below = this.add(BODY, child, this.childLayer[child]! + part);
      this.link(this.exitOf[child]!, below, -1);
      this.exitOf[child] = below;
    }
  }

  finish(): void {
    for (let i = 0; i < this.pending.length; i += 3) {
      this.link(this.pending[i]!, this.elementOf[this.pending[i + 1]!]!, this.pending[i + 2]!);
    }
  }
}

export function buildLayers(level: Level): Layered {
  const { layer, last } = assignLayers(level);
  const builder = new Builder(level, layer, last);
  const netsOf = netsBySource(level);
  level.nets.forEach((net, index) => {
    if (net.source >= 0) return;
    builder.inElement[index] = builder.add(IN, index, 0);
    builder.run(index, builder.inElement[index]!);
  });
  for (let child = 0; child < level.children.length; child++) {
    builder.addChild(child);
    for (const index of netsOf[child]!) builder.run(index, builder.exitOf[child]!);
  }
  builder.finish();
  orderCarriers(builder);
  return builder;
}

/**
 * Children keep the order of the program in every layer. What only passes through (stand-ins, parts
 * of tall boxes, edges on their way out) goes where its upper end stands, so that it crosses as
 * little as possible; beside a child with the same upper end it goes to the left.
 */
function orderCarriers(graph: Layered): void {
  const { kind, place, linkFrom, linkTo } = graph;
  const total = new Float64Array(kind.length);
  const count = new Float64Array(kind.length);
  for (let index = 1; index < graph.layers.length; index++) {
    for (const link of graph.gaps[index - 1]!) {
      const to = linkTo[link]!;
      total[to] = total[to]! + place[linkFrom[link]!]!;
      count[to] = count[to]! + 1;
    }
    const layer = graph.layers[index]!;
    if (layer.length < 2) continue;
    const above = (element: number, otherwise: number) =>
      count[element]! > 0 ? total[element]! / count[element]! : otherwise;
    const carriers = layer.filter((element) => kind[element] !== NODE);
    carriers.sort((a, b) => above(a, Infinity) - above(b, Infinity));
    let next = 0;
    let last = -Infinity;
    let position = 0;
    const ordered = new Array<number>(layer.length);
    for (const element of layer) {
      if (kind[element] !== NODE) continue;
      last = above(element, last);
      while (next < carriers.length && above(carriers[next]!, Infinity) <= last) {
        ordered[position++] = carriers[next++]!;
      }
      ordered[position++] = element;
    }
    while (next < carriers.length) ordered[position++] = carriers[next++]!;
    graph.layers[index] = ordered;
    for (let i = 0; i < position; i++) place[ordered[i]!] = i;
  }
}

/** For each child how many layers the longest way from it to the end takes. */
export function remainingLayers(level: Level): number[] {
  const remaining = level.children.map(spanOf);
  const netsOf = netsBySource(level);
  for (let child = level.children.length - 1; child >= 0; child--) {
    let most = 0;
    for (const index of netsOf[child]!) {
      for (const target of level.nets[index]!.targets) {
        if (target > child) most = Math.max(most, remaining[target]!);
      }
    }
    remaining[child] = remaining[child]! + most;
  }
  return remaining;
}
