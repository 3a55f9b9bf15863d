"""``nbdl.train``: fitting, what it takes, and what it refuses before the first step."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.errors import (
    ArgumentError,
    DataError,
    DeviceError,
    DtypeError,
    IndexRangeError,
    ShapeError,
    TrainingError,
)
from nbdl.training import Callback

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4)).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
VALUES = X @ np.array([[1.0], [-2.0], [0.5], [0.0]], np.float32) + 3


def net(outputs=3, hidden=16):
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def weights(model):
    return [p.numpy().copy() for p in model.parameters()]


def test_a_classifier_learns_and_its_run_has_the_numbers():
    model = net()
    run = nbdl.train(model, (X, CLASSES), val=0.2, epochs=20, lr=0.02, batch_size=32)
    assert run.status == "finished"
    assert (run.epoch, run.step, run.total_steps) == (20, 100, 100)
    h = run.history
    assert h.count("loss") == h.count("accuracy") == 100
    assert h.count("val_loss") == h.count("val_accuracy") == 20
    assert h.last("val_accuracy") > 0.9
    assert h["loss"][-5:].mean() < 0.4 * h["loss"][0]
    assert h.last("lr") == 0.02 == run.lr
    assert run.results.keys() == {"loss", "accuracy"}
    assert len(run.epoch_values) == 20
    assert run.epoch_values[-1].keys() == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert run.elapsed > 0
    assert run.throughput > 0
    assert run.eta is None
    assert "20 epochs done" in run.message


def test_a_regression_learns_with_arrays_of_float64():
    model = nn.Linear(4, 1)
    run = nbdl.train(
        model, (X.astype(np.float64), VALUES.astype(np.float64)), loss="mse", optim="sgd", lr=0.1,
        epochs=60, metrics=["mae", "r2"],
    )  # fmt: skip
    np.testing.assert_allclose(model.weight.numpy(), [[1, -2, 0.5, 0]], atol=0.02)
    assert model.weight.dtype == np.float32
    assert run.history.last("mae") < 0.05
    notes = [text for _, kind, text in run.history.events if kind == "note"]
    assert notes == ["float inputs and targets are read as float32; the arrays are float64"]


def test_floats_that_stream_are_cast_and_that_is_said_once():
    def batches():
        for _ in range(3):
            yield X.astype(np.float64), VALUES.astype(np.float64)

    run = nbdl.train(net(1), batches, loss="mse", epochs=2)
    notes = [text for _, kind, text in run.history.events if kind == "note"]
    assert notes == ["float inputs and targets are cast from float64 to float32"]


def test_a_model_of_float64_is_trained_on_float64():
    seen = set()

    class Watch(nn.Linear):
        def forward(self, x):
            seen.add(x.dtype)
            return super().forward(x)

    model = Watch(4, 1).to("float64")
    nbdl.train(model, (X.astype(np.float64), VALUES), loss="mse", epochs=1, check=False)
    assert seen == {np.dtype("float64")}
    assert model.weight.dtype == np.float64


def test_the_same_seed_gives_the_same_weights_whatever_cells_draw_meanwhile():
    results = []
    for seed in (0, 0, 1):
        model = nn.Sequential(net(), nn.Dropout(0.3))
        run = nbdl.train(model, (X, CLASSES), epochs=2, seed=seed, wait=False)
        while run.is_alive:
            nbdl.core.random.default_generator().next()
        run.wait()
        results.append(weights(model))
    for a, b, c in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_modes_are_right_in_steps_and_validation_and_put_back():
    seen = {"train": set(), "val": set()}

    class Watch(nn.Module):
        def __init__(self):
            super().__init__()
            self.frozen = nn.Dropout(0.5)
            self.linear = nn.Linear(4, 3)

        def forward(self, x):
            seen["train" if nbdl.is_grad_enabled() else "val"].add(self.training)
            return self.linear(x)

    model = Watch().eval()
    model.frozen.train()
    nbdl.train(model, (X, CLASSES), val=(X, CLASSES), epochs=1, check=False)
    assert seen == {"train": {True}, "val": {False}}
    assert (model.training, model.frozen.training) == (False, True)


def test_sizes_given_as_none_are_found():
    model = nn.Sequential(nn.Linear(None, 8), nn.ReLU(), nn.Linear(None, 3))
    nbdl.train(model, (X, CLASSES), epochs=1)
    assert model[0].weight.shape == (8, 4)


# ----- kinds of data ------------------------------------------------------------------------


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, a, b):
        return self.linear(a + b)


def test_batches_may_be_tuples_of_several_inputs_or_dicts():
    nbdl.train(Two(), (X, X, CLASSES), epochs=1)
    run = nbdl.train(Two(), {"a": X, "b": X, "label": CLASSES}, epochs=1)
    assert run.step == 4
    run = nbdl.train(net(), {"x": X, "kind": CLASSES}, target="kind", epochs=1)
    assert run.step == 4
    with pytest.raises(DataError, match="its keys are x, kind"):
        nbdl.train(net(), {"x": X, "kind": CLASSES}, epochs=1)


def test_data_may_be_a_loader_or_any_iterable_of_batches():
    loader = data.DataLoader((X, CLASSES), batch_size=50)
    assert nbdl.train(net(), loader, epochs=2).step == 8

    def batches():
        for i in range(0, 200, 100):
            yield X[i : i + 100], CLASSES[i : i + 100]

    assert nbdl.train(net(), batches, epochs=3).step == 6
    assert nbdl.train(net(), batches(), epochs=1).step == 2
    assert nbdl.train(net(), batches, epochs=100, max_steps=5).step == 5


def test_a_used_up_generator_and_no_batches_are_said():
    with pytest.raises(DataError, match="used up after 1 epoch"):
        nbdl.train(net(), iter([(X, CLASSES)]), epochs=2)
    with pytest.raises(DataError, match="no batches"):
        nbdl.train(net(), iter([]), epochs=1)


def test_sequences_of_class_numbers_fit_outputs_with_the_classes_last():
    tokens = RNG.integers(0, 7, (40, 5))
    model = nn.Sequential(nn.Embedding(7, 8), nn.Linear(8, 7))
    run = nbdl.train(model, (tokens, tokens), epochs=30, lr=0.05, metrics="accuracy,perplexity")
    assert run.history.last("accuracy") > 0.95
    assert run.history.last("perplexity") < 2


def test_yes_or_no_with_one_output():
    y = (X[:, :1] > 0).astype(np.int64)
    run = nbdl.train(net(1), (X, y), loss="bce_with_logits", epochs=20, lr=0.02)
    assert run.history.last("accuracy") > 0.9


def test_callables_are_losses_metrics_and_optimizers():
    def loss(outputs, targets):
        return ((outputs - targets) ** 2).mean()

    def worst(outputs, targets):
        return float(abs(outputs.numpy() - targets.numpy()).max())

    run = nbdl.train(
        net(1), (X, VALUES), loss=loss, metrics=worst, epochs=3,
        optim=lambda parameters: nbdl.optim.SGD(parameters, lr=0.01),
    )  # fmt: skip
    assert run.history.count("worst") == run.step
    assert run.lr == 0.01
    model = net(1)
    optimizer = nbdl.optim.Adam(model.parameters(), lr=0.5)
    assert nbdl.train(model, (X, VALUES), loss=nn.MSELoss(), optim=optimizer, epochs=1).lr == 0.5


def test_names_carry_arguments():
    run = nbdl.train(
        net(), (X, CLASSES), loss="cross_entropy(label_smoothing=0.1)",
        optim="SGD(momentum=0.9, lr=0.05)", epochs=1,
    )  # fmt: skip
    assert run.optimizers[0].param_groups[0]["momentum"] == 0.9
    assert run.lr == 0.05


# ----- refused before the first step --------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"loss": "cross_entrpy"}, ArgumentError, "unknown loss .*did you mean 'cross_entropy'"),
        ({"optim": "addamw"}, ArgumentError, "unknown optimizer 'addamw'; did you mean 'adamw'"),
        ({"metrics": "acuracy"}, ArgumentError, "did you mean 'accuracy'"),
        ({"schedule": "cosin"}, ArgumentError, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"optim": "sgd(momentm=0.9)"}, ArgumentError, "did you mean 'momentum'"),
        ({"optim": "sgd(0.9)"}, ArgumentError, "only name=value"),
        ({"loss": "mse(target=3)"}, ArgumentError, "no option 'target'"),
        ({"loss": X}, ArgumentError, "a function of \\(outputs, targets\\), got a ndarray\n"),
        ({"metrics": "f1(avrage='micro')"}, ArgumentError, "did you mean 'average'"),
        ({"loss": nn.MSELoss}, ArgumentError, "is the class MSELoss"),
        ({"loss": 3}, ArgumentError, "a loss is a name or a function"),
        ({"optim": 3}, ArgumentError, "an optimizer is a name"),
        ({"lr": -1}, ArgumentError, "lr must be a positive number, got -1"),
        ({"lr": float("nan")}, ArgumentError, "lr must be a positive number"),
        ({"lr": "fast"}, ArgumentError, "lr must be a positive number, got 'fast'"),
        ({"epochs": 0}, ArgumentError, "epochs must be a whole number of at least 1, got 0"),
        ({"epochs": 2.5}, ArgumentError, "epochs must be"),
        ({"batch_size": 0}, ArgumentError, "batch_size must be"),
        ({"max_steps": 0}, ArgumentError, "max_steps must be"),
        ({"clip_norm": 0}, ArgumentError, "clip_norm must be a positive number, got 0"),
        ({"clip_norm": "big"}, ArgumentError, "clip_norm must be a positive number, got 'big'"),
        ({"seed": "a"}, ArgumentError, "seed must be a whole number, got 'a'"),
        ({"seed": None}, ArgumentError, "seed must be a whole number, got None"),
        ({"name": 3}, ArgumentError, "the run's name must be a text, got 3"),
        ({"device": "gpu"}, DeviceError, "unknown device 'gpu'"),
        ({"early_stopping": 0}, ArgumentError, "at least 1, got 0"),
        ({"early_stopping": {"patence": 3}}, ArgumentError, "did you mean 'patience'"),
        ({"stop_when": "when it is good"}, ArgumentError, "is not understood"),
        ({"stop_when": "converged(patence=3)"}, ArgumentError, "did you mean 'patience'"),
        ({"callbacks": [3]}, ArgumentError, "a callback is"),
        ({"val": 1.5}, ArgumentError, "a fraction between 0 and 1"),
        ({"val": 3}, DataError, "cannot take batches from 3"),
        ({"val": (b for b in [])}, ArgumentError, "a generator that is used up after the first"),
    ],
)
def test_options_out_of_range_and_unknown_names(options, error, words):
    model = net()
    before = weights(model)
    with pytest.raises(error, match=words):
        nbdl.train(model, (X, CLASSES), **options)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not nbdl.training.active_runs()


@pytest.mark.parametrize(
    ("x", "y", "options", "error", "words"),
    [
        (X, CLASSES + 1, {}, IndexRangeError, r"target 3 of sample \d+ is not a class.* 0 to 2"),
        (X, CLASSES - 1, {}, IndexRangeError, "target -1 of sample .*\n.*start at 0"),
        (X, CLASSES.astype(np.float32), {}, DtypeError, "class numbers .*float32"),
        (X, VALUES, {}, DtypeError, "needs class numbers as targets"),
        (X, CLASSES[:, None], {}, ShapeError, r"outputs \(64, 3\).*\n.*y\[:, 0\]"),
        (X, VALUES[:, 0], {"loss": "mse", "outputs": 1}, ShapeError, r"\n.*y\[:, None\]"),
        (X, VALUES, {"loss": "mse", "outputs": 3}, ShapeError, "compares number by number"),
        (X, 3 * VALUES, {"loss": "bce_with_logits", "outputs": 1}, DataError, "between 0 and 1"),
        (X[:, :3], CLASSES, {}, ShapeError, "4"),
        (X[:100], CLASSES, {}, DataError, "inputs has 100 .*targets has 200"),
        (X[:0], CLASSES[:0], {}, DataError, "is empty"),
        (np.where(X > 2, np.nan, X), CLASSES, {}, DataError, "inputs has .*NaN .*first is sample"),
        (X, np.where(VALUES > 5, np.inf, VALUES), {"loss": "mse", "outputs": 1}, DataError, "Inf"),
        (X.astype(object), CLASSES, {}, DataError, "dtype object"),
        (X.astype(int), CLASSES, {}, DtypeError, r"Linear computes with floats.*int64.*float32"),
    ],
)
def test_data_that_does_not_fit_is_named_before_the_first_step(x, y, options, error, words):
    model = net(options.pop("outputs", 3))
    before = weights(model)
    with pytest.raises(error, match=f"(?s){words}"):
        nbdl.train(model, (x, y), **options)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_that_does_not_fit_the_models_arguments_is_said():
    with pytest.raises(ArgumentError, match=r"do not fit Sequential\.forward\(.*too many"):
        nbdl.train(net(), (X, X, CLASSES))
    with pytest.raises(ArgumentError, match=r"'c' is no argument of Two\.forward"):
        nbdl.train(Two(), {"a": X, "c": X, "label": CLASSES})


def test_a_model_in_the_place_of_the_data_is_said():
    with pytest.raises(ArgumentError, match="the data is a model, Sequential"):
        nbdl.train(net(), net())


def test_an_optimizer_of_another_model_is_refused():
    optimizer = nbdl.optim.SGD(net().parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match="none of this model's parameters"):
        nbdl.train(net(), (X, CLASSES), optim=optimizer)


@pytest.mark.parametrize("value", [3.0, None, np.float32(3), "3"])
def test_a_loss_that_is_no_tensor_is_said(value):
    def odd(outputs, targets):
        return value

    with pytest.raises(TrainingError, match="'odd' must return a tensor, got"):
        nbdl.train(net(), (X, CLASSES), loss=odd)


def test_numbers_of_numpy_are_numbers():
    run = nbdl.train(
        net(), (X, CLASSES), lr=np.float32(0.5), epochs=np.int64(1), seed=np.int32(3),
        clip_norm=np.float64(1), max_steps=np.uint8(1),
    )  # fmt: skip
    assert (run.lr, run.step) == (0.5, 1)


def test_a_class_out_of_range_late_in_the_data_is_found_first():
    y = CLASSES.copy()
    y[177] = 9
    with pytest.raises(IndexRangeError, match="target 9 of sample 177"):
        nbdl.train(net(), (X, y), batch_size=8)


def test_validation_data_is_looked_at_before_the_first_step_too():
    for x, y, error in (
        (X, CLASSES + 5, IndexRangeError),
        (np.where(X > 2, np.nan, X), CLASSES, DataError),
        (X[:, :2], CLASSES, ShapeError),
    ):
        with pytest.raises(error) as caught:
            nbdl.train(net(), (X, CLASSES), val=(x, y))
        assert "in the validation data" in caught.value.__notes__
    assert not (nbdl.training.last_run() and nbdl.training.last_run().is_alive)


def test_a_model_that_is_none_is_said():
    with pytest.raises(ArgumentError, match="is a str, not a module"):
        nbdl.train("lenet", (X, CLASSES))
    with pytest.raises(ArgumentError, match=r"nn.Module|makes a model of the class"):
        nbdl.train(nn.Linear, (X, CLASSES))
    with pytest.raises(ArgumentError, match="needs data"):
        nbdl.train(net())
    with pytest.raises(TrainingError, match="nothing to train"):
        nbdl.train(net().requires_grad_(False), (X, CLASSES))


def test_a_batch_size_beyond_the_data_is_noted_and_one_batch():
    run = nbdl.train(net(), (X, CLASSES), batch_size=1000, epochs=2)
    assert run.step == 2
    assert any("more than the 200 samples" in text for _, _, text in run.history.events)
    with pytest.raises(ArgumentError, match="gives batches already"):
        nbdl.train(net(), data.DataLoader((X, CLASSES), batch_size=10), batch_size=5)


# ----- when it goes wrong on the way --------------------------------------------------------


class Counting(nn.Module):
    """Counts its calls in a buffer, as batch norm keeps means in its own."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)
        self.register_buffer("calls", nbdl.Tensor(np.zeros(1, np.float32)))

    def forward(self, x):
        self.calls.copy_(self.calls + 1)
        return self.linear(x)


