"""Graphs to lay out: stacks of any size, and models as plain graphs of their layers."""

from __future__ import annotations

import dataclasses

import numpy as np

from nbdl.inspection.records import GraphNode, GraphRecord, TensorSpec

WIDE = (TensorSpec((8, 256, 384), "float32"),)


class _Maker:
    """Writes nodes and edges."""

    def __init__(self) -> None:
        self.nodes: list[GraphNode] = []
        self.edges: list[tuple[int, int, int]] = []
        self.operations = 0

    def op(self, kind: str, parent: int, *sources: int) -> int:
        at = len(self.nodes)
        self.operations += 1
        family = "linear" if kind == "linear" else ""
        node = GraphNode(f"{kind}{at}", "op", parent, kind, kind, family, outputs=WIDE, flops=at)
        self.nodes.append(node)
        self.edges += [(source, at, 0) for source in dict.fromkeys(sources)]
        return at

    def group(self, name: str, parent: int) -> int:
        self.nodes.append(GraphNode(f"{name}{len(self.nodes)}", "group", parent, name, name))
        return len(self.nodes) - 1

    def record(self, title: str) -> GraphRecord:
        edges = sorted(self.edges, key=lambda edge: edge[1])
        return GraphRecord(title, nodes=tuple(self.nodes), edges=np.array(edges, np.int32))


def stack(operations: int) -> GraphRecord:
    """Blocks of a transformer, nested three deep, of 13 to 19 operations each."""
    make = _Maker()
    x = make.op("embedding", -1)
    while make.operations < operations:
        extra = make.operations % 7
        block = make.group("block", -1)
        norm = make.op("norm", block, x)
        attention = make.group("attention", block)
        heads = [make.op("linear", attention, norm) for _ in range(3)]
        heads = [make.op("split", attention, head) for head in heads]
        scores = make.op("matmul", attention, heads[0], heads[1])
        mixed = make.op("matmul", attention, make.op("softmax", attention, scores), heads[2])
        x = make.op("add", block, x, make.op("linear", attention, mixed))
        mlp = make.group("mlp", block)
        y = make.op("linear", mlp, x)
        for _ in range(extra):
            y = make.op("gelu", mlp, y)
        x = make.op("add", block, x, make.op("linear", mlp, y))
    return make.record(f"{operations:,} operations")


def bare(record: GraphRecord) -> GraphRecord:
    """A record of its layers alone, without groups; a layer made of operations is one node."""
    nodes = record.nodes
    stands: list[int] = []
    for index, node in enumerate(nodes):
        above = node.parent
        hidden = above >= 0 and stands[above] >= 0
        closed = node.kind != "group" or bool(node.family)
        stands.append(stands[above] if hidden else index if closed else -1)
    kept = [index for index, place in enumerate(stands) if place == index]
    place = {index: i for i, index in enumerate(kept)}
    rows = {
        (place[stands[a]], place[stands[b]], 0 if stands[a] != a else int(output)): None
        for a, b, output in record.edges.tolist()
        if stands[a] != stands[b] and stands[a] >= 0 and stands[b] >= 0
    }
    kinds = ["op" if nodes[i].kind == "group" else nodes[i].kind for i in kept]
    alone = [
        dataclasses.replace(nodes[i], parent=-1, kind=kind)
        for i, kind in zip(kept, kinds, strict=True)
    ]
    edges = np.array(sorted(rows, key=lambda row: row[1]), np.int32).reshape(-1, 3)
    return dataclasses.replace(record, nodes=tuple(alone), edges=edges)
