"""A run's state: taken between two steps and put back, training goes on to the same numbers."""

import json

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import TrainingError
from nbdl.training import Callback
from nbdl.training.checkpointing.state import State, capture, pack, restore, unpack

N = 48


def images(n=N):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, 1, 8, 8)).astype(np.float32), rng.integers(0, 3, n)


class Noisy(data.Dataset):
    """Augmented samples: noise of their own in each epoch."""

    def __init__(self):
        self.x, self.y = images()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        noise = data.sample_rng().normal(size=(1, 8, 8)).astype(np.float32)
        return self.x[i] + noise, self.y[i]


def dense():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3)
    )


def normed():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    )


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.lstm(x[:, 0])[0][:, -1])


class TakeAt(Callback):
    def __init__(self, step):
        self.step, self.taken = step, None

    def on_step_end(self, run):
        if run.step == self.step:
            self.taken = capture(run)


class GoOn(Callback):
    def __init__(self, state):
        self.state = state

    def on_start(self, run):
        restore(run, self.state)


def trained(make, callback, **options):
    nbdl.manual_seed(3)
    given = {"data": images(), "epochs": 3, "batch_size": 8, "seed": 5, "lr": 0.01, **options}
    if callable(given["data"]) or isinstance(given["data"], type):
        given["data"] = given["data"]()
    if not isinstance(given["data"], (tuple, data.Dataset)):
        given.pop("batch_size")
    return nbdl.train(make(), given.pop("data"), callbacks=callback, store=False, **given)


def through_json(state):
    """As a file would keep it."""
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    return State(arrays, json.loads(json.dumps(state.rest)))


def check_goes_on(make, step, **options):
    take = TakeAt(step)
    whole = trained(make, take, **options)
    nbdl.manual_seed(99)
    again = trained(make, GoOn(through_json(take.taken)), **options)
    assert again.step == whole.step
    for name in ("loss", "val_loss", "accuracy"):
        if name in whole.history:
            steps, values = whole.history.series(name)
            np.testing.assert_array_equal(values[steps > step], again.history[name])
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("step", [1, 4, 6, 11])
def test_mid_epoch_and_at_its_end_with_dropout_and_shuffling(step):
    check_goes_on(dense, step)


@pytest.mark.parametrize("make", [normed, Recurrent])
def test_buffers_and_recurrent_layers(make):
    check_goes_on(make, 8, val=images(16))


@pytest.mark.parametrize("optim", [
    "sgd(momentum=0.9)", "lbfgs", "muon", "adafactor", "schedulefree", "radam",
    "sam(base_optimizer='adamw')", "lookahead(k=3)", "asgd", "rprop",
])  # fmt: skip
def test_optimizers(optim):
    check_goes_on(dense, 8, optim=optim)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "plateau", "step", "warmup_cosine"])
def test_schedules(schedule):
    check_goes_on(dense, 7, schedule=schedule)


@pytest.mark.parametrize("workers", [0, 2])
def test_augmentation_and_reading_ahead(workers):
    def loader():
        return data.DataLoader(Noisy(), 8, shuffle=True, num_workers=workers, seed=2)

    check_goes_on(dense, 9, data=loader)


def test_a_loader_in_its_third_epoch():
    def loader():
        made = data.DataLoader(images(), 8, shuffle=True)
        made.set_epoch(2)
        return made

    check_goes_on(dense, 9, data=loader)


def test_accumulated_batches():
    check_goes_on(dense, 5, accumulate=2, batch_size=6)


def test_compiled_steps():
    check_goes_on(dense, 9, compile=True)


class Batches:
    def __iter__(self):
        x, y = images()
        return iter([(nbdl.tensor(x[i : i + 8]), nbdl.tensor(y[i : i + 8]))
                     for i in range(0, N, 8)])  # fmt: skip


def test_an_iterable_of_batches_is_entered_in_the_middle():
    check_goes_on(dense, 9, data=Batches)


def test_early_stopping_remembers_the_best_epoch():
    rule = {"patience": 2, "restore_best": True}
    check_goes_on(dense, 14, early_stopping=rule, epochs=8, val=images(16), lr=0.3)


def test_a_step_of_ones_own_with_its_optimizers_and_left_gradients():
    x, y = images()

    def run_with(callback):
        nbdl.manual_seed(4)
        net = dense()
        optimizer = nbdl.optim.AdamW(net.parameters(), lr=0.01)
        count = [0]

        def step(x, y):  # the gradients of two batches
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            count[0] = (run_step := count[0] + 1)
            if run_step % 2 == 0:
                optimizer.step()
                optimizer.zero_grad()
            return loss

        if isinstance(callback, GoOn):
            count[0] = callback.state.step
        return nbdl.train(net, (x, y), step=step, optimizers=optimizer, batch_size=8, epochs=2,
                          callbacks=callback, store=False)  # fmt: skip

    take = TakeAt(5)
    whole = run_with(take)
    again = run_with(GoOn(through_json(take.taken)))
    np.testing.assert_array_equal(whole.history["loss"][5:], again.history["loss"])


def test_what_is_captured_does_not_change_afterwards():
    take = TakeAt(2)
    for options in ({}, {"compile": True}):
        trained(dense, [take, Callback()], **options)
        before = {name: array.copy() for name, array in take.taken.arrays.items()}
        later = TakeAt(2)
        trained(dense, later, max_steps=2, **options)
        for name, array in later.taken.arrays.items():
            np.testing.assert_array_equal(array, before[name])


def test_weights_and_numbers_by_name():
    take = TakeAt(7)
    run = trained(dense, take)
    state = take.taken
    assert (state.step, state.epoch) == (7, 2)
    assert set(state.weights()) == {name for name, _ in run.model.named_parameters()}
    assert state.nbytes == sum(a.nbytes for a in state.arrays.values()) > 3 * 1000


def test_another_model_is_refused_and_left_as_it_was():
    take = TakeAt(2)
    trained(dense, take, max_steps=2)

    def wider():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 3))

    with pytest.raises(TrainingError, match=r"1\.weight is float32\[20, 64\], it was .*\[16, 64\]"):
        trained(wider, GoOn(take.taken))


def test_values_are_packed_and_unpacked():
    value = {
        "a": (1, [2.5, None]), 3: "x", "nan": float("nan"), "$odd": True,
        "n": np.float32(0.1), "m": np.arange(3, dtype=np.int8), "t": nbdl.ones(2),
    }  # fmt: skip
    arrays = {}
    text = json.dumps(pack(value, "v", arrays))
    back = unpack(json.loads(text), arrays)
    assert list(back) == list(value)
    assert back["a"] == (1, [2.5, None])
    assert np.isnan(back["nan"])
    assert back["n"].dtype == np.float32
    assert back["n"] == np.float32(0.1)
    np.testing.assert_array_equal(back["m"], value["m"])
    np.testing.assert_array_equal(back["t"].numpy(), [1, 1])
    with pytest.raises(TrainingError, match="v/f is <function"):
        pack({"f": pack}, "v", {})