def test_a_loss_that_becomes_nan_stops_the_run_and_keeps_the_last_good_state():
    model = Counting()
    good = {}

    def loss(outputs, targets):
        value = ((outputs - targets) ** 2).mean()
        return value * float("nan") if model.calls.item() == 4 else value

    class Remember(Callback):
        def on_step_end(self, run):
            good.update({k: v.numpy() for k, v in model.state_dict().items()})

    with pytest.raises(TrainingError, match="the loss became NaN") as caught:
        nbdl.train(model, (X, VALUES), loss=loss, callbacks=Remember(), check=False)
    run = nbdl.training.last_run()
    assert (run.status, run.step) == ("failed", 3)
    assert run.exception is caught.value
    assert "in step 4 (epoch 1)" in caught.value.__notes__
    assert good["calls"] == 3
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), good[name], err_msg=name)


def test_a_gradient_that_becomes_nan_is_named_before_it_spoils_the_weights():
    model = Counting()

    def loss(outputs, targets):
        # The square root's gradient at 0 is infinite, and infinite times 0 is NaN.
        return ((outputs * 0.0) ** 2).sum().sqrt() if model.calls.item() == 3 else outputs.mean()

    with pytest.raises(TrainingError, match=r"the gradient of 'linear\.weight' became NaN"):
        nbdl.train(model, (X, VALUES), loss=loss, check=False)
    assert all(np.isfinite(p.numpy()).all() for p in model.parameters())
    assert model.calls.item() == 2


