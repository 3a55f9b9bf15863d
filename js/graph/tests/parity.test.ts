// The browser's layout is that of the static pictures, number by number. The file is written by
// `python -m tests.inspection.layout_cases`.

import { describe, expect, it } from "vitest";
import { expandToFit } from "../layout/expand";
import { layoutGraph, type Shapes } from "../layout/graph";
import type { Box } from "../layout/types";
import layouts from "./layouts.json";

interface Stored {
  shapes: Record<string, number[]> & { edges: number[][] };
  fit: number[];
  expanded: number[];
  levels: { group: number; children: number[]; nets: number[]; box: Box }[];
}

const cases = layouts as unknown as Stored[];

function shapesOf({ shapes }: Stored): Shapes {
  return {
    parent: Int32Array.from(shapes["parent"]!),
    group: Uint8Array.from(shapes["group"]!),
    width: Float32Array.from(shapes["width"]!),
    height: Float32Array.from(shapes["height"]!),
    header: Float32Array.from(shapes["header"]!),
    edges: Int32Array.from(shapes.edges.flat()),
    labels: Float32Array.from(shapes["labels"]!),
  };
}

const near = (found: ArrayLike<number>, stored: ArrayLike<number>) => {
  expect(found).toHaveLength(stored.length);
  Array.from(found).forEach((value, index) => expect(value).toBeCloseTo(stored[index]!, 2));
};

describe("the layout in the browser and in Python", () => {
  it.each(cases.map((stored, index) => [index, stored] as const))("agree on case %i", (_, stored) => {
    const layout = layoutGraph(shapesOf(stored), Uint8Array.from(stored.expanded), new Map());
    expect(layout.levels.map((level) => level.group)).toEqual(stored.levels.map(({ group }) => group));
    layout.levels.forEach((level, index) => {
      const { box, children, nets } = stored.levels[index]!;
      expect(level.children).toEqual(children);
      expect(level.nets).toEqual(nets);
      near([level.box.w, level.box.h], [box.w, box.h]);
      for (const name of ["rects", "routes", "labels", "inX", "outX"] as const) {
        near(level.box[name], box[name]);
      }
    });
  });

  it("open the same groups at first", () => {
    for (const stored of cases) {
      const open = expandToFit(shapesOf(stored), 900, 700, new Map());
      expect([...open]).toEqual(stored.fit);
    }
  });
});
