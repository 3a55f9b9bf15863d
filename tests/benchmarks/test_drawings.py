"""The counting of crossings and bends that docs/layouts.md reports."""

from __future__ import annotations

from benchmarks.drawings.counting import bends, crossings, size
from benchmarks.drawings.engines import Drawing
from benchmarks.drawings.graphs import bare, stack
from benchmarks.drawings.models import MODELS, graph_of


def drawing(*lines: list[float]) -> Drawing:
    return Drawing((), [[0.0, 0.0, 10.0, 10.0], None], list(lines))


def test_lines_of_different_tensors_cross_and_those_of_one_do_not() -> None:
    assert crossings(drawing([1, 0, 0, 10, 10], [2, 0, 10, 10, 0])) == 1
    assert crossings(drawing([1, 0, 0, 10, 10], [1, 0, 10, 10, 0])) == 0
    assert crossings(drawing([1, 0, 0, 10, 10], [2, 5, 5, 20, 0])) == 0, "touching"
    assert crossings(drawing([1, 0, 0, 10, 0], [2, 0, 5, 10, 5])) == 0, "parallel"


def test_bends_are_turns() -> None:
    assert bends(drawing([1, 0, 0, 0, 5, 0, 10])) == 0
    assert bends(drawing([1, 0, 0, 0, 5, 5, 5, 5, 10])) == 2
    assert bends(drawing([1, 0, 0, 0, 0, 0, 5])) == 0, "a point twice"
    assert size(drawing([1, -5, 0, 20, 30])) == (25, 30)


def test_the_graphs_are_of_layers_without_groups_and_of_the_size_asked_for() -> None:
    record = bare(graph_of("GPT block"))
    assert {node.parent for node in record.nodes} == {-1}
    assert sum(node.type == "LayerNorm" for node in record.nodes) == 2
    assert all(a < b for a, b, _ in record.edges)
    made = stack(500)
    assert 500 <= sum(node.kind == "op" for node in made.nodes) < 520
    assert all(a < b for a, b, _ in made.edges)
    assert len(MODELS) == 10