def test_nan_in_batches_that_stream_is_told_from_an_unstable_training():
    def batches():
        yield X[:50], VALUES[:50]
        yield np.where(X[:50] > 1, np.nan, X[:50]), VALUES[:50]

    with pytest.raises(TrainingError, match="the inputs of this batch have NaN"):
        nbdl.train(net(1), batches, loss="mse")
    with pytest.raises(TrainingError, match=r"became (NaN|infinite)"):
        nbdl.train(net(1), (X * 1e9, VALUES), loss="mse", optim="sgd", lr=1e6, epochs=50)


def test_an_error_in_the_model_is_raised_where_it_is_awaited():
    class Broken(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 3)
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            if self.calls == 3:
                raise RuntimeError("out of coffee")
            return self.linear(x)

    run = nbdl.train(Broken(), (X, CLASSES), wait=False, check=False)
    assert run.join(20)
    assert (run.status, run.step) == ("failed", 2)
    with pytest.raises(RuntimeError, match="out of coffee"):
        run.wait()


def test_the_same_model_cannot_be_trained_twice_at_once_but_two_can():
    gate = threading.Event()

    class Hold(Callback):
        def on_step_end(self, run):
            gate.wait(10)

    a, b = net(), net()
    first = nbdl.train(a, (X, CLASSES), epochs=1, callbacks=Hold(), wait=False)
    with pytest.raises(TrainingError, match="is being trained already"):
        nbdl.train(a, (X, CLASSES))
    nbdl.train(b, (X, CLASSES), epochs=1)
    assert first.is_alive
    assert nbdl.training.active_runs() == [first]
    gate.set()
    first.wait()
    assert not nbdl.training.active_runs()


