// Lays out a whole graph: every expanded group is one level, innermost first. Levels that are alike
// (repeated blocks) are laid out once.

import { layoutLevel } from "./level";
import { ROOT_FRAME, groupFrame, type Box, type Child, type Frame, type Level, type Net } from "./types";

/** A graph as the layout needs it: numbers only. Nodes in program order, a group before its members. */
export interface Shapes {
  /** Index of the group each node lies in; -1: none. */
  parent: Int32Array;
  /** 0: no group, 1: a group, 2: a group that is closed at first (a layer's own operations). */
  group: Uint8Array;
  width: Float32Array;
  height: Float32Array;
  /** Least width of the box when the group is expanded. */
  header: Float32Array;
  /** from, to, output for each edge. */
  edges: Int32Array;
  /** Width of the label of each edge's tensor; 0: none. */
  labels: Float32Array;
}

/** One expanded group (or the root) laid out. */
export interface PlacedLevel {
  /** The group's node, -1 for the root. */
  group: number;
  children: number[];
  box: Box;
  /** For each net the first edge that carries it: tells tensor, shape and label. */
  nets: number[];
}

export interface GraphLayout {
  /** Outermost first. */
  levels: PlacedLevel[];
}

/** Boxes by what they depend on, kept between layouts. */
export type Cache = Map<string, { box: Box; name: number }>;

interface Draft {
  group: number;
  children: number[];
  nets: Map<number, DraftNet>;
}

interface DraftNet {
  tensor: number;
  edge: number;
  source: number;
  targets: number[];
  leaves: boolean;
}

/** Lay out `shapes` with the groups marked in `expanded` open. Linear in nodes and edges. */
export function layoutGraph(shapes: Shapes, expanded: Uint8Array, cache: Cache): GraphLayout {
  const seen = visible(shapes, expanded);
  const { drafts, place } = draftLevels(shapes, seen);
  addNets(shapes, seen, drafts);
  const placed = new Map<number, Done>();
  for (const draft of [...drafts.values()].reverse()) {
    placed.set(draft.group, placeLevel({ shapes, place, placed }, draft, cache));
  }
  const levels = [...placed.values()].reverse();
  return { levels: levels.map(({ group, children, box, nets }) => ({ group, children, box, nets })) };
}

interface Visible {
  /** The node that stands for each node: itself, or the collapsed group it is hidden in. */
  standsFor: Int32Array;
  /** Groups that are open (and not hidden). */
  open: Uint8Array;
  depth: Int32Array;
}

function visible(shapes: Shapes, expanded: Uint8Array): Visible {
  const count = shapes.parent.length;
  const standsFor = new Int32Array(count);
  const open = new Uint8Array(count);
  const depth = new Int32Array(count);
  const full = new Uint8Array(count);
  for (const parent of shapes.parent) if (parent >= 0) full[parent] = 1;
  for (let node = 0; node < count; node++) {
    const parent = shapes.parent[node]!;
    if (parent >= 0) depth[node] = depth[parent]! + 1;
    if (parent >= 0 && !open[parent]) {
      standsFor[node] = standsFor[parent]!;
      continue;
    }
    standsFor[node] = node;
    if (shapes.group[node] && expanded[node] && full[node]) open[node] = 1;
  }
  return { standsFor, open, depth };
}

/** The open groups, and for each node its index among the children of the group it lies in. */
function draftLevels(shapes: Shapes, seen: Visible): { drafts: Map<number, Draft>; place: Int32Array } {
  const place = new Int32Array(shapes.parent.length);
  const drafts = new Map<number, Draft>();
  drafts.set(-1, { group: -1, children: [], nets: new Map() });
  for (let node = 0; node < shapes.parent.length; node++) {
    if (seen.standsFor[node] !== node) continue;
    place[node] = drafts.get(shapes.parent[node]!)!.children.push(node) - 1;
    if (seen.open[node]) drafts.set(node, { group: node, children: [], nets: new Map() });
  }
  return { drafts, place };
}

/** Enter every edge into each level it passes: out of groups, across, and into groups. */
function addNets(shapes: Shapes, seen: Visible, drafts: Map<number, Draft>): void {
  const { edges, parent } = shapes;
  for (let edge = 0; edge * 3 < edges.length; edge++) {
    let from = seen.standsFor[edges[3 * edge]!]!;
    let to = seen.standsFor[edges[3 * edge + 1]!]!;
    // Inside one thing, or of an open group itself, which makes and reads nothing.
    if (from === to || seen.open[from] || seen.open[to]) continue;
    // One number for the tensor, in the order of the nodes that make them.
    const tensor = edges[3 * edge]! * 4096 + Math.min(edges[3 * edge + 2]!, 4095);
    while (parent[from] !== parent[to]) {
      if (seen.depth[from]! > seen.depth[to]!) {
        netOf(drafts, parent[from]!, tensor, edge, from).leaves = true;
        from = parent[from]!;
      } else {
        addTarget(netOf(drafts, parent[to]!, tensor, edge, -1), to);
        to = parent[to]!;
      }
    }
    if (from !== to) addTarget(netOf(drafts, parent[from]!, tensor, edge, from), to);
  }
}

