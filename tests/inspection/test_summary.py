"""The table of layers for terminals."""

from __future__ import annotations

import dataclasses

import numpy as np

import nbdl
from nbdl import nn
from nbdl.inspection.activations import activation_graph
from nbdl.inspection.graph import model_graph, tensor_graph
from nbdl.inspection.records import GraphNode, GraphRecord
from nbdl.inspection.summary import MOST_ROWS, summary_text
from nbdl.shapes import Spec
from tests.inspection.test_graph import Block, Stack, graph


def test_a_model_is_a_table_with_exact_totals() -> None:
    text = summary_text(graph(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2)), 5, 8))
    assert text.splitlines() == [
        "net · Sequential",
        "",
        "Layer           Output  Parameters  FLOPs  Memory",
        "─────────────────────────────────────────────────",
        "input           5×8",
        "0  Linear  8→4  5×4             36    340    80 B",
        "1  ReLU         5×4                    20    80 B",
        "2  Linear  4→2  5×2             10     90    40 B",
        "output",
        "─────────────────────────────────────────────────",
        "",
        "46 parameters · 450 FLOPs · 200 B of outputs",
    ]


def test_of_identical_blocks_one_is_listed() -> None:
    lines = summary_text(graph(Stack(6), 2, 8)).splitlines()
    assert any(line.startswith("h  6× Block") for line in lines)
    assert sum("lin  Linear" in line for line in lines) == 1


def test_frozen_parameters_are_said() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    assert "46 parameters, 36 of them frozen" in summary_text(graph(model, 5, 8))


def test_a_failed_forward_is_marked_and_explained() -> None:
    text = summary_text(graph(nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2)), 5, 8))
    assert "✗ 1  Linear" in text
    assert "The forward pass ended here: " in text


def test_activations_have_columns_of_their_own() -> None:
    x = np.random.default_rng(0).normal(size=(5, 8))
    text = summary_text(activation_graph(Stack(), x, title="net"))
    assert "Mean ± std" in text
    assert "Zeros" in text
    assert "Gradient" in text


def test_a_long_graph_is_shortened_to_its_outer_groups() -> None:
    blocks = [Block(2) if i % 2 else nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for i in range(90)]
    lines = summary_text(graph(nn.Sequential(*blocks), 2, 2)).splitlines()
    assert len(lines) < MOST_ROWS
    assert not any("lin  Linear" in line for line in lines)


def test_a_very_long_graph_is_cut_and_says_so() -> None:
    model = nn.Sequential(*[nn.ReLU() for _ in range(300)])
    lines = summary_text(graph(model, 2, 2)).splitlines()
    assert len(lines) < MOST_ROWS + 10
    assert "… and 102 more" in lines


def test_labels_cannot_move_the_cursor_or_colour_the_terminal() -> None:
    node = GraphNode("x", "op", -1, "\x1b[31mred\x1b[2J\nline", "\x07bell", "")
    text = summary_text(GraphRecord("t\x1b[2J\n", nodes=(node,)))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "red" in text


def test_a_tensor_and_an_empty_graph_have_a_table_too() -> None:
    w = nbdl.ones(3, requires_grad=True)
    assert "multiply" in summary_text(tensor_graph((w * 2).sum(), title="loss"))
    assert "0 parameters" in summary_text(GraphRecord("nothing"))


def test_a_model_without_input_lists_its_layers() -> None:
    text = summary_text(model_graph(Stack(), None, title="net"))
    assert "head  Linear  8→3" in text
    assert "Output" not in text


def test_sizes_are_said_as_in_the_browser() -> None:
    record = graph(nn.Linear(8, 4), 5, 8)
    large = dataclasses.replace(record, memory=11_200_000, flops=3_680_000_000)
    assert "3.68G FLOPs · 11.2 MB of outputs" in summary_text(large)


def test_spec_inputs_of_several_names_are_listed() -> None:
    class Two(nn.Module):
        def forward(self, a: nbdl.Tensor, b: nbdl.Tensor) -> nbdl.Tensor:
            return a + b

    spec = Spec((2, 3), np.dtype("float32"))
    text = summary_text(model_graph(Two(), {"a": spec, "b": spec}))
    assert "\na " in text
    assert "\nb " in text