# ----- ends and callbacks -------------------------------------------------------------------


def test_max_steps_end_in_the_middle_of_an_epoch():
    run = nbdl.train(net(), (X, CLASSES), epochs=10, max_steps=6)
    assert (run.step, run.status, run.message) == (6, "finished", "6 steps done")


def test_early_stopping_restores_the_best_epoch():
    model = net()
    kept = []

    def remember(run):
        kept.append(weights(model))

    noise = RNG.integers(0, 3, 40)
    run = nbdl.train(
        model, (X[:40], CLASSES[:40]), val=(X[40:80], noise), epochs=200, lr=0.05,
        early_stopping={"patience": 4, "restore_best": True}, callbacks=remember,
    )  # fmt: skip
    values = run.history["val_loss"]
    best = int(values.argmin())
    assert "early stopping: val_loss has not improved" in run.message
    assert len(values) == best + 5
    for a, b in zip(weights(model), kept[best], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("loss converged(tolerance=0.01, patience=2)", "loss converged"),
        ("loss < 0.2", "loss reached"),
        ("accuracy >= 0.8", "accuracy reached"),
        (lambda run: run.epoch == 4, "stop_when"),
        (["loss < 0.0001", "accuracy > 0.7"], "accuracy reached"),
    ],
)
def test_conditions_in_words_end_the_run(condition, words):
    run = nbdl.train(net(), (X, CLASSES), epochs=500, lr=0.05, stop_when=condition)
    assert run.status == "finished"
    assert words in run.message
    assert run.epoch < 500