function netOf(
  drafts: Map<number, Draft>,
  group: number,
  tensor: number,
  edge: number,
  source: number,
): DraftNet {
  const { nets } = drafts.get(group)!;
  let net = nets.get(tensor);
  if (net === undefined) {
    net = { tensor, edge, source, targets: [], leaves: false };
    nets.set(tensor, net);
  }
  return net;
}

function addTarget(net: DraftNet, target: number): void {
  if (net.targets.length === 0) net.targets = [target];
  else if (net.targets[net.targets.length - 1] !== target) net.targets.push(target);
}

/** What is known of a level once it is placed, for the level around it. */
interface Done extends PlacedLevel {
  /** Number of the box in the cache: equal for levels that are alike. */
  name: number;
  /** The box's incoming and its outgoing tensors, ascending: a tensor's index is its slot. */
  incoming: number[];
  outgoing: number[];
}

/** What all levels look into: the nodes, their place in their level, and the levels that are done. */
interface Known {
  shapes: Shapes;
  place: Int32Array;
  placed: Map<number, Done>;
}

function placeLevel(known: Known, draft: Draft, cache: Cache): Done {
  const { shapes, placed } = known;
  const sorted = [...draft.nets.values()].sort((a, b) => a.tensor - b.tensor);
  const arriving = sorted.filter((net) => net.source < 0);
  const nets = arriving.length > 0 ? [...arriving, ...sorted.filter((n) => n.source >= 0)] : sorted;
  const level: Level = {
    children: draft.children.map((node) => childOf(shapes, node, placed)),
    nets: nets.map((net) => toNet(known, net)),
    frame: frameOf(shapes, draft.group, nets),
  };
  const key = keyOf(level, draft.children, placed);
  let box = cache.get(key);
  if (box === undefined) {
    box = { box: layoutLevel(level), name: cache.size };
    cache.set(key, box);
  }
  return {
    group: draft.group,
    children: draft.children,
    ...box,
    nets: nets.map((net) => net.edge),
    incoming: arriving.map((net) => net.tensor),
    outgoing: nets.filter((net) => net.leaves).map((net) => net.tensor),
  };
}

function frameOf(shapes: Shapes, group: number, nets: DraftNet[]): Frame {
  if (group < 0) return ROOT_FRAME;
  const comesIn = nets.some((net) => net.source < 0);
  return groupFrame(shapes.header[group]!, comesIn, nets.some((net) => net.leaves));
}

/** Index of `tensor` in an ascending list that has it. */
function slotOf(tensor: number, list: number[]): number {
  let low = 0;
  let high = list.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle]! < tensor) low = middle + 1;
    else high = middle;
  }
  return low;
}

function childOf(shapes: Shapes, node: number, placed: Map<number, Done>): Child {
  const inner = placed.get(node);
  if (inner !== undefined) return { w: inner.box.w, h: inner.box.h, box: inner.box };
  return { w: shapes.width[node]!, h: shapes.height[node]!, box: null };
}

function toNet({ shapes, place, placed }: Known, net: DraftNet): Net {
  const nodes = net.targets.length < 2 ? net.targets : [...new Set(net.targets)].sort((a, b) => a - b);
  const slot = (list: number[] | undefined) => (list === undefined ? 0 : slotOf(net.tensor, list));
  return {
    source: net.source < 0 ? -1 : place[net.source]!,
    slot: slot(placed.get(net.source)?.outgoing),
    targets: nodes.map((node) => place[node]!),
    slots: nodes.map((node) => slot(placed.get(node)?.incoming)),
    leaves: net.leaves,
    label: shapes.labels[net.edge]!,
  };
}

/** Everything the layout of a level depends on, as text: equal keys give equal boxes. */
function keyOf(level: Level, children: number[], placed: Map<number, Done>): string {
  let key = `${level.frame.top} ${level.frame.minWidth}`;
  level.children.forEach((child, index) => {
    const inner = placed.get(children[index]!);
    key += inner === undefined ? ` ${child.w}/${child.h}` : ` #${inner.name}`;
  });
  for (const net of level.nets) {
    key += `|${net.source}.${net.slot}.${net.leaves ? 1 : 0}.${net.label}`;
    for (let i = 0; i < net.targets.length; i++) key += ` ${net.targets[i]}:${net.slots[i]}`;
  }
  return key;
}
