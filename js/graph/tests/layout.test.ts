import { describe, expect, it } from "vitest";
import { expandToFit } from "../layout/expand";
import { layoutGraph, type GraphLayout, type Shapes } from "../layout/graph";
import { ROUTE, type Box } from "../layout/types";
import { all, flat, shapesOf, transformer } from "./samples";

const lay = (graph: Shapes, open = all(graph)) => layoutGraph(graph, open, new Map());

/** Upper left corner and size of child `index`. */
const rect = (box: Box, index: number) => [...box.rects.slice(4 * index, 4 * index + 4)];
const middle = (box: Box, index: number) => box.rects[4 * index]! + box.rects[4 * index + 2]! / 2;

function overlaps(layout: GraphLayout): number {
  let count = 0;
  for (const { box, children } of layout.levels) {
    for (let a = 0; a < children.length; a++) {
      const [ax, ay, aw, ah] = rect(box, a) as [number, number, number, number];
      if (ax < 0 || ay < 0 || ax + aw > box.w + 1e-6 || ay + ah > box.h + 1e-6) count++;
      for (let b = a + 1; b < children.length; b++) {
        const [bx, by, bw, bh] = rect(box, b) as [number, number, number, number];
        if (ax < bx + bw && bx < ax + aw && ay < by + bh && by < ay + ah) count++;
      }
    }
  }
  return count;
}

function eachRoute(layout: GraphLayout, see: (route: number[], box: Box) => void): void {
  for (const { box } of layout.levels) {
    for (let i = 0; i < box.routes.length; i += ROUTE) see([...box.routes.slice(i, i + ROUTE)], box);
  }
}