def test_a_condition_on_what_is_not_measured_is_said():
    with pytest.raises(ArgumentError, match=r"no 'val_loss' to stop by.*\n.*loss, accuracy"):
        nbdl.train(net(), (X, CLASSES), stop_when="val_loss < 1")


def test_callbacks_are_called_between_steps_in_their_order():
    calls = []

    class Log(Callback):
        def on_start(self, run):
            calls.append(("start", run.step))

        def on_epoch_start(self, run):
            calls.append(("epoch", run.epoch, run.step))

        def on_step_end(self, run):
            calls.append(("step", run.step))

        def on_end(self, run):
            calls.append(("end", run.step))

    nbdl.train(net(), (X[:4], CLASSES[:4]), epochs=2, batch_size=2, callbacks=[Log()])
    assert calls == [
        ("start", 0), ("epoch", 1, 0), ("step", 1), ("step", 2), ("epoch", 2, 2), ("step", 3),
        ("step", 4), ("end", 4),
    ]  # fmt: skip


def test_a_callback_that_fails_fails_the_run():
    def bad(run):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        nbdl.train(net(), (X, CLASSES), callbacks=bad)


# ----- one's own step -----------------------------------------------------------------------


def test_a_step_of_ones_own_with_two_models_and_optimizers():
    g, d = net(4), net(1)
    og, od = (nbdl.optim.Adam(m.parameters(), lr=0.01) for m in (g, d))

    def step(x, y):
        for optimizer, sign in ((od, 1), (og, -1)):
            optimizer.zero_grad()
            loss = sign * (d(g(x)) - d(x)).mean()
            loss.backward()
            optimizer.step()
        return {"d_loss": loss, "g_loss": -loss.item()}

    run = nbdl.train(
        step=step, data=(X, CLASSES), model=[g, d], optimizers=[og, od], epochs=2,
        val=lambda: {"score": d(nbdl.Tensor(X)).mean()},
    )  # fmt: skip
    assert run.step == 8
    assert {"d_loss", "g_loss", "val_score", "lr"} <= set(run.history.names())
    assert run.history.gradients.layers[0] == "0.0.weight"
    assert run.history.gradients.layers[-1] == "1.2.bias"
    assert (run.history.gradients.norms[0] > 0).any()


