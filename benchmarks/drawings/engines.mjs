// Lays out one graph: node engines.mjs ENGINE GRAPH.json ROUNDS, with ENGINE one of nbdl, dagre,
// elkjs, and prints {ms: [...], rects: [[x, y, w, h], ...], lines: [[tensor, x, y, x, y, ...], ...]}.
// NODE_MODULES is where dagre and elkjs are; the graph is made by engines.py.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [engine, path, rounds] = process.argv.slice(2);
const graph = JSON.parse(await readFile(path, "utf8"));
const from = (folder) => createRequire(resolve(process.env.NODE_MODULES, folder, "index.js"));

const engines = { nbdl, dagre, elkjs };
const lay = await engines[engine]();
const ms = [];
let answer;
globalThis.gc(); // what reading the graph has left behind is not the engine's to clear
for (let round = 0; round < Number(rounds); round++) {
  const start = performance.now();
  answer = await lay();
  ms.push(performance.now() - start);
}
process.stdout.write(JSON.stringify({ ms, ...answer() }));

async function nbdl() {
  const { layoutGraph } = await import(process.env.NBDL_LAYOUT);
  const shapes = {
    parent: Int32Array.from(graph.parent),
    group: Uint8Array.from(graph.group),
    width: Float32Array.from(graph.width),
    height: Float32Array.from(graph.height),
    header: Float32Array.from(graph.header),
    edges: Int32Array.from(graph.edges.flat()),
    labels: Float32Array.from(graph.labels),
  };
  const open = new Uint8Array(graph.parent.length).fill(1);
  return () => {
    const { levels } = layoutGraph(shapes, open, new Map());
    return () => placed(levels);
  };
}

/** Rectangles and lines in the picture's own coordinates, groups' contents where they lie. */
function placed(levels) {
  const rects = [];
  const lines = [];
  for (const { group, children, box, nets } of levels) {
    const [dx, dy] = group < 0 ? [0, 0] : rects[group];
    children.forEach((node, i) => {
      const [x, y, w, h] = box.rects.slice(4 * i, 4 * i + 4);
      rects[node] = [x + dx, y + dy, w, h];
    });
    for (let i = 0; i < box.routes.length; i += 7) {
      const [x0, y0, bend, x1, y1, net] = box.routes.slice(i, i + 7);
      const [node, , output] = graph.edges[nets[net]];
      const tensor = node * 4096 + output;
      const middle = Math.abs(x0 - x1) > 0.5 ? [x0, bend, x1, bend] : [];
      lines.push([tensor, ...[x0, y0, ...middle, x1, y1].map((v, k) => v + (k % 2 ? dy : dx))]);
    }
  }
  return { rects, lines };
}

/** Operations without groups, and one edge a pair: what the others are given. */
function plain() {
  const nodes = graph.parent.flatMap((_, node) => (graph.group[node] ? [] : [node]));
  return { nodes, edges: graph.edges };
}

async function dagre() {
  const { Graph, layout } = from("@dagrejs/dagre")("@dagrejs/dagre");
  const { nodes, edges } = plain();
  return () => {
    const made = new Graph({ multigraph: true });
    made.setGraph({ nodesep: 24, ranksep: 30 });
    made.setDefaultEdgeLabel(() => ({}));
    for (const node of nodes) made.setNode(String(node), { width: graph.width[node], height: graph.height[node] });
    edges.forEach(([a, b], i) => made.setEdge(String(a), String(b), {}, String(i)));
    layout(made);
    return () => {
      const rects = [];
      for (const node of nodes) {
        const { x, y, width, height } = made.node(String(node));
        rects[node] = [x - width / 2, y - height / 2, width, height];
      }
      const lines = edges.map(([a, b, output], i) => {
        const { points } = made.edge(String(a), String(b), String(i));
        return [a * 4096 + output, ...points.flatMap(({ x, y }) => [x, y])];
      });
      return { rects, lines };
    };
  };
}

async function elkjs() {
  const Elk = from("elkjs")("elkjs/lib/elk.bundled.js");
  const { nodes, edges } = plain();
  const options = { "elk.algorithm": "layered", "elk.direction": "DOWN", "elk.edgeRouting": "ORTHOGONAL" };
  return async () => {
    const made = await new Elk().layout({
      id: "root",
      layoutOptions: options,
      children: nodes.map((node) => ({ id: String(node), width: graph.width[node], height: graph.height[node] })),
      edges: edges.map(([a, b], i) => ({ id: `e${i}`, sources: [String(a)], targets: [String(b)] })),
    });
    return () => {
      const rects = [];
      for (const { id, x, y, width, height } of made.children) rects[Number(id)] = [x, y, width, height];
      const lines = made.edges.map(({ sections }, i) => {
        const [a, , output] = edges[i];
        const { startPoint, bendPoints = [], endPoint } = sections[0];
        return [a * 4096 + output, ...[startPoint, ...bendPoints, endPoint].flatMap(({ x, y }) => [x, y])];
      });
      return { rects, lines };
    };
  };
}
