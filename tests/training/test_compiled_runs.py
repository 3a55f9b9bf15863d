"""Whole runs, eager and compiled: the same numbers, the same random stream, the same controls."""

from __future__ import annotations

import _thread
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import IndexRangeError, TrainingError
from nbdl.training.statistics import gradients

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)
IMAGES = RNG.normal(size=(32, 2, 8, 8)).astype(np.float32)
WORDS = RNG.integers(0, 11, (32, 6))


def dense():
    return nn.Sequential(
        nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.4),
        nn.Linear(16, 3),
    )  # fmt: skip


def convolutional():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2),
        nn.Dropout2d(0.3), nn.Conv2d(4, 6, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(6, 3),
    )  # fmt: skip


class Recurrent(nn.Module):
    """Tags a sentence."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.lstm = nn.LSTM(8, 12, batch_first=True)
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        y, _ = self.lstm(self.words(x))
        return self.out(y[:, -1])


class Attending(nn.Module):
    """A transformer's layer over words."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(11, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=True)
        self.out = nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.layer(self.words(x)).mean(axis=1))


MODELS = {
    "dense": (dense, X), "convolutional": (convolutional, IMAGES),
    "recurrent": (Recurrent, WORDS), "attending": (Attending, WORDS),
}  # fmt: skip


def train(kind="dense", compile=True, **options):
    make, x = MODELS[kind]
    nbdl.manual_seed(0)
    model = make()
    options = {"epochs": 4, "batch_size": 12, "lr": 1e-3, "store": False} | options
    return nbdl.train(model, (x, Y[: len(x)]), compile=compile, progress=False, **options)


def notes(run):
    return [text for _, kind, text in run.history.events if kind == "note"]


def is_compiled(run):
    found = [n for n in notes(run) if "compiled" in n]
    return bool(found) and all(n.startswith("compiled ") for n in found)


def same(compiled, eager, tolerance=2e-3):
    """Weights and losses, after whatever rounding has grown to in so many steps."""
    assert is_compiled(compiled), notes(compiled)
    assert not [n for n in notes(eager) if "compiled" in n]
    names = [{*run.history.names()} - {"throughput"} for run in (compiled, eager)]
    assert names[0] == names[1]
    for name in names[1]:
        np.testing.assert_allclose(
            compiled.history[name], eager.history[name], tolerance, tolerance, err_msg=name
        )
    a, b = compiled.model.state_dict(), eager.model.state_dict()
    for name in b:
        np.testing.assert_allclose(
            a[name].numpy(), b[name].numpy(), tolerance, tolerance, err_msg=name
        )


@pytest.mark.parametrize("kind", MODELS)
def test_a_compiled_run_is_the_eager_run(kind):
    """The last batch is a short one; validation is between the epochs."""
    x = MODELS[kind][1]
    options = {"val": (x[:9], Y[:9]), "metrics": "accuracy"}
    same(train(kind, **options), train(kind, compile=False, **options))


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.1},
        {"schedule": "one_cycle"},
        {"schedule": "cosine", "optim": "sgd(momentum=0.9, nesterov=True)", "lr": 0.01},
        {"optim": "schedulefree", "val": (X[:9], Y[:9])},
        {"optim": "rmsprop", "loss": "cross_entropy(label_smoothing=0.1)"},
        {"optim": "lookahead"},  # with steps of its own: eager ones, after compiled gradients
        {"stop_when": "loss < 10"},
        {"max_steps": 7},
    ],
    ids=str,
)
def test_options_act_as_in_an_eager_run(options):
    same(train(**options), train(compile=False, **options))


def test_the_random_stream_goes_on_as_after_an_eager_run():
    drawn = []
    for compile in (True, False):
        found = []
        train(compile=compile, callbacks=lambda run, found=found: found.append(nbdl.rand(2)))
        drawn.append(np.array([t.numpy() for t in found]))
    np.testing.assert_array_equal(*drawn)


def test_gradient_samples_are_taken(monkeypatch):
    monkeypatch.setattr(gradients, "SHARE", 1e6)  # whatever it costs
    compiled, eager = train(epochs=8), train(epochs=8, compile=False)
    a, b = compiled.history.gradients, eager.history.gradients
    assert a.layers == b.layers
    rows = [dict(zip(g.steps.tolist(), g.table()[:, 1:], strict=True)) for g in (a, b)]
    shared = {*rows[0]} & {*rows[1]}
    assert len(shared) == 8 * 6
    for step in shared:
        np.testing.assert_allclose(rows[0][step], rows[1][step], 2e-3, 1e-5)


def test_callbacks_may_look_and_change():
    """A rate, a frozen layer and a dropped-out share, changed between epochs."""
    runs = []
    for compile in (True, False):
        seen = []

        def callback(run, seen=seen):
            seen.append(run.model[0].weight.numpy().copy())
            if run.epoch == 1:
                run.model[0].requires_grad_(False)
                run.model[3].p = 0.0
            if run.epoch == 3:
                run.model[0].requires_grad_(True)
                run.model[4].bias.data = nbdl.zeros(3)

        runs.append((train(compile=compile, callbacks=callback, epochs=5), seen))
    same(runs[0][0], runs[1][0])
    np.testing.assert_allclose(runs[0][1], runs[1][1], 1e-3, 1e-4)
    np.testing.assert_array_equal(runs[0][1][1], runs[0][1][2])


def test_a_hook_that_is_put_in_between_is_called_at_every_step():
    counts = []
    for compile in (True, False):
        calls = []

        def callback(run, calls=calls):
            if run.epoch == 2:
                run.model[0].register_forward_hook(lambda *_, calls=calls: calls.append(1))

        run = train(compile=compile, callbacks=callback)
        counts.append(len(calls))
        assert ("has hooks" in "".join(notes(run))) == compile
    assert counts[0] == counts[1] == 12


