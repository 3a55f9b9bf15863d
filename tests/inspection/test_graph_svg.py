"""The static picture of a graph: what is in it, and that labels are never markup."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nbdl import nn
from nbdl.inspection.records import Finding, GraphNode, GraphRecord, TensorSpec
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.static.raster import png
from nbdl.inspection.static.svg import mix
from tests.inspection.test_graph import Stack, graph

HOSTILE = [
    '<img src=x onerror="window.__pwned=1">', "</svg><script>alert(1)</script>", '"><b>',
    "&lt;b&gt;", "name\nwith newline", "nul\x00byte", "\u202egnp.exe", "🙂" * 50, "\ud800",
    "__proto__", "", " ", "0" * 10**6,
]  # fmt: skip


def texts(svg: str) -> list[str]:
    root = ET.fromstring(svg)
    return ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_picture_shows_layers_shapes_and_totals() -> None:
    said = texts(graph_svg(graph(nn.Sequential(nn.Linear(8, 4), nn.ReLU()), 5, 8)))
    assert said[:2] == ["net", "Sequential · 36 parameters · 360 FLOPs"]
    assert "Linear0" in said  # the title, and the name behind it
    assert "8→4" in said
    assert "5×8" in said
    assert "5×4" in said


def test_repeated_blocks_are_a_stack_with_a_count() -> None:
    said = texts(graph_svg(graph(Stack(6), 2, 8)))
    assert "h6× Block" in said
    assert not any(text.startswith("Block 0") for text in said)


def test_groups_can_be_opened() -> None:
    record = graph(Stack(3), 2, 8)
    said = texts(graph_svg(record, [1] * len(record.nodes)))
    assert sum(text.startswith("Linear") for text in said) == 4
    assert "Block 2" in said


def test_it_brings_its_own_opaque_paper() -> None:
    svg = graph_svg(graph(Stack(), 2, 8))
    root = ET.fromstring(svg)
    paper = next(iter(root.iter("{http://www.w3.org/2000/svg}rect")))
    assert (paper.get("fill"), paper.get("width")) == ("#ffffff", root.get("width"))


def test_a_failure_is_marked_and_explained() -> None:
    svg = graph_svg(graph(nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2)), 5, 8))
    assert any("takes in_features=5" in text for text in texts(svg))
    assert "#c0262d" in svg


def test_findings_are_written_above_the_drawing() -> None:
    record = dataclasses.replace(
        graph(Stack(), 2, 8), findings=(Finding("warning", "Dead:", "look at <this>", "h"),)
    )
    assert "Dead: look at <this>" in texts(graph_svg(record))


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_text_whatever_they_say(label: str) -> None:
    spec = (TensorSpec((1, 2), label),)
    nodes = tuple(
        GraphNode(f"{i}{label}", kind, -1, label, label, "", label, outputs=spec, note=label)
        for i, kind in enumerate(("input", "op", "group", "output"))
    )
    edges = np.array([[0, 1, 0], [1, 2, 0], [2, 3, 0]], np.int32)
    record = GraphRecord(label, label, nodes, edges, error=label)
    svg = graph_svg(record)
    assert len(svg) < 50_000
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "title", "g", "rect", "path", "text", "tspan"}


@pytest.mark.parametrize("count", [0, 1, 1000])
def test_no_node_one_node_and_a_thousand_inputs(count: int) -> None:
    nodes = [GraphNode(str(i), "input", -1, f"x{i}", "") for i in range(count)]
    nodes.append(GraphNode("sum", "op", -1, "sum", "sum"))
    edges = np.array([[i, count, 0] for i in range(count)], np.int32).reshape(-1, 3)
    ET.fromstring(graph_svg(GraphRecord("many", nodes=tuple(nodes), edges=edges)))
    ET.fromstring(graph_svg(GraphRecord("nothing")))


def test_it_can_be_made_a_png() -> None:
    made = png(graph_svg(graph(Stack(), 2, 8)), 1.0)
    if made is None:
        pytest.skip("resvg-py is not installed here")
    assert made.startswith(b"\x89PNG")


def test_colours_are_mixed_into_white() -> None:
    assert mix("#000000", 0.0) == "#ffffff"
    assert mix("#123456", 1.0) == "#123456"
