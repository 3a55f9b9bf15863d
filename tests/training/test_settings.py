"""What a run computes with where nothing else is said: its own, recorded, restored."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import ArgumentError
from nbdl.training import Callback
from nbdl.training.checkpointing.checkpoints import checkpoint_files, read, write
from nbdl.training.settings import Settings

X = np.random.default_rng(0).normal(size=(64, 6))
Y = np.random.default_rng(1).integers(0, 3, 64)


class Scaled(nn.Module):
    """Makes a tensor of the default dtype in its forward pass."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 3)
        self.seen = []

    def forward(self, x):
        noise = nbdl.rand(3)
        self.seen.append((str(noise.dtype), nbdl.is_grad_enabled(),
                          nbdl.are_deterministic_algorithms_enabled()))  # fmt: skip
        return self.fc(x) * noise


class At(Callback):
    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_end(self, run):
        if run.step == self.step:
            self.action(run)


@pytest.fixture
def double():
    nbdl.set_default_float("float64")
    yield
    nbdl.set_default_float("float32")


def model():
    nbdl.manual_seed(7)
    return Scaled()


def train(net, **options):
    return nbdl.train(net, (X, Y), progress=False, compile=False, name="net",
                      **{"epochs": 2, "batch_size": 8, **options})  # fmt: skip


def test_another_cell_that_sets_the_default_does_not_change_a_run():
    whole = train(model(), store=False)
    try:
        net = model()
        run = train(net, callbacks=At(5, lambda run: nbdl.set_default_float("float64")))
    finally:
        nbdl.set_default_float("float32")
    assert {dtype for dtype, *_ in net.seen} == {"float32"}
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])


def test_the_record_says_them(double):
    train(model(), deterministic=True)
    [kept] = nbdl.runs()
    assert kept.origin["settings"] == {
        "dtype": "float64", "device": "cpu", "gradients": True, "deterministic": True,
    }  # fmt: skip
    assert kept.environment["default dtype"] == "float64"
    assert kept.environment["deterministic mode"] == "on"


def test_a_run_goes_on_with_those_it_had_and_leaves_the_notebooks_alone(double):
    whole = train(model(), deterministic=True, store=False)
    train(model(), deterministic=True, callbacks=At(5, lambda run: run.stop()))
    net = model()
    nbdl.set_default_float("float32")
    run = nbdl.train(net, (X, Y), progress=False, name="net", resume=True)
    assert set(net.seen) == {("float64", True, True)}
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])
    assert str(nbdl.zeros(1).dtype) == "float32"
    assert nbdl.are_deterministic_algorithms_enabled() is False
    assert not any(kind == "warning" for _, kind, _ in run.history.events)


def test_readers_in_threads_read_as_the_run_does(double):
    def sample(x):
        return [float(v) for v in x]  # numbers, which are read as the default dtype

    def loader():
        return data.DataLoader(data.TensorDataset(X, Y).map(sample), 8, num_workers=2)

    seen = []

    def look(x, y):
        seen.append(str(x[0].dtype))

    nbdl.train(step=look, data=loader(), model=model(), epochs=1, progress=False, name="look",
               callbacks=At(3, lambda run: run.stop()))  # fmt: skip
    net = model()
    nbdl.set_default_float("float32")
    nbdl.train(step=look, data=loader(), model=net, progress=False, name="look", resume=True)
    assert set(seen) == {"float64"}
    assert len(seen) == 8


def looped(net, until=None, **options):
    optimizer = nbdl.optim.SGD(net.parameters(), lr=0.1)
    run = nbdl.track((X.astype(np.float32), Y), model=net, optimizer=optimizer, name="loop",
                     **{"batch_size": 8, **options})  # fmt: skip
    for x, y in run:
        loss = nn.functional.cross_entropy(net(x.to(net.fc.weight.dtype)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log(loss=loss)
        if run.step + 1 == until:
            break
    return run


def test_a_loop_of_ones_own_goes_on_with_those_it_had(double):
    whole = looped(model(), deterministic=True, store=False)
    looped(model(), 4, deterministic=True)
    net = model()
    nbdl.set_default_float("float32")
    run = looped(net, resume=True)
    assert set(net.seen) == {("float64", True, True)}
    np.testing.assert_array_equal(run.history["loss"], whole.history["loss"])
    assert nbdl.default_device() == "cpu"
    assert str(nbdl.zeros(1).dtype) == "float32"


def test_a_device_that_is_not_here_is_told_among_the_reasons():
    run = train(model(), callbacks=At(5, lambda run: run.stop()))
    folder = next(iter(run.checkpoints.folder.parent.iterdir()))
    path = checkpoint_files(folder)[-1]
    found = read(path)
    found.run["origin"]["settings"]["device"] = "cuda:0"
    write(path, found.state, found.run)
    run = train(model(), resume=str(path), epochs=2)
    said = [text for _, kind, text in run.history.events if kind == "warning"]
    assert said == [
        "continues, not bit-identical, because the default device is cpu, it was cuda:0"
    ]


def test_a_record_that_makes_no_sense_is_left_out():
    now = Settings.now()
    for recorded in (None, [], "x", {"dtype": "int64"}, {"dtype": 3}, {"device": "moon"},
                     {"deterministic": "yes"}):  # fmt: skip
        assert now.like(recorded) == now
    assert now.like({"dtype": "bfloat16", "gradients": False}) == Settings(
        "bfloat16", "cpu", False, False
    )


def test_what_is_no_mode_is_said():
    with pytest.raises(ArgumentError, match="deterministic must be True, False or None, got 'on'"):
        train(model(), deterministic="on")
