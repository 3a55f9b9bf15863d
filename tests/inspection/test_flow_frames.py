"""A run's measures on the nodes of its model's graph."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np

from nbdl import nn
from nbdl.inspection.flow_frames import MOST, with_frames
from nbdl.inspection.gradient_flow import MEASURES
from nbdl.inspection.graph import model_graph
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.static.overlay import STRONG, overlay_of
from nbdl.inspection.static.svg import BAD, mix
from nbdl.shapes import Spec
from nbdl.training.statistics.history import History


def filmed(steps: int = 3):
    model = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
    history = History()
    for step in range(1, steps + 1):
        layers = ["0.weight", "0.bias", "1.0.weight"]
        history.gradients.append(layers, step, [step, 0.5, np.nan], [2.0, 0.0, 4.0], [0.1] * 3)
    nan = [np.nan] * 2
    history.activations.append(["0", "1.1"], 2, [-0.5, 0.2], [1.0, 1.0], [0.0, 0.5], nan, nan)
    record = model_graph(model, {"": Spec((2, 4), np.dtype("float32"))}, title="net")
    run = SimpleNamespace(name="net", status="running", history=history)
    return with_frames(record, run)


def value(record, measure: str, step: int, node: str) -> float:
    number = list(MEASURES).index(measure)
    place = [each.id for each in record.nodes].index(node)
    return float(record.frames.values[number, step - 1, place])


def test_nodes_have_the_numbers_of_their_parameters_and_outputs():
    record = filmed()
    assert record.frames.steps.tolist() == [1, 2, 3]
    assert value(record, "gradient", 3, "0") == 3
    assert value(record, "weight", 1, "0") == 2
    assert value(record, "zeros", 2, "1.1") == 0.5
    assert value(record, "mean", 3, "0") == 0.5


def test_a_group_shows_the_worst_in_it_and_what_has_none_shows_none():
    record = filmed()
    assert np.isnan(value(record, "gradient", 1, "1"))
    assert value(record, "zeros", 3, "1") == 0.5
    assert value(record, "gradient", 1, "1.1") == -1


def test_a_long_run_is_shown_at_some_of_its_steps():
    steps = filmed(500).frames.steps
    assert len(steps) <= MOST
    assert (steps[0], steps[-1]) == (1, 500)


def test_a_run_without_samples_is_only_a_graph():
    record = filmed()
    empty = SimpleNamespace(name="net", status="running", history=History())
    assert with_frames(record, empty).frames is None


def test_the_static_twin_has_the_colours_and_says_what_they_mean():
    svg = graph_svg(filmed())
    assert "gradient norm at step 3" in svg
    assert "0.5 … 3" in svg or "1 … 3" in svg
    assert mix(STRONG, 0.54) in svg, "the largest of all steps"
    assert mix(BAD, 0.14) in svg, "what became NaN"
    assert "at step" not in graph_svg(dataclasses.replace(filmed(), frames=None))


def test_a_twin_of_a_run_without_numbers_is_coloured_by_kinds():
    frames = filmed().frames
    none = dataclasses.replace(frames, values=np.full_like(frames.values, -1))
    assert overlay_of(none) is None
    lost = dataclasses.replace(frames, values=np.full_like(frames.values, np.nan))
    assert overlay_of(lost) is None


def test_one_number_for_all_is_the_largest():
    frames = filmed().frames
    same = np.where(frames.values > 0, 2.0, frames.values).astype(np.float32)
    found = overlay_of(dataclasses.replace(frames, values=same))
    assert set(found.shares[~np.isnan(found.shares)].tolist()) == {1.0}
