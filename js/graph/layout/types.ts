// What the layout takes and gives: plain numbers, so that it crosses a worker's border unchanged.

/** One thing to place in a level: a node of fixed size, or an expanded group with its own box. */
export interface Child {
  w: number;
  h: number;
  box: Box | null;
}

/** One tensor as a level sees it: where it comes from and every child of the level that reads it. */
export interface Net {
  /** Index of the child that makes it; -1: it comes from outside the group. */
  source: number;
  /** Which of the source box's outgoing tensors it is (only read when the source is a box). */
  slot: number;
  /** Children that read it, ascending. */
  targets: number[];
  /** For each target that is a box: which of its incoming tensors this is. */
  slots: number[];
  /** Something outside the group reads it too. */
  leaves: boolean;
  /** Width of its label in pixels; 0: none. */
  label: number;
}

/** One level to lay out: the children of one expanded group, in program order. */
export interface Level {
  children: Child[];
  /** Ordered by the program order of their sources; those from outside first. */
  nets: Net[];
  /** Space kept around the content, and the least width (a header must fit). */
  frame: Frame;
}

export interface Frame {
  top: number;
  side: number;
  bottom: number;
  minWidth: number;
}

/** Numbers a route takes in `Box.routes`: x0, y0, y of the bend, x1, y1, net, arrow (1) or not (0). */
export const ROUTE = 7;

/** A level laid out; every position is relative to its upper left corner. */
export interface Box {
  w: number;
  h: number;
  /** x, y, width, height of each child. */
  rects: Float64Array;
  /** ROUTE numbers for each piece of an edge, from top to bottom. */
  routes: Float64Array;
  /** net, x of the middle, y of the middle for each label that has room. */
  labels: Float64Array;
  /** x of each tensor that comes in through the top, and of each that leaves through the bottom. */
  inX: Float64Array;
  outX: Float64Array;
}

/** Distances in pixels. One table for the browser and for the static picture made in Python. */
export const GAP = {
  node: 24,
  edge: 14,
  port: 14,
  track: 8,
  lane: 14,
  stub: 18,
  arrow: 14,
} as const;

/** An edge that spans more layers than this runs in a lane beside the level. */
export const LONG = 32;

/** About the height of a node and the way to the next: a tall box takes so many layers. */
export const PITCH = 58;

/** A box takes at most so many layers. */
export const MAX_SPAN = 24;

/** At most so many parallel horizontal lines between two layers; more are drawn on each other. */
export const MAX_TRACKS = 16;

/** Height of the header of an expanded group. */
export const HEADER = 28;

export const ROOT_FRAME: Frame = { top: 24, side: 24, bottom: 24, minWidth: 0 };

/**
 * The frame of an expanded group whose header is `header` pixels wide. Edges that come in or leave
 * keep the content away from the border; without them it needs room of its own.
 */
export function groupFrame(header: number, comesIn: boolean, leaves: boolean): Frame {
  return { top: HEADER + (comesIn ? 0 : 12), side: 16, bottom: leaves ? 8 : 16, minWidth: header };
}

