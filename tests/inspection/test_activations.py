"""What a model does on a given input: values, gradients, and what looks wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.inspection import recording
from nbdl.inspection.activations import activation_graph
from nbdl.inspection.records import Finding, GraphRecord
from nbdl.inspection.statistics import BINS, tensor_stats
from tests.inspection.test_graph import Stack, by_id, graph

DRAW = np.random.default_rng(0)


def titles(record: GraphRecord) -> str:
    return " ".join(f"{f.title} {f.text}" for f in record.findings)


def finding(record: GraphRecord, words: str) -> Finding:
    return next(f for f in record.findings if words in f.title)


def test_values_of_each_output_are_those_of_the_forward_pass() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    x = DRAW.normal(size=(16, 8)).astype(np.float32)
    record = activation_graph(model, x)
    hidden = model[1](model[0](nbdl.tensor(x))).numpy()
    stats = by_id(record, "1").values
    assert stats is not None
    assert stats.mean == pytest.approx(float(hidden.mean()), rel=1e-5)
    assert stats.zeros == pytest.approx(float((hidden == 0).mean()))
    assert stats.histogram.sum() == hidden.size


def test_gradients_are_those_of_the_loss() -> None:
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    x = DRAW.normal(size=(16, 8)).astype(np.float32)
    y = DRAW.normal(size=(16, 2)).astype(np.float32)

    def loss(output: Tensor, target: np.ndarray) -> Tensor:
        return ((output - nbdl.tensor(target)) ** 2).sum()

    record = activation_graph(model, (x, y), loss=loss)
    last = by_id(record, "1").gradient
    output = model(nbdl.tensor(x)).numpy()
    assert last is not None
    assert last.norm == pytest.approx(float(np.linalg.norm(2 * (output - y))), rel=1e-4)
    of_input = by_id(record, "input").gradient
    assert of_input is not None
    weight, bias = by_id(record, "0").parameters
    assert (weight.name, bias.name) == ("0.weight", "0.bias")
    assert weight.spec.shape == model[0].weight.shape
    assert weight.values.histogram.sum() == model[0].weight.size
    assert weight.gradient is not None
    assert weight.gradient.norm > 0


def test_operations_are_timed_and_groups_hold_the_sum() -> None:
    record = activation_graph(Stack(), np.ones((2, 8)))
    timed = [node for node in record.nodes if node.kind == "op"]
    assert all(node.seconds > 0 for node in timed)
    assert record.seconds == pytest.approx(sum(node.seconds for node in timed))


def test_a_pass_that_runs_other_operations_each_time_is_not_timed() -> None:
    class Alternating(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x.exp() if self.calls == 1 else x.exp().exp()

    record = activation_graph(Alternating(), np.ones((2, 8)))
    assert [node.seconds for node in record.nodes if node.kind == "op"] == [0.0]


def test_nothing_of_the_model_changes() -> None:
    model = Stack()
    model(nbdl.ones((2, 8))).sum().backward()
    grads = [p.grad.numpy().copy() for p in model.parameters() if p.grad is not None]
    state = repr(default_generator().__getstate__())
    activation_graph(model, np.ones((2, 8)))
    assert repr(default_generator().__getstate__()) == state
    for p, before in zip(model.parameters(), grads, strict=True):
        assert p.grad is not None
        np.testing.assert_array_equal(p.grad.numpy(), before)


def test_a_model_in_training_is_held_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []

    class Training:
        @contextmanager
        def frozen(self) -> Iterator[None]:
            entered.append("in")
            yield
            entered.append("out")

    monkeypatch.setattr(recording, "run_of", lambda model: Training())
    activation_graph(nn.Linear(3, 2), np.ones((4, 3)))
    graph(nn.Linear(3, 2), 4, 3)
    assert entered == ["in", "out"] * 2


def test_float64_input_is_given_the_models_dtype() -> None:
    record = activation_graph(nn.Linear(3, 2), np.ones((4, 3), np.float64))
    assert {n.outputs[0].dtype for n in record.nodes if n.outputs} == {"float32"}


def test_sizes_that_are_none_are_inferred_from_the_input() -> None:
    record = activation_graph(nn.Sequential(nn.Linear(None, 2)), np.ones((4, 3)))
    assert record.params == 8


def test_inputs_by_name() -> None:
    class Two(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return a * b

    record = activation_graph(Two(), {"a": np.full((2, 3), 2.0), "b": np.full((2, 3), 3.0)})
    stats = next(n for n in record.nodes if n.kind == "op").values
    assert stats is not None
    assert stats.mean == 6.0


def test_a_failed_forward_on_real_data_gives_the_partial_graph() -> None:
    record = activation_graph(nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2)), np.ones((2, 8)))
    assert record.error
    assert by_id(record, "1").status == "failed"
    assert by_id(record, "0").values is not None


def test_the_first_nan_is_named() -> None:
    class Root(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.lin(nbdl.log(x))

    record = activation_graph(Root(), -np.ones((2, 4)))
    found = finding(record, "NaN")
    assert (found.level, found.layer) == ("bad", "log")


def test_a_silent_activation_is_named() -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2))
    model[0].bias.data = nbdl.full((16,), -100.0)
    record = activation_graph(model, DRAW.normal(size=(32, 8)))
    assert finding(record, "nearly silent").layer == "1"
    assert "No gradient reaches" in titles(record)


def test_a_vanishing_gradient_is_named() -> None:
    model = nn.Sequential(*[m for _ in range(16) for m in (nn.Linear(8, 8), nn.Sigmoid())])
    record = activation_graph(model, DRAW.normal(size=(32, 8)))
    assert finding(record, "vanishes").layer == "0"


def test_an_exploding_gradient_is_named() -> None:
    model = nn.Sequential(*[nn.Linear(8, 8) for _ in range(12)])
    for layer in model:
        layer.weight.data = nbdl.tensor(10 * DRAW.normal(size=(8, 8)).astype(np.float32))
    record = activation_graph(model, DRAW.normal(size=(32, 8)))
    assert finding(record, "explodes").layer == "0"


def test_a_healthy_model_has_no_findings() -> None:
    model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(),
                          nn.Linear(32, 4))  # fmt: skip
    assert activation_graph(model, DRAW.normal(size=(64, 8))).findings == ()


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 4)])
def test_statistics_of_any_shape(shape: tuple[int, ...]) -> None:
    stats = tensor_stats(nbdl.ones(shape))
    if 0 in shape:
        assert stats is None
    else:
        assert stats is not None
        assert (stats.mean, stats.std, stats.zeros) == (1.0, 0.0, 0.0)
        assert stats.histogram.shape == (BINS,)


def test_statistics_count_what_is_not_finite() -> None:
    stats = tensor_stats(nbdl.tensor([1.0, float("nan"), float("inf"), 3.0]))
    assert stats is not None
    assert (stats.nans, stats.infinities, stats.mean) == (1, 1, 2.0)
    empty = tensor_stats(nbdl.tensor([float("nan")]))
    assert empty is not None
    assert np.isnan(empty.mean)


def test_statistics_of_a_large_tensor_are_of_an_even_sample() -> None:
    values = DRAW.normal(size=3_000_001).astype(np.float32)
    stats = tensor_stats(nbdl.tensor(values))
    assert stats is not None
    assert stats.norm == pytest.approx(float(np.linalg.norm(values)), rel=0.01)
    assert stats.std == pytest.approx(1.0, rel=0.01)


def test_statistics_of_what_has_no_numbers() -> None:
    assert tensor_stats(None) is None
    assert tensor_stats(nbdl.tensor([True, False])) is None


def test_what_a_layer_makes_of_its_parameters_alone_is_no_finding() -> None:
    norm = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    record = activation_graph(norm, np.random.default_rng(0).normal(size=(4, 1, 6, 6)))
    assert not [f for f in record.findings if "everywhere" in f.title]


def test_of_many_findings_of_a_kind_a_few_are_told() -> None:
    layers = [layer for _ in range(9) for layer in (nn.Linear(4, 4, bias=False), nn.ReLU())]
    for layer in layers[::2]:
        layer.weight.data = -nbdl.ones((4, 4))
    told = activation_graph(nn.Sequential(*layers), np.ones((2, 4))).findings
    silent = [finding for finding in told if "nearly silent" in finding.title]
    assert len(silent) == 3
    more = next(finding for finding in told if finding.title.startswith("The same of"))
    assert more.title == "The same of 6 more:"