def test_a_generative_adversarial_network_learns_where_its_data_lies():
    """Two models, two optimizers, two losses a step: the generator finds the data's mean."""
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(512, 2)) * 0.3 + [2, -1]).astype(np.float32)
    nbdl.manual_seed(0)
    g = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    d = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    og, od = (nbdl.optim.Adam(m.parameters(), lr=0.01, betas=(0.5, 0.99)) for m in (g, d))
    bce = nn.functional.binary_cross_entropy_with_logits

    def step(real):
        fake = g(noise(len(real)))
        od.zero_grad()
        d_loss = bce(d(real), nbdl.ones((len(real), 1))) + bce(
            d(fake.detach()), nbdl.zeros((len(real), 1))
        )
        d_loss.backward()
        od.step()
        og.zero_grad()
        g_loss = bce(d(fake), nbdl.ones((len(real), 1)))
        g_loss.backward()
        og.step()
        return {"d_loss": d_loss, "g_loss": g_loss}

    def noise(n):
        return nbdl.Tensor(rng.normal(size=(n, 4)).astype(np.float32))

    run = nbdl.train(
        step=step, data=points, model={"g": g, "d": d}, optimizers=[og, od], epochs=60,
        batch_size=64,
    )  # fmt: skip
    assert run.history.count("d_loss") == run.history.count("g_loss") == run.step == 480
    made = g(noise(500)).numpy()
    np.testing.assert_allclose(made.mean(0), [2, -1], atol=0.4)