def test_what_python_keeps_is_kept_by_the_eager_step():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.calls = nn.Linear(4, 3), 0

        def forward(self, x):
            self.calls += 1
            return self.linear(x)

    counts = []
    for compile in (True, False):
        model = Counting()
        run = nbdl.train(model, (X, Y), epochs=2, compile=compile, store=False, progress=False)
        counts.append(model.calls)
        assert ("sets Counting.calls" in "".join(notes(run))) == compile
    assert counts[0] == counts[1]


# ----- controls -------------------------------------------------------------------------------


def start(**options):
    return train(epochs=100_000, wait=False, **options)


def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def test_pause_step_set_the_rate_and_stop():
    run = start()
    until(lambda: run.step > 20)
    run.pause()
    until(lambda: run.status == "paused")
    step, weight = run.step, run.model[0].weight.numpy()
    before = weight.copy()
    run.single_step()
    until(lambda: run.step == step + 1 and run.status == "paused")
    np.testing.assert_array_equal(weight, before)  # somebody holds it
    assert not np.array_equal(run.model[0].weight.numpy(), before)
    run.set_lr(0.0005)
    run.resume()
    until(lambda: run.history.last("lr") == 0.0005)
    run.stop()
    assert run.wait().status == "stopped"
    assert run.history.count("loss") == run.step
    assert is_compiled(run)


def test_an_interrupt_ends_a_run_after_a_whole_step():
    run = start()
    until(lambda: run.step > 20)
    threading.Timer(0.05, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert run.status == "interrupted"
    assert run.history.count("loss") == run.step
    assert all(np.isfinite(p.numpy()).all() for p in run.model.parameters())


def test_nan_in_a_batch_ends_the_run_with_the_state_before():
    x = X.copy()
    calls = []

    def batches():
        for i in range(8):
            calls.append(i)
            part = x[i * 8 : i * 8 + 8].copy()
            if len(calls) > 12:
                part[0, 0] = np.nan
            yield part, Y[i * 8 : i * 8 + 8]

    states = []
    for compile in (True, False):
        nbdl.manual_seed(0)
        calls.clear()
        model = dense()
        with pytest.raises(TrainingError, match="inputs of this batch have NaN"):
            nbdl.train(model, batches, epochs=4, compile=compile, store=False, progress=False)
        states.append({k: t.numpy() for k, t in model.state_dict().items()})
    for name, value in states[1].items():
        np.testing.assert_allclose(states[0][name], value, 1e-3, 1e-3, err_msg=name)


def test_a_row_number_out_of_range_is_the_eager_error():
    words = WORDS.copy()
    words[25, 3] = 11
    messages = []
    for compile in (True, False):
        nbdl.manual_seed(0)
        model = Recurrent()
        with pytest.raises(IndexRangeError) as caught:
            nbdl.train(model, (words, Y[:32]), epochs=1, batch_size=4, compile=compile,
                       store=False, progress=False, check=False)  # fmt: skip
        messages.append(caught.value.message)
    assert messages[0] == messages[1]


def test_lengths_that_change_all_the_time_end_eagerly_with_a_note():
    def batches():
        for n in range(4, 24):
            yield X[:n], Y[:n]

    nbdl.manual_seed(0)
    run = nbdl.train(dense(), batches, epochs=1, compile=True, store=False, progress=False)
    assert run.step == 20
    last = notes(run)[-1]
    assert "uncompiled: the step was compiled for 8 different shapes or states" in last


@pytest.mark.parametrize("name", ["muon", "lamb", "adafactor"])
def test_optimizers_that_are_not_compiled_train_all_the_same(name):
    run, eager = train(optim=name), train(optim=name, compile=False)
    assert run.status == "finished"
    np.testing.assert_allclose(run.history["loss"], eager.history["loss"], 2e-3)


# ----- other places ---------------------------------------------------------------------------

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.training.test_compiled_runs import MODELS, notes, train
for kind in MODELS:
    run = train(kind)
    assert all(n.startswith("compiled ") for n in notes(run)), notes(run)
    print(*run.history["loss"])
"""


@pytest.fixture(scope="module")
def here():
    return [train(kind).history["loss"] for kind in MODELS]


@pytest.mark.parametrize(
    "setting", [{"NBDL_ONEDNN": "0"}, {"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "2"}], ids=str
)
def test_the_same_numbers(setting, here, request):
    """Without oneDNN, and with any number of threads."""
    root = str(request.config.rootpath)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, root], env={**os.environ, **setting}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for line, right in zip(done.stdout.splitlines(), here, strict=True):
        np.testing.assert_allclose(np.array(line.split(), float), right, 2e-3)


@pytest.mark.parametrize("rule", ["muon", "lamb", "adafactor"])
def test_an_optimizer_that_cannot_be_compiled_gets_compiled_gradients(rule):
    runs = {}
    for compile in (False, True):
        nbdl.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
        x = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
        runs[compile] = nbdl.train(
            model, (x, np.arange(32) % 3), optim=rule, epochs=3, batch_size=8, compile=compile,
            progress=False, store=False,
        )  # fmt: skip
    notes = [text for _, kind, text in runs[True].history.events if kind == "note"]
    assert "the optimizer's part of the step is not compiled" in notes[0]
    assert notes[1].startswith("compiled from step 2 on")
    np.testing.assert_allclose(runs[True].history["loss"], runs[False].history["loss"], 1e-4)
