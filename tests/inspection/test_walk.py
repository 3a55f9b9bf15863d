"""The walk through a model on an input: steps, formulas, receptive fields, tensors to look at."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.inspection.formulas import formulas_of
from nbdl.inspection.receptive import Field, receptive_fields
from nbdl.inspection.recording import Recorder, recording
from nbdl.inspection.static.graph import graph_svg
from nbdl.inspection.walk import Walk
from nbdl.inspection.walk_text import walk_text
from nbdl.inspection.wire import pack
from nbdl.widgets.source import WalkSource

DRAW = np.random.default_rng(5)


def lenet() -> nn.Module:
    nbdl.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, dilation=2), nn.Flatten(), nn.Linear(36, 3),
    )  # fmt: skip


def fields(model: nn.Module, *shape: int) -> list[Field | None]:
    recorder = Recorder(model)
    with recording(recorder):
        model(nbdl.ones(shape))
    found = receptive_fields(recorder.steps)
    return [found.get(id(step)) for step in recorder.steps if step.kind == "op"]


def seen_by(model: nn.Module, size: int) -> tuple[int, int]:
    """Which inputs change the middle output: first and how many, by gradients."""
    x = nbdl.tensor(DRAW.normal(size=(1, 1, size))).requires_grad_()
    y = model.to("float64")(x)
    middle = y.shape[-1] // 2
    y[0, :, middle].sum().backward()
    assert x.grad is not None
    [touched] = np.nonzero(x.grad.numpy()[0, 0])
    return int(touched[0]), int(touched[-1] - touched[0] + 1)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [nn.Conv1d(1, 2, 3)],
        lambda: [nn.Conv1d(1, 2, 5, stride=2, padding=2), nn.Conv1d(2, 2, 3)],
        lambda: [nn.Conv1d(1, 2, 3, dilation=3), nn.AvgPool1d(2), nn.Conv1d(2, 1, 2, stride=3)],
        lambda: [nn.Conv1d(1, 2, 3, padding=1), nn.Tanh(), nn.Conv1d(2, 2, 3, padding=1)],
    ],
)
def test_receptive_fields_are_what_gradients_reach(layers) -> None:
    model = nn.Sequential(*layers())
    size = 61
    *_, field = fields(model, 1, 1, size)
    assert field is not None
    first, count = seen_by(model, size)
    assert count == field.size[0]
    middle = model(nbdl.zeros((1, 1, size)).to("float64")).shape[-1] // 2
    assert first + (count - 1) / 2 == field.centre[0] + middle * field.stride[0]


def test_receptive_fields_end_where_space_ends() -> None:
    *_, pooled, flat, last = fields(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(18, 2)),
        2, 1, 8, 8,
    )  # fmt: skip
    assert pooled == Field((4, 4), (2, 2), (1.5, 1.5))
    assert flat is None
    assert last is None


def test_layers_are_walked_forward_and_back_with_formulas_and_numbers() -> None:
    walk = Walk(lenet(), DRAW.normal(size=(2, 1, 28, 28))).record().walk
    forward = [step for step in walk if step.phase == "forward"]
    backward = [step for step in walk if step.phase == "backward"]
    assert [step.node for step in forward] == ["0", "1", "2", "3", "4", "5", "6"]
    assert [step.node for step in backward] == ["6", "5", "4", "3", "2", "1", "0"]
    assert forward[0].lines[0] == "y[o, i] = b[o] + Σ w[o, c, u] · x[c, stride·i + u − padding]"
    assert forward[4].lines[-1].startswith("each position sees 21×21 of the input, every 4×4")
    assert forward[6].looks == (
        "output", "gradient", "weight", "gradient of weight", "bias", "gradient of bias",
    )  # fmt: skip
    assert any(line.startswith("gradient of weight: norm") for line in backward[0].lines)


def test_every_tensor_of_a_layer_can_be_looked_at() -> None:
    model, x = lenet(), DRAW.normal(size=(2, 1, 28, 28)).astype(np.float32)
    walk = Walk(model, x)
    output = walk.tensor("2", "output")
    assert output is not None
    record = output.record()
    assert [axis.name for axis in record.axes] == ["N", "C", "H", "W"]
    np.testing.assert_allclose(
        record.cells, model[2](model[1](model[0](nbdl.tensor(x))))[0].numpy(), rtol=1e-5
    )
    filters = walk.tensor("0", "weight")
    assert filters is not None
    assert filters.record().facts[0] == ("looks like", "filters")
    assert walk.tensor("0", "__class__") is None
    assert walk.tensor("nobody", "output") is None


def test_a_page_asks_for_tensors_and_examples_and_gets_an_answer_to_anything() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    source = WalkSource(Walk(model, np.ones((3, 2))), str, str)
    assert source.since({"tensor": ["0", "output"]}).title == "0: output"
    assert source.since({"example": 2}).network.example == 2
    for said in (None, 3, {"tensor": "x"}, {"tensor": ["0"]}, {"example": 99}, {"example": "a"},
                 {"tensor": [{}, []]}):  # fmt: skip
        pack(source.since(said))


def test_a_failed_pass_has_a_walk_to_where_it_failed() -> None:
    record = Walk(nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2)), np.ones((2, 8))).record()
    assert record.graph.error
    assert [(step.phase, step.node) for step in record.walk] == [("forward", "0")]
    assert "each position" not in walk_text(record)
    graph_svg(record.graph)


def test_text_says_receptive_fields() -> None:
    said = walk_text(Walk(lenet(), np.zeros((1, 1, 28, 28))).record())
    assert "gradients of the mean of the output" in said
    assert "MaxPool2d 3: each position sees 5×5 of the input, every 4×4" in said


def test_layers_and_operations_have_formulas_by_either_name() -> None:
    assert formulas_of("Conv2d") == formulas_of("", "convolution")
    assert formulas_of("MyLayer", "tanh")[1] == "∂L/∂x = ∂L/∂y · (1 − y²)"
    assert formulas_of("MyLayer") == ("", "")


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: nbdl.Tensor) -> nbdl.Tensor:
        h = self.norm(x)
        return x + self.attention(h, h, h)[0]


def test_layers_of_several_operations_are_one_step() -> None:
    walk = Walk(Nested(), DRAW.normal(size=(2, 5, 6))).record().walk
    forward = [step for step in walk if step.phase == "forward"]
    assert forward[0].node == "norm"
    assert forward[0].lines[0].startswith("y = γ·(x − mean)")
    assert forward[-1].node == "add"