def test_a_variational_autoencoder_is_a_step_that_returns_its_loss():
    digits = data.digits().inputs.reshape(-1, 64)[:512]
    nbdl.manual_seed(0)
    encoder, decoder = nn.Linear(64, 2 * 4), nn.Linear(4, 64)
    optimizer = nbdl.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=0.01)
    rng = np.random.default_rng(0)

    def step(x):
        mean, log_var = encoder(x)[:, :4], encoder(x)[:, 4:]
        noise = nbdl.Tensor(rng.normal(size=mean.shape).astype(np.float32))
        again = decoder(mean + (log_var / 2).exp() * noise)
        kl = (mean**2 + log_var.exp() - log_var - 1).sum(1).mean() / 2
        loss = ((again - x) ** 2).sum(1).mean() + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss, "kl": kl}

    run = nbdl.train(
        step=step, data=digits, model=[encoder, decoder], optimizers=optimizer, epochs=20,
    )
    assert run.history["loss"][-8:].mean() < 0.5 * run.history["loss"][0]
    assert (run.history["kl"] >= 0).all()
    assert run.history.gradients.layers == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_step_may_take_the_whole_batch_and_return_the_loss():
    seen = []

    def step(batch):
        seen.append(batch["x"].shape)
        return 0.5

    run = nbdl.train(step=step, data={"x": X}, epochs=1, batch_size=100)
    assert seen == [(100, 4)] * 2
    assert run.history["loss"].tolist() == [0.5, 0.5]
    assert run.name == "run"


def test_a_step_that_fails_half_way_leaves_the_models_as_they_were():
    model = net()
    optimizer = nbdl.optim.SGD(model.parameters(), lr=0.1)
    before = weights(model)

    def step(x, y):
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError, match="too late"):
        nbdl.train(step=step, data=(X, CLASSES), model=model)
    for a, b in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lr": 0.1}, "lr= does not go with step="),
        ({"val": (X, CLASSES)}, "val must be a function"),
        ({"model": "net"}, "model must be a module"),
        ({"step": 3}, "step must be a function"),
        ({"optimizers": 3}, "an optimizer that exists is needed here, got 3"),
        ({"optimizers": ["adam"]}, "an optimizer that exists is needed here, got 'adam'"),
        ({"schedule": "cosine"}, "a schedule needs an optimizer"),
    ],
)
def test_what_does_not_go_with_a_step_is_said(options, words):
    with pytest.raises(ArgumentError, match=words):
        nbdl.train(**{"step": lambda x, y: 0.0, "data": (X, CLASSES), **options})


def test_what_a_step_returns_must_be_numbers():
    with pytest.raises(DataError, match="'loss' to be logged must be one number"):
        nbdl.train(step=lambda x, y: x, data=(X, CLASSES))


# ----- evaluate and predict -----------------------------------------------------------------


def test_evaluate_does_not_depend_on_the_batch_size_and_leaves_the_mode():
    model = nn.Sequential(net(), nn.Dropout(0.5)).train()
    results = [
        nbdl.evaluate(model, (X, CLASSES), batch_size=n, metrics="accuracy,confusion_matrix")
        for n in (1, 7, 200)
    ]
    for result in results[1:]:
        assert result["loss"] == pytest.approx(results[0]["loss"], rel=1e-5)
        np.testing.assert_array_equal(result["confusion_matrix"], results[0]["confusion_matrix"])
    assert model.training
    assert nbdl.evaluate(model, data.DataLoader((X, CLASSES), 50)).keys() == {"loss", "accuracy"}
    with pytest.raises(ArgumentError, match="needs a loss or metrics"):
        nbdl.evaluate(model, (X, CLASSES), loss=None)
    with pytest.raises(ArgumentError, match="the model is a str, not a module"):
        nbdl.evaluate("model", (X, CLASSES))
    with pytest.raises(ArgumentError, match="predict needs a model"):
        nbdl.predict(None, X)


def test_predict_gives_all_outputs_in_order():
    model = net()
    out = nbdl.predict(model, X, batch_size=7)
    assert out.shape == (200, 3)
    assert not out.requires_grad
    model.eval()
    np.testing.assert_allclose(out.numpy(), model(nbdl.Tensor(X)).numpy(), rtol=1e-4, atol=1e-6)
    pairs = nbdl.predict(model, data.TensorDataset(X, CLASSES))
    np.testing.assert_allclose(pairs.numpy(), out.numpy(), rtol=1e-4, atol=1e-6)
    assert nbdl.predict(model, X.astype(np.float64).tolist()).dtype == np.float32
