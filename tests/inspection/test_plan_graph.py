"""A compiled plan as a graph."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nbdl import nn, train
from nbdl.compiler.report import Call, Report
from nbdl.inspection.plan_graph import plan_graph
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.summary import summary_text
from nbdl.shapes import Spec
from tests.inspection.test_graph import by_id, named_edges
from tests.inspection.test_plan import EVIL, call, plan

FLOAT = Spec((2, 3), np.dtype("float32"))


def step(title: str, scope: str = "", reads: tuple[int, ...] = (), **more: object) -> Call:
    made = call(title, f"net.{scope}" if scope else "", **more)
    return replace(made, outputs=(FLOAT,), sources=tuple((source, 0) for source in reads))


def training() -> Report:
    return plan([
        step("reorder", "0"),
        step("convolution", "0", (0,)),
        step("copy", "", (1,)),
        step("relu", "0", (2,)),
        step("linear", "1", (3,)),
        step("linear", "1", (4,), phase="backward"),
        step("relu_grad", "0", (1, 5), phase="backward"),
        step("multiply add", "", (5,), phase="update"),
        step("multiply add", "", (6,), phase="update"),
    ])  # fmt: skip


def test_calls_lie_in_their_layers_phase_by_phase() -> None:
    record = plan_graph(training(), title="plan")
    assert [(n.id, n.kind) for n in record.nodes] == [
        ("forward", "group"), ("forward.0", "group"), ("forward.0.reorder", "op"),
        ("forward.0.convolution", "op"), ("forward.0.copy", "op"), ("forward.0.relu", "op"),
        ("forward.1", "op"), ("backward", "group"), ("backward.1", "op"), ("backward.0", "op"),
        ("update", "group"), ("update.multiply add", "op"), ("update.multiply add#2", "op"),
    ]  # fmt: skip
    assert by_id(record, "forward.1").type == "linear"
    assert record.subtitle == "net: 9 calls in 9 ms"


def test_edges_lead_through_a_phase_and_one_from_each_to_the_next() -> None:
    record = plan_graph(training())
    assert named_edges(record) == {
        ("forward.0.reorder", "forward.0.convolution"),
        ("forward.0.convolution", "forward.0.copy"),
        ("forward.0.copy", "forward.0.relu"),
        ("forward.0.relu", "forward.1"),
        ("forward.1", "backward.1"),
        ("backward.1", "backward.0"),
        ("backward.0", "update.multiply add#2"),
        ("update.multiply add", "update.multiply add#2"),
    }
    readers = record.edges[:, 1].tolist()
    assert readers == sorted(readers)
    attributes = by_id(record, "backward.0").attributes
    assert ("reads of forward", "convolution of net.0, 2×3") in attributes


def test_time_bytes_and_flops_are_measures_and_groups_hold_their_sums() -> None:
    record = plan_graph(training())
    relu, forward = by_id(record, "forward.0.relu"), by_id(record, "forward")
    assert (relu.seconds, relu.traffic, relu.flops) == (1e-3, 4000, 1000)
    assert (forward.seconds, forward.traffic, forward.flops) == (5e-3, 20_000, 5000)
    assert ("of the limit", "50%") in relu.attributes
    assert record.seconds == pytest.approx(9e-3)


def test_blocks_that_do_the_same_are_a_stack() -> None:
    steps, last = [], ()
    for block in range(5):
        for name in ("linear", "gelu"):
            steps.append(step(name, f"h.{block}.{name}", last))
            last = (len(steps) - 1,)
    record = plan_graph(plan(steps))
    stack = by_id(record, "forward.h")
    assert (stack.repeat, stack.type) == (5, "blocks")


def test_hostile_names_and_a_plan_without_calls() -> None:
    assert [node.id for node in plan_graph(plan([])).nodes] == []
    record = plan_graph(plan([step(EVIL, EVIL), step("relu", "1", (0,))]), title=EVIL)
    assert "<img" not in graph_svg(record)
    assert "<img src=x" in summary_text(record)


def test_a_real_plan() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(None, 3))
    rng = np.random.default_rng(0)
    data = rng.normal(size=(32, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, 32)
    run = train(net, data, epochs=4, batch_size=8, compile=True, progress=False, store=False)
    report = run.plan()
    record = plan_graph(report)
    ops = [node for node in record.nodes if node.kind == "op"]
    assert len(ops) == len(report.calls)
    fed = {int(end) for _, end, _ in record.edges}
    lonely = [n.type for i, n in enumerate(record.nodes) if n.kind == "op" and i not in fed]
    assert len(lonely) < len(ops) / 2
    assert all(start < end for start, end, _ in record.edges)
    convolution = next(n for n in ops if n.type == "convolution")
    assert convolution.outputs[0].shape == (8, 4, 6, 6)
