"""Sizes worked out at the first call, and models built from shapes alone."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, TraceError
from nbdl.shapes import Spec


def ones(*shape: int) -> Tensor:
    return Tensor(np.ones(shape, np.float32))


def convnet() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(None, 4, 3, padding=1), nn.BatchNorm2d(None), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(None, 6, 3), nn.Flatten(), nn.Linear(None, 10), nn.LayerNorm(None),
        nn.Dropout(0.5),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("layer", "shape", "attribute", "value"),
    [
        (lambda: nn.Linear(None, 3), (2, 7), "in_features", 7),
        (lambda: nn.Conv1d(None, 3, 2), (2, 5, 8), "in_channels", 5),
        (lambda: nn.Conv2d(None, 4, 2, groups=2), (2, 6, 8, 8), "in_channels", 6),
        (lambda: nn.Conv3d(None, 3, 2), (2, 5, 4, 4, 4), "in_channels", 5),
        (lambda: nn.ConvTranspose1d(None, 3, 2), (2, 5, 8), "in_channels", 5),
        (lambda: nn.ConvTranspose2d(None, 3, 2), (2, 5, 8, 8), "in_channels", 5),
        (lambda: nn.BatchNorm1d(None), (4, 5), "num_features", 5),
        (lambda: nn.BatchNorm1d(None), (4, 5, 3), "num_features", 5),
        (lambda: nn.BatchNorm2d(None), (4, 5, 3, 3), "num_features", 5),
        (lambda: nn.InstanceNorm2d(None, affine=True), (4, 5, 3, 3), "num_features", 5),
        (lambda: nn.LayerNorm(None), (4, 5), "normalized_shape", (5,)),
        (lambda: nn.RMSNorm(None), (4, 5), "normalized_shape", (5,)),
        (lambda: nn.RNN(None, 3), (4, 2, 5), "input_size", 5),
        (lambda: nn.LSTM(None, 3, num_layers=2, bidirectional=True), (4, 2, 5), "input_size", 5),
        (lambda: nn.GRU(None, 3, batch_first=True), (4, 2, 5), "input_size", 5),
        (lambda: nn.LSTMCell(None, 3), (4, 5), "input_size", 5),
    ],
)
def test_a_size_given_as_none_is_found_at_the_first_call(layer, shape, attribute, value):
    real, abstract = layer(), layer()
    y = real(ones(*shape))
    assert getattr(real, attribute) == value
    specs = nn.build(abstract, shape)
    assert getattr(abstract, attribute) == value
    assert [p.shape for p in real.parameters()] == [p.shape for p in abstract.parameters()]
    first = y if isinstance(y, Tensor) else y[0]
    assert (specs if isinstance(specs, Spec) else specs[0]) == first.spec
    assert str(value if isinstance(value, int) else value[0]) in repr(real)


def test_the_same_seed_gives_the_same_parameters_built_or_called():
    nbdl.manual_seed(3)
    called = convnet()
    called(ones(2, 1, 8, 8))
    nbdl.manual_seed(3)
    built = convnet()
    assert nn.build(built, (2, 1, 8, 8)) == Spec((2, 10), np.dtype("float32"))
    for (name, a), (_, b) in zip(called.named_parameters(), built.named_parameters(), strict=True):
        assert a.tolist() == b.tolist(), name


def test_building_leaves_buffers_modes_and_random_numbers_alone():
    model = convnet()
    nn.build(model, (2, 1, 8, 8))
    before = {k: v.tolist() for k, v in model.named_buffers()}
    generator = nbdl.core.default_generator()
    draw = generator.draw
    model.train()
    model[1].eval()
    nn.build(model, (5, 1, 8, 8))
    assert {k: v.tolist() for k, v in model.named_buffers()} == before
    assert generator.draw == draw
    assert model.training
    assert not model[1].training
    assert model[-1].training


def test_parameters_asked_for_too_early_say_how_to_build():
    model = convnet()
    assert not nn.is_built(model)
    for ask in (
        lambda: list(model.parameters()),
        model.state_dict,
        lambda: model.load_state_dict({}),
        lambda: model[0].weight.shape,
        lambda: model[1].running_mean.dtype,
    ):
        with pytest.raises(ArgumentError, match=r"no shape yet(.|\n)*nbdl\.nn\.build"):
            ask()
    with pytest.raises(ArgumentError, match=r"'0\.weight' of Conv2d"):
        list(model.parameters())
    assert "in_features=None" in repr(model)


def test_an_unbuilt_model_can_be_cast_copied_and_switched():
    model = convnet().double().eval()
    y = model(Tensor(np.ones((2, 1, 8, 8))))
    assert y.dtype == np.float64
    assert {p.dtype for p in model.parameters()} == {np.dtype("float64")}


def test_the_first_mismatch_is_reported_with_layer_and_line():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.Flatten(),
        nn.Linear(100, 10),
    )
    line = inspect.currentframe().f_lineno - 2
    with pytest.raises(ShapeError) as caught:
        nn.build(model, (2, 1, 8, 8))
    error = caught.value
    assert error.layer == "2 (Linear)"
    assert error.source == (__file__, line)
    assert "144" in str(error)
    assert "100" in str(error)


def test_a_failed_build_fixes_no_size():
    model = nn.Sequential(nn.Linear(None, 4), nn.BatchNorm1d(None), nn.Linear(5, 2))
    with pytest.raises(ShapeError):
        nn.build(model, (2, 8))
    assert not nn.is_built(model)
    model[2] = nn.Linear(4, 2)
    assert nn.build(model, (2, 3)).shape == (2, 2)
    assert model[0].weight.shape == (4, 3)
    assert model[0](ones(2, 3)).shape == (2, 4)


def test_several_inputs_structures_and_dtypes():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(10, 4)

        def forward(self, ids, extra, *, scale):
            return {"y": self.embed(ids) * scale, "pair": (extra["x"], extra["x"].sum())}

    specs = nn.build(
        Model(), Spec((2, 3), np.dtype("int64")), {"x": (5, 6)}, scale=Tensor(np.float32(2))
    )
    assert specs["y"] == Spec((2, 3, 4), np.dtype("float32"))
    assert specs["pair"][0].shape == (5, 6)
    assert specs["pair"][1].shape == ()


def test_asking_for_values_while_building_says_why_there_are_none():
    class Peeking(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(TraceError, match="only shapes are known"):
        nn.build(Peeking(), (2, 3))


@pytest.mark.parametrize(
    "layer",
    [lambda: nn.Conv2d(None, 3, 3), lambda: nn.BatchNorm2d(None), lambda: nn.LSTM(None, 3)],
)
def test_a_first_input_with_too_few_axes_is_refused_and_leaves_the_layer_unbuilt(layer):
    module = layer()
    with pytest.raises(ShapeError, match="expected"):
        module(ones(5))
    assert not nn.is_built(module)
