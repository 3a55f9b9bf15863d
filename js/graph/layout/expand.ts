// Which groups to open at first: as many as can be seen at a readable size.

import { layoutGraph, type Cache, type Shapes } from "./graph";

/** A picture that must be shrunk below this to fit is not readable at a glance. */
export const READABLE = 0.6;

/**
 * Open whole depths, outermost first, as long as the picture fits `width` × `height` at a readable
 * size; at the first depth that does not fit, stop. Returns the groups to open, marked 1.
 */
export function expandToFit(
  shapes: Shapes,
  width: number,
  height: number,
  cache: Cache,
): Uint8Array {
  const depth = depths(shapes);
  let open = new Uint8Array(shapes.parent.length);
  const deepest = depth.reduce((most, value) => Math.max(most, value), 0);
  for (let level = 0; level <= deepest; level++) {
    const next = open.slice();
    let opened = 0;
    let shown = 0;
    shapes.group.forEach((group, node) => {
      const parent = shapes.parent[node]!;
      if (parent >= 0 && !next[parent]) return;
      shown++;
      if (group === 1 && depth[node] === level) {
        next[node] = 1;
        opened++;
      }
    });
    if (opened === 0) continue;
    if (shown > 400) break;
    const { box } = layoutGraph(shapes, next, cache).levels[0]!;
    if (Math.min(width / box.w, height / box.h) < READABLE) break;
    open = next;
  }
  return open;
}

function depths(shapes: Shapes): Int32Array {
  const depth = new Int32Array(shapes.parent.length);
  shapes.parent.forEach((parent, node) => {
    if (parent >= 0) depth[node] = depth[parent]! + 1;
  });
  return depth;
}