describe("layoutGraph", () => {
  it("draws a chain as one straight line from top to bottom", () => {
    const { box } = lay(shapesOf("a", "b < a", "c < b")).levels[0]!;
    expect(middle(box, 0)).toBe(middle(box, 1));
    expect(middle(box, 1)).toBe(middle(box, 2));
    expect(rect(box, 1)[1]).toBeGreaterThan(rect(box, 0)[1]! + 28);
    for (let i = 0; i < box.routes.length; i += ROUTE) {
      expect(box.routes[i]).toBe(box.routes[i + 3]);
    }
  });

  it("keeps the main path straight beside a skip connection", () => {
    const { box } = lay(shapesOf("x", "a < x", "b < a", "sum < x b", "y < sum")).levels[0]!;
    const middles = [0, 1, 2, 3, 4].map((index) => middle(box, index));
    expect(new Set(middles).size).toBe(1);
  });

  it("keeps the middle of a fan of three straight", () => {
    const { box } = lay(shapesOf("x", "q < x", "k < x", "v < x", "mix < q k v")).levels[0]!;
    expect(middle(box, 2)).toBe(middle(box, 0));
    expect(middle(box, 4)).toBe(middle(box, 0));
    expect(middle(box, 1)).toBeLessThan(middle(box, 2));
    expect(middle(box, 3)).toBeGreaterThan(middle(box, 2));
  });

  it("leads a long edge past the side it comes from", () => {
    const { box } = lay(shapesOf("x", "q < x", "k < x", "v < x", "a < q k", "b < a", "mix < b v")).levels[0]!;
    const bends = [];
    for (let i = 0; i < box.routes.length; i += ROUTE) {
      if (box.routes[i + 5] === 3) bends.push(box.routes[i]! > middle(box, 4) && box.routes[i + 3]! > middle(box, 4));
    }
    expect(bends.length).toBeGreaterThan(1);
    expect(bends.slice(0, -1).every(Boolean)).toBe(true);
  });

  it("orders the nodes of a layer as the program does", () => {
    const { box } = lay(shapesOf("x", "a < x", "b < x", "c < x", "d < x")).levels[0]!;
    const lefts = [1, 2, 3, 4].map((index) => rect(box, index)[0]!);
    expect(lefts).toEqual([...lefts].sort((a, b) => a - b));
  });

  it("puts a constant next to its reader", () => {
    const { box } = lay(shapesOf("x", "w", "a < x", "b < a", "c < b w")).levels[0]!;
    expect(rect(box, 1)[1]).toBe(rect(box, 3)[1]);
  });

  it("leads an edge into an expanded group and out again without a jog", () => {
    const graph = shapesOf("x", "g:", "g/a < x", "g/b < g/a", "y < g/b");
    const layout = lay(graph);
    const [root, inner] = [layout.levels[0]!, layout.levels[1]!];
    expect(inner.box.inX).toHaveLength(1);
    expect(inner.box.outX).toHaveLength(1);
    expect(rect(root.box, 1).slice(2)).toEqual([inner.box.w, inner.box.h]);
    expect(rect(root.box, 1)[0]! + inner.box.inX[0]!).toBeCloseTo(middle(root.box, 0));
    expect(rect(root.box, 1)[0]! + inner.box.outX[0]!).toBeCloseTo(middle(root.box, 2));
    // From the box's upper border to the first node, and from the last node to its lower border.
    expect(inner.box.routes[1]).toBe(0);
    expect(Math.max(...inner.box.routes.filter((_, i) => i % ROUTE === 4))).toBe(inner.box.h);
  });

  it("gives a collapsed group the edges of what is hidden in it", () => {
    const graph = shapesOf("x", "g:", "g/a < x", "g/b < g/a", "y < g/b");
    const { levels } = lay(graph, new Uint8Array(5));
    expect(levels).toHaveLength(1);
    expect(levels[0]!.children).toEqual([0, 1, 4]);
    expect(levels[0]!.box.routes).toHaveLength(2 * ROUTE);
  });

  it.each([
    ["nested blocks", transformer(300)],
    ["blocks that differ", transformer(300, false)],
    ["a flat level with long edges", flat(400)],
    ["many inputs", shapesOf("a", "b", "c", "d", "e", "f", "g", "h", "z < a b c d e f g h")],
  ])("places %s without overlap, every edge downwards and inside", (_, graph) => {
    const layout = lay(graph);
    expect(overlaps(layout)).toBe(0);
    eachRoute(layout, ([x0, y0, bend, x1, y1], box) => {
      expect(y1).toBeGreaterThan(y0! - 1e-6);
      for (const x of [x0!, x1!]) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(box.w);
      }
      if (Math.abs(x0! - x1!) > 0.5) {
        expect(bend).toBeGreaterThanOrEqual(y0!);
        expect(bend).toBeLessThanOrEqual(y1!);
      }
    });
  });

  it("draws every edge that is not hidden", () => {
    const graph = flat(400);
    const { box, nets } = lay(graph).levels[0]!;
    const ends = new Set<string>();
    for (let i = 0; i < box.routes.length; i += ROUTE) {
      if (box.routes[i + 6]) ends.add(`${nets[box.routes[i + 5]!]} ${box.routes[i + 4]}`);
    }
    const wanted = new Set<string>();
    const bySource = new Map<number, number>();
    for (let e = 0; e < graph.edges.length; e += 3) {
      const from = graph.edges[e]!;
      if (!bySource.has(from)) bySource.set(from, e / 3);
      wanted.add(`${bySource.get(from)} ${rect(box, graph.edges[e + 1]!)[1]}`);
    }
    expect(ends).toEqual(wanted);
  });

  it("lays out repeated blocks once", () => {
    const cache = new Map();
    const graph = transformer(2000);
    const layout = layoutGraph(graph, all(graph), cache);
    expect(layout.levels.length).toBeGreaterThan(300);
    expect(cache.size).toBeLessThan(8);
  });

  it("leaves the order of everything else alone when a group is opened", () => {
    const graph = transformer(200);
    const closed = new Uint8Array(graph.parent.length);
    const open = closed.slice();
    open[1] = 1;
    const before = lay(graph, closed).levels[0]!;
    const after = lay(graph, open).levels[0]!;
    expect(after.children).toEqual(before.children);
    const order = (box: Box) => [...box.rects].filter((_, i) => i % 4 === 1);
    expect(order(after.box)).toEqual([...order(after.box)].sort((a, b) => a - b));
    expect(order(before.box)).toEqual([...order(before.box)].sort((a, b) => a - b));
  });

  it("survives edges that lead backwards, to themselves, and a graph without anything", () => {
    const loops = shapesOf("a", "b < a", "c < b");
    loops.edges = Int32Array.from([0, 1, 0, 1, 2, 0, 2, 0, 0, 1, 1, 0]);
    expect(overlaps(lay(loops))).toBe(0);
    expect(lay(shapesOf()).levels[0]!.box.rects).toHaveLength(0);
    expect(lay(shapesOf("one")).levels[0]!.box.rects).toHaveLength(4);
  });

  it("is linear: ten times the operations take about ten times the time", () => {
    const time = (graph: Shapes) => {
      const open = all(graph);
      const start = performance.now();
      layoutGraph(graph, open, new Map());
      return performance.now() - start;
    };
    for (const make of [flat, (n: number) => transformer(n, false)]) {
      const report = [1_000, 10_000, 100_000].map((n) => {
        const graph = make(n);
        time(graph);
        return Math.round(time(graph));
      });
      console.log(`layout of 1k, 10k, 100k operations: ${report.join(", ")} ms`);
      expect(report[2]).toBeLessThan(40 * Math.max(report[1]!, 5));
    }
  }, 60_000);
});

describe("expandToFit", () => {
  it("opens depths while the picture stays readable", () => {
    const graph = shapesOf("x", "g:", "g/h:", "g/h/a < x", "g/h/b < g/h/a", "y < g/h/b");
    expect([...expandToFit(graph, 800, 600, new Map())]).toEqual([0, 1, 1, 0, 0, 0]);
    expect([...expandToFit(graph, 800, 130, new Map())]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it("opens nothing of a model with thousands of blocks", () => {
    const graph = transformer(20_000);
    expect(expandToFit(graph, 900, 500, new Map()).some(Boolean)).toBe(false);
  });
});
