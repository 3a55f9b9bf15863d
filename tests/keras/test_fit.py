"""compile, fit, evaluate, predict, summary, callbacks, and what is refused."""

from __future__ import annotations

import copy
import csv
import math

import numpy as np
import pytest

import nbdl
from nbdl import keras
from nbdl.errors import ArgumentError, DataError, FileError, ShapeError, TrainingError
from nbdl.keras import callbacks, layers, utils

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)).astype(np.float32)
Y = (X @ rng.normal(size=(4, 2))).astype(np.float32)
CLASSES = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # runs are kept in the working directory
    utils.clear_session()
    utils.set_random_seed(0)


def regression(optimizer="sgd", **options):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.compile(optimizer, "mse", **options)
    return model


def classifier():
    model = keras.Sequential([layers.Dense(16, activation="relu"), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, metrics=["accuracy"])
    return model


LISTING = """
import numpy as np
from nbdl import keras
from nbdl.keras.models import Sequential
from nbdl.keras.layers import Dense
keras.utils.set_random_seed({seed})
model = Sequential([Dense(1, input_shape=[1])])
model.compile(optimizer='sgd', loss='mean_squared_error')
X = np.array([1, 2, 3, 4], dtype=float)
Y = np.array([2, 4, 6, 8], dtype=float)
model.fit(X, Y, epochs=1000, verbose=0)
print(*model.predict(X).ravel())
"""


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_classic_listing(seed, capsys):
    exec(compile(LISTING.format(seed=seed), "listing", "exec"), {})
    found = [float(word) for word in capsys.readouterr().out.split()]
    np.testing.assert_allclose(found, [2, 4, 6, 8], atol=0.05)


# ----- fit ------------------------------------------------------------------------------------


def descent(kernel, bias, epochs, size, weights=None):
    """Plain SGD on the mean squared error, in order; the mean loss of each epoch."""
    history = []
    for _ in range(epochs):
        total = 0.0
        for start in range(0, len(X), size):
            x, y = X[start : start + size], Y[start : start + size]
            w = np.ones(len(x)) if weights is None else weights[start : start + size]
            d = (x @ kernel + bias - y) * w[:, None]
            total += (d * (x @ kernel + bias - y)).mean() * len(x)
            kernel, bias = kernel - 0.01 * x.T @ d / len(x), bias - 0.01 * d.mean(0)
        history.append(total / len(X))
    return kernel, bias, history


@pytest.mark.parametrize("weighted", [False, True])
def test_fit_is_gradient_descent_and_history_the_mean_of_each_epoch(weighted):
    model = regression()
    weights = rng.random(50) if weighted else None
    start = model.get_weights()
    history = model.fit(X, Y, batch_size=16, epochs=3, shuffle=False, sample_weight=weights,
                        verbose=0)  # fmt: skip
    kernel, bias, expected = descent(*start, 3, 16, weights)
    np.testing.assert_allclose(history.history["loss"], expected, rtol=1e-4)
    assert history.epoch == [0, 1, 2]
    for a, b in zip(model.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_class_weights_multiply_the_losses_and_metrics_count_all_alike():
    model = classifier()
    model.fit(X, CLASSES, epochs=1, verbose=0)
    by_class = {0: 1.0, 1: 3.0, 2: 0.5}
    each = np.array([by_class[c] for c in CLASSES])
    twin = classifier()
    twin.fit(X, CLASSES, epochs=1, verbose=0)
    twin.set_weights(model.get_weights())
    options = {"batch_size": 50, "epochs": 1, "shuffle": False, "verbose": 0}
    a = model.fit(X, CLASSES, class_weight=by_class, **options).history
    b = twin.fit(X, CLASSES, sample_weight=each, **options).history
    assert a["loss"] == pytest.approx(b["loss"], rel=1e-6)
    right = model.predict(X).argmax(1) == CLASSES
    assert model.evaluate(X, CLASSES, sample_weight=each, return_dict=True)[
        "accuracy"
    ] == pytest.approx(right.mean())
    model.compile("sgd", model._loss, weighted_metrics=["accuracy"])
    found = model.evaluate(X, CLASSES, sample_weight=each, return_dict=True)["accuracy"]
    assert found == pytest.approx((right * each).sum() / each.sum())


def test_validation_split_is_the_last_part_and_validation_data_are_taken_as_they_are():
    model = regression(metrics=["mae"])
    history = model.fit(X, Y, epochs=2, validation_split=0.2, verbose=0)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    loss, mae = model.evaluate(X[40:], Y[40:])
    assert history.history["val_loss"][-1] == pytest.approx(loss, rel=1e-6)
    assert history.history["val_mae"][-1] == pytest.approx(mae, rel=1e-6)
    d = model.predict(X[40:]) - Y[40:]
    assert (loss, mae) == pytest.approx(((d * d).mean(), abs(d).mean()), rel=1e-5)
    again = model.fit(X, Y, epochs=4, initial_epoch=2, validation_data=(X[:9], Y[:9]),
                      validation_freq=2, verbose=0)  # fmt: skip
    assert again.epoch == [2, 3]
    assert len(again.history["val_loss"]) == 1


def test_a_classifier_learns_and_says_so():
    model = classifier()
    history = model.fit(X, CLASSES, epochs=120, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    assert history.history["loss"][-1] < history.history["loss"][0]
    probabilities = model.predict(X)
    assert probabilities.shape == (50, 3)
    assert isinstance(probabilities, np.ndarray)


def test_pictures_words_and_steps():
    pictures = rng.random((20, 8, 8, 1))
    cnn = keras.Sequential([
        layers.Conv2D(4, 3, activation="relu", input_shape=(8, 8, 1)), layers.MaxPooling2D(),
        layers.BatchNormalization(), layers.Flatten(), layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    cnn.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    cnn.fit(pictures, utils.to_categorical(CLASSES[:20], 3), epochs=2, verbose=0)
    assert cnn.output_shape == (None, 3)
    words = rng.integers(0, 30, (20, 6))
    rnn = keras.Sequential([
        layers.Embedding(30, 4, input_length=6), layers.LSTM(5), layers.Dense(1, "sigmoid"),
    ])  # fmt: skip
    rnn.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
    rnn.fit(words, CLASSES[:20] > 0, epochs=2, verbose=0)
    assert rnn.predict(words).shape == (20, 1)


def test_generators_loaders_and_data_sets():
    def batches():
        while True:
            yield X[:10], Y[:10]

    model = regression()
    assert len(model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0).epoch) == 2
    loader = nbdl.data.DataLoader((X, Y), batch_size=8)
    model.fit(loader, epochs=1, verbose=0, validation_data=loader)
    model.fit(nbdl.data.TensorDataset(X, Y), epochs=1, verbose=0)
    assert model.evaluate(loader) == pytest.approx(model.evaluate(X, Y), rel=1e-5)
    assert model.predict(loader).shape == (50, 2)
    with pytest.raises(DataError, match="used up"):
        model.fit(iter([(X, Y)]), steps_per_epoch=2, verbose=0)


def test_a_model_of_ones_own_and_frozen_layers():
    class Twice(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = layers.Dense(2, name="inner")
            self.outer = layers.Dense(2, name="outer")

        def call(self, x):
            return self.outer(self.inner(x))

    model = Twice()
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=1, verbose=0)
    model.get_layer("inner").trainable = False
    before = [w.copy() for w in model.get_weights()]
    model.fit(X, Y, epochs=1, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]
    assert len(model.trainable_weights) == 2
    model.trainable = False
    with pytest.raises(TrainingError, match="all its weights are frozen"):
        model.fit(X, Y, verbose=0)


def test_fit_prints_as_keras_does(capsys):
    model = regression()
    model.fit(X, Y, epochs=2, batch_size=10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Epoch 1/2"
    assert lines[1].startswith("5/5 ━━━━━━━━━━━━━━━━━━━━ 0s ")
    assert " - loss: " in lines[1]
    model.fit(X, Y, epochs=1, verbose=2)
    assert "━" not in capsys.readouterr().out
    model.fit(X, Y, epochs=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_the_same_seed_gives_the_same_history():
    def losses() -> list[float]:
        utils.set_random_seed(3)
        model = classifier()
        return model.fit(X, CLASSES, epochs=3, batch_size=8, verbose=0).history["loss"]

    assert losses() == losses()


def test_the_run_behind_a_fit_is_nbdls():
    history = regression().fit(X, Y, epochs=2, batch_size=10, verbose=0)
    assert history.run.status == "finished"
    assert len(history.run.history["loss"]) == 10


# ----- callbacks ------------------------------------------------------------------------------


class Diary(callbacks.Callback):
    def __init__(self):
        self.lines = []


def _writes(hook):
    def write(self, *args):
        self.lines.append((hook, *args[:-1], sorted(args[-1])))

    return write


for _hook in callbacks.HOOKS:
    setattr(Diary, _hook, _writes(_hook))


def test_hooks_are_called_in_kerass_order_with_logs():
    diary, model = Diary(), regression()
    model.fit(X, Y, batch_size=25, epochs=2, validation_data=(X, Y), callbacks=[diary], verbose=0)
    epoch = [
        ("on_train_batch_begin", 0, []), ("on_train_batch_end", 0, ["loss"]),
        ("on_train_batch_begin", 1, []), ("on_train_batch_end", 1, ["loss"]),
        ("on_test_begin", []),
        ("on_test_batch_begin", 0, []), ("on_test_batch_end", 0, ["loss"]),
        ("on_test_batch_begin", 1, []), ("on_test_batch_end", 1, ["loss"]),
        ("on_test_end", ["loss"]),
    ]  # fmt: skip
    assert diary.lines == [
        ("on_train_begin", []),
        ("on_epoch_begin", 0, []), *epoch, ("on_epoch_end", 0, ["loss", "val_loss"]),
        ("on_epoch_begin", 1, []), *epoch, ("on_epoch_end", 1, ["loss", "val_loss"]),
        ("on_train_end", ["loss", "val_loss"]),
    ]  # fmt: skip
    assert diary.model is model
    assert diary.params == {"epochs": 2, "steps": 2, "verbose": 0}
    diary.lines.clear()
    model.predict(X[:5], callbacks=[diary])
    model.evaluate(X[:5], Y[:5], callbacks=[diary])
    assert [line[0] for line in diary.lines] == [
        "on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end",
        "on_test_begin", "on_test_batch_begin", "on_test_batch_end", "on_test_end",
    ]  # fmt: skip


class Scripted(callbacks.Callback):
    """Puts given numbers into the logs before the callbacks after it see them."""

    def __init__(self, **values):
        self.values = values

    def on_epoch_end(self, epoch, logs=None):
        for name, numbers in self.values.items():
            logs[name] = numbers[epoch]


def epochs_run(callback, **values) -> tuple[int, keras.Model, keras.callbacks.History]:
    model = regression()
    count = len(next(iter(values.values())))
    history = model.fit(X, Y, epochs=count, verbose=0, callbacks=[Scripted(**values), callback])
    return len(history.epoch), model, history


def test_early_stopping_waits_restores_and_knows_directions():
    losses = [5.0, 4.0, 4.5, 4.2, 3.0, 2.0]
    assert epochs_run(callbacks.EarlyStopping("x", patience=2), x=losses)[0] == 4
    assert epochs_run(callbacks.EarlyStopping("x", patience=3), x=losses)[0] == 6
    assert epochs_run(callbacks.EarlyStopping("x", min_delta=2, patience=1), x=losses)[0] == 2
    assert epochs_run(callbacks.EarlyStopping("x", mode="max"), x=losses)[0] == 2
    assert epochs_run(callbacks.EarlyStopping("accuracy"), accuracy=[1.0, 2.0, 3.0])[0] == 3
    assert epochs_run(callbacks.EarlyStopping("x", baseline=1.0, patience=3), x=losses)[0] == 3
    assert epochs_run(callbacks.EarlyStopping("x", start_from_epoch=4), x=losses)[0] == 6
    kept = []
    keeps = callbacks.LambdaCallback(on_epoch_end=lambda e, logs: kept.append(model.get_weights()))
    model = regression()
    stop = callbacks.EarlyStopping("x", patience=2, restore_best_weights=True)
    model.fit(X, Y, epochs=6, verbose=0, callbacks=[Scripted(x=losses), keeps, stop])
    assert stop.stopped_epoch == 3
    assert stop.best_epoch == 1
    for a, b in zip(model.get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_reduce_on_plateau():
    callback = callbacks.ReduceLROnPlateau("x", factor=0.5, patience=2, min_lr=0.003)
    _, _, history = epochs_run(callback, x=[3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    np.testing.assert_allclose(
        history.history["learning_rate"],
        [0.01, 0.01, 0.01, 0.005, 0.005, 0.003, 0.003, 0.003, 0.003],
    )
    with pytest.raises(ArgumentError, match="factor=1 must be below 1"):
        callbacks.ReduceLROnPlateau(factor=1)


def test_learning_rate_scheduler_of_the_epoch_and_of_the_rate():
    for schedule in (lambda epoch: 0.01 / 2**epoch, lambda epoch, lr: lr if not epoch else lr / 2):
        callback = callbacks.LearningRateScheduler(schedule)
        history = epochs_run(callback, x=[1.0, 1.0, 1.0])[2]
        np.testing.assert_allclose(history.history["learning_rate"], [0.01, 0.005, 0.0025])


def test_checkpoints_and_weights_in_files(tmp_path):
    best = callbacks.ModelCheckpoint(
        tmp_path / "w-{epoch:02d}-{x:.1f}.safetensors", "x", save_best_only=True,
        save_weights_only=True,
    )  # fmt: skip
    _, model, _ = epochs_run(best, x=[3.0, 4.0, 2.0])
    assert sorted(p.name for p in tmp_path.glob("w-*")) == [
        "w-01-3.0.safetensors", "w-03-2.0.safetensors",
    ]  # fmt: skip
    other = regression()
    other.load_weights(tmp_path / "w-03-2.0.safetensors")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    model.save_weights("all.safetensors")
    with pytest.raises(ArgumentError, match=r"exists already(.|\n)*overwrite=True"):
        model.save_weights("all.safetensors", overwrite=False)
    with pytest.raises(ArgumentError, match=r"safetensors files, not .h5"):
        model.save_weights("all.h5")
    nbdl.save({"a": X}, "other.safetensors", metadata={"nbdl.keras.order": '["b"]'})
    with pytest.raises(FileError, match="an order of weights that it does not hold"):
        model.load_weights("other.safetensors")
    with pytest.raises(FileError, match="there is no file"):
        model.load_weights("none.safetensors")
    wrong = keras.Sequential([keras.Input((3,)), layers.Dense(2)])
    with pytest.raises(ShapeError, match=r"weight 0 of all.safetensors has shape \(4, 2\)"):
        wrong.load_weights("all.safetensors")
    with pytest.raises(ArgumentError, match="save_weights_only=True"):
        callbacks.ModelCheckpoint("x")


def test_csv_logger_and_terminate_on_nan(tmp_path):
    path = tmp_path / "log.csv"
    model = regression(metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[callbacks.CSVLogger(path, append=True)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert set(rows[0]) == {"epoch", "loss", "mae"}
    broken = X.copy()
    broken[20] = np.nan
    weights = model.get_weights()
    with pytest.raises(TrainingError, match=r"(?i)nan"):
        model.fit(broken, Y, epochs=3, verbose=0, batch_size=50)
    history = model.fit(broken, Y, epochs=3, verbose=0, batch_size=50,
                        callbacks=[callbacks.TerminateOnNaN()])  # fmt: skip
    assert len(history.epoch) <= 1
    for a, b in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_callback_can_end_the_training_and_its_error_is_raised():
    class Two(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    assert len(regression().fit(X, Y, epochs=9, verbose=0, callbacks=Two()).epoch) == 2

    class Breaks(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        regression().fit(X, Y, epochs=2, verbose=0, callbacks=[Breaks()])
    with pytest.raises(ArgumentError, match=r"got the class Two(.|\n)*Two\(\.\.\.\)"):
        regression().fit(X, Y, callbacks=[Two], verbose=0)
    with pytest.raises(ArgumentError, match="no hook 'on_epoch_ends'; did you mean 'on_epoch_end'"):
        callbacks.LambdaCallback(on_epoch_ends=print)
    with pytest.raises(ArgumentError, match=r"watches 'val_loss'(.|\n)*give validation_data"):
        regression().fit(X, Y, verbose=0, callbacks=[callbacks.EarlyStopping()])


# ----- summary, utils, errors -----------------------------------------------------------------


def test_summary_is_kerass_table():
    model = keras.Sequential([
        layers.Conv2D(4, 3, input_shape=(8, 8, 1)), layers.BatchNormalization(name="norm"),
        layers.Flatten(), layers.Dense(10),
    ])  # fmt: skip
    text: list[str] = []
    model.summary(print_fn=text.append)
    lines = text[0].splitlines()
    assert lines[0] == 'Model: "sequential"'
    assert "│ conv2d (Conv2D)                 │ (None, 6, 6, 4)        │            40 │" in lines
    assert "│ flatten (Flatten)               │ (None, 144)            │             0 │" in lines
    assert lines[-3:] == [
        " Total params: 1,506 (5.88 KB)",
        " Trainable params: 1,498 (5.85 KB)",
        " Non-trainable params: 8 (32.00 B)",
    ]
    fresh = keras.Sequential([layers.Dense(3)], name="fresh")
    fresh.summary(print_fn=text.append)
    assert "│ dense_1 (Dense)                 │ ?                      │   0 (unbuilt) │" in text[1]
    assert text[1].startswith('Model: "fresh"')


def test_to_categorical():
    assert utils.to_categorical([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    assert utils.to_categorical(np.array([[1], [0]]), 3).shape == (2, 3)
    with pytest.raises(IndexError, match="they must be 0 to 1"):
        utils.to_categorical([0, 2], 2)


def test_sequential_is_a_list_of_layers():
    model = keras.Sequential()
    model.add(layers.Dense(3, input_shape=(4,)))
    model.add(layers.Dense(2))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert model.count_params() == 23
    assert model.pop().name == "dense_1"
    assert model.output_shape == (None, 3)
    assert model.get_layer(index=0).name == "dense"
    later = keras.Sequential([layers.Dense(2)])
    assert not later.built
    later.build((None, 5))
    assert later.get_weights()[0].shape == (5, 2)


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda: keras.Sequential([layers.Dense]), ArgumentError, r"is a class(.|\n)*Dense\("),
        (lambda: keras.Sequential([3]), ArgumentError, "takes layers, got a int"),
        (lambda: keras.Sequential([layers.Dense(1), keras.Input((2,))]), ArgumentError,
         "an Input can only come first"),
        (lambda: keras.Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")]),
         ArgumentError, "has a layer 'a' already"),
        (lambda: keras.Sequential([keras.Input((4,)), layers.Conv2D(1, 3)]), ShapeError,
         "needs inputs .batch, height, width, channels."),
        (lambda: keras.Sequential([layers.Dense(1)]).fit(X, Y), TrainingError,
         r"needs an optimizer and a loss first(.|\n)*compile\("),
        (lambda: regression().compile("adamm"), ArgumentError, "did you mean 'adam'"),
        (lambda: regression().fit(X), DataError, "got no targets"),
        (lambda: regression().fit(), DataError, "needs data"),
        (lambda: regression().fit(X, Y[:9]), ShapeError, "x has 50 samples.*y has 9"),
        (lambda: regression().fit(X[:, :3], Y), ShapeError, r"takes inputs \(batch, 4\), x has"),
        (lambda: regression().fit(X, Y[:, :1]), ShapeError, "output of shape"),
        (lambda: regression().fit(X, Y, epochs=0), ArgumentError, "epochs must be a whole number"),
        (lambda: regression().fit(X, Y, batch_size=0), ArgumentError, "batch_size must be"),
        (lambda: regression().fit(X, Y, validation_split=2), ArgumentError, "between 0 and 1"),
        (lambda: regression().fit(X, Y, validation_data=3), DataError, "x must be an array"),
        (lambda: regression().fit(["a"], ["b"]), DataError, "x must hold numbers, got <U1"),
        (lambda: regression().fit(np.zeros((0, 4)), np.zeros((0, 2))), DataError, "no samples"),
        (lambda: regression().evaluate(X), DataError, "got no targets"),
        (lambda: regression().predict(np.zeros((2, 5))), ShapeError, "takes inputs"),
        (lambda: regression().predict(np.zeros(())), ShapeError, "single number"),
        (lambda: regression().get_layer("x"), ArgumentError, "no layer 'x'"),
        (lambda: keras.Sequential().predict(X), ArgumentError, "has no layers"),
    ],
)  # fmt: skip
def test_mistakes_are_told(act, error, words):
    with pytest.raises(error, match=words):
        act()


def test_labels_out_of_range_and_nan_are_told_with_their_place():
    model = classifier()
    with pytest.raises(IndexError, match=r"target 7 (.|\n)*classes are 0 to 2"):
        model.fit(X, np.full(50, 7), epochs=1, verbose=0)
    big = regression("sgd")
    with pytest.raises(TrainingError, match=r"(?i)nan|inf"):
        big.fit(X * 1e20, Y, epochs=50, verbose=0)
    assert not math.isnan(big.get_weights()[1][0])


def fitted_twice(change, **options):
    nbdl.manual_seed(0)
    model = keras.Sequential([layers.Dense(3, input_shape=(4,)), layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse", **options)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    y = x.sum(1, keepdims=True)
    first = model.fit(x, y, epochs=900, verbose=0)
    change(model)
    second = model.fit(x, y, epochs=900, verbose=0)
    said = [t for _, kind, t in model._fit_run.history.events if kind == "note"]
    return [*first.history["loss"], *second.history["loss"]], said, model


def test_a_second_fit_takes_over_what_was_compiled_for_the_first():
    losses, said, model = fitted_twice(lambda model: None)
    assert said == ["compiled from step 2 on, as in the training before"]
    eager, said, _ = fitted_twice(lambda model: None, run_eagerly=True)
    assert said == []
    np.testing.assert_allclose(losses[:950], eager[:950], rtol=1e-3)
    assert copy.deepcopy(model)._compiled_before.compiled is None


@pytest.mark.parametrize("change", [
    lambda model: model.compile(optimizer="adam", loss="mse"),
    lambda model: setattr(model.layers[0], "trainable", False),
])  # fmt: skip
def test_another_optimizer_or_frozen_layer_is_compiled_anew(change):
    _, [said], _ = fitted_twice(change)
    assert said.startswith("compiled from step 2 on, in ")
