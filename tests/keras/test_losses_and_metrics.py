"""Keras's losses, metrics and activations against their formulas in NumPy."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, DataError, IndexRangeError, ShapeError
from nbdl.keras import activations, losses, metrics

rng = np.random.default_rng(0)
T, P = rng.random((6, 3)), rng.random((6, 3))
YES = (T > 0.5).astype(float)
LOGITS = rng.normal(size=(6, 3))
CLASSES = np.array([0, 1, 2, 0, 1, 2])
ONE_HOT = np.eye(3)[CLASSES]
SOFT = P / P.sum(-1, keepdims=True)
WEIGHTS = rng.random(6)
E = 1e-7


def softmax(x):
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def binary(y, p):
    p = np.clip(p, E, 1 - E)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)


LOSSES = [
    (losses.MeanSquaredError(), T, P, ((T - P) ** 2).mean(-1)),
    (losses.MeanAbsoluteError(), T, P, abs(T - P).mean(-1)),
    (losses.MeanAbsolutePercentageError(), T, P, 100 * (abs(T - P) / T).mean(-1)),
    (losses.MeanSquaredLogarithmicError(), T, P, ((np.log1p(T) - np.log1p(P)) ** 2).mean(-1)),
    (losses.Huber(delta=0.3), T, P,
     np.where(abs(T - P) <= 0.3, (T - P) ** 2 / 2, 0.3 * abs(T - P) - 0.045).mean(-1)),
    (losses.LogCosh(), T, P, np.log(np.cosh(P - T)).mean(-1)),
    (losses.Hinge(), YES, P, np.maximum(1 - (2 * YES - 1) * P, 0).mean(-1)),
    (losses.SquaredHinge(), 2 * YES - 1, P, (np.maximum(1 - (2 * YES - 1) * P, 0) ** 2).mean(-1)),
    (losses.Poisson(), T, P, (P - T * np.log(P + E)).mean(-1)),
    (losses.KLDivergence(), T, P, (T * np.log(T / P)).sum(-1)),
    (losses.BinaryCrossentropy(), YES, P, binary(YES, P)),
    (losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2), YES, LOGITS,
     binary(YES * 0.8 + 0.1, 1 / (1 + np.exp(-LOGITS)))),
    (losses.CategoricalCrossentropy(), ONE_HOT, P, -(ONE_HOT * np.log(SOFT)).sum(-1)),
    (losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3), ONE_HOT, LOGITS,
     -((ONE_HOT * 0.7 + 0.1) * np.log(softmax(LOGITS))).sum(-1)),
    (losses.SparseCategoricalCrossentropy(), CLASSES, SOFT, -np.log(SOFT[range(6), CLASSES])),
    (losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES[:, None], LOGITS,
     -np.log(softmax(LOGITS)[range(6), CLASSES])),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "y", "p", "values"), LOSSES, ids=lambda v: getattr(v, "name", ""))
def test_losses_are_means_over_samples(loss, y, p, values):
    p = nbdl.tensor(p)
    assert loss(y, p).item() == pytest.approx(values.mean(), rel=1e-6)
    assert loss(y, p, WEIGHTS).item() == pytest.approx((values * WEIGHTS).mean(), rel=1e-6)
    for reduction, expected in (("sum", values.sum()), ("none", values)):
        other = type(loss)(**loss.options, reduction=reduction)
        np.testing.assert_allclose(other(y, p), expected, rtol=1e-6)


def test_a_class_can_be_ignored():
    values = -np.log(SOFT[range(6), CLASSES])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=1)
    kept = values[CLASSES != 1]
    assert loss(CLASSES, nbdl.tensor(SOFT)).item() == pytest.approx(kept.mean(), rel=1e-6)


def test_probabilities_of_0_and_1_give_finite_losses_and_gradients():
    p = nbdl.tensor([[0.0], [1.0], [0.0]], requires_grad=True)
    loss = losses.BinaryCrossentropy()(np.array([[0.0], [1.0], [1.0]]), p)
    assert loss.item() == pytest.approx(-math.log(E) / 3, rel=1e-3)
    loss.backward()
    assert np.isfinite(p.grad.numpy()).all()


def test_losses_by_name_class_and_function():
    for given in ("mse", "MSE", "MeanSquaredError", "mean_squared_error",
                  losses.MeanSquaredError, losses.mean_squared_error):  # fmt: skip
        assert losses.get(given)(T, nbdl.tensor(P)).item() == pytest.approx(((T - P) ** 2).mean())
    own = losses.get(lambda y, p: abs(p - nbdl.asarray(y)).max(axis=-1))
    assert own(T, nbdl.tensor(P)).item() == pytest.approx(abs(T - P).max(-1).mean())
    with pytest.raises(ArgumentError, match=r"unknown loss 'msee'; did you mean 'mse'"):
        losses.get("msee")
    with pytest.raises(ArgumentError, match="reduction='avg' must be one of"):
        losses.MeanSquaredError(reduction="avg")


@pytest.mark.parametrize(
    ("loss", "y", "p", "error", "words"),
    [
        ("mse", (4, 2), (4, 3), ShapeError, r"y_true of shape \(4, 2\).*output of shape \(4, 3\)"),
        ("categorical_crossentropy", (4,), (4, 3), ShapeError, "sparse_categorical_crossentropy"),
        ("sparse_categorical_crossentropy", (4, 3), (4, 3), ShapeError,
         "loss='categorical_crossentropy' for one-hot"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit(loss, y, p, error, words):
    with pytest.raises(error, match=f"(?s){words}"):
        losses.get(loss)(np.zeros(y), nbdl.ones(p))


def test_targets_that_do_not_fit():
    with pytest.raises(IndexRangeError, match=r"target 3 \(sample 1 of the batch\).*0 to 2"):
        losses.get("sparse_categorical_crossentropy")(np.array([0, 3]), nbdl.ones((2, 3)))
    with pytest.raises(DataError, match="targets between 0 and 1, got 0 to 2"):
        losses.get("binary_crossentropy")(np.array([[0.0], [2.0]]), nbdl.ones((2, 1)) / 2)


def trapezoids(y, p, weights, thresholds):
    """The ROC curve's area, threshold by threshold."""
    points = []
    for t in thresholds:
        said = p > t
        points.append(((weights * said * y).sum() / (weights * y).sum(),
                       (weights * said * (1 - y)).sum() / (weights * (1 - y)).sum()))  # fmt: skip
    return sum((a[1] - b[1]) * (a[0] + b[0]) / 2 for a, b in itertools.pairwise(points))


_THRESHOLDS = [-E, *(np.arange(1, 199) / 199), 1 + E]
_RIGHT = SOFT.argmax(1) == CLASSES
_SAID = P > 0.5
_SPREAD = WEIGHTS[:, None] * np.ones(3)

METRICS = [
    (metrics.BinaryAccuracy, YES, P, (YES == _SAID).mean(-1)),
    (metrics.CategoricalAccuracy, ONE_HOT, SOFT, _RIGHT),
    (metrics.SparseCategoricalAccuracy, CLASSES, SOFT, _RIGHT),
    (lambda: metrics.TopKCategoricalAccuracy(k=2), ONE_HOT, SOFT,
     SOFT.argsort(1).argsort(1)[range(6), CLASSES] >= 1),
    (lambda: metrics.SparseTopKCategoricalAccuracy(k=2), CLASSES, SOFT,
     SOFT.argsort(1).argsort(1)[range(6), CLASSES] >= 1),
    (metrics.MeanSquaredError, T, P, ((T - P) ** 2).mean(-1)),
    (metrics.MeanAbsoluteError, T, P, abs(T - P).mean(-1)),
    (metrics.MeanAbsolutePercentageError, T, P, 100 * (abs(T - P) / T).mean(-1)),
    (metrics.BinaryCrossentropy, YES, P, binary(YES, P)),
    (metrics.CategoricalCrossentropy, ONE_HOT, SOFT, -(ONE_HOT * np.log(SOFT)).sum(-1)),
    (metrics.SparseCategoricalCrossentropy, CLASSES, SOFT, -np.log(SOFT[range(6), CLASSES])),
]  # fmt: skip


def taken_in(metric, y, p, weights=None) -> float:
    """In two batches."""
    for part in (slice(0, 4), slice(4, 6)):
        metric.update_state(y[part], p[part], None if weights is None else weights[part])
    return metric.result()


@pytest.mark.parametrize(("make", "y", "p", "values"), METRICS)
def test_metrics_are_means_over_all_batches(make, y, p, values):
    assert taken_in(make(), y, p) == pytest.approx(np.mean(values), rel=1e-5)
    weighted = (values * WEIGHTS).sum() / WEIGHTS.sum()
    assert taken_in(make(), y, p, WEIGHTS) == pytest.approx(weighted, rel=1e-5)


def test_metrics_that_are_no_means():
    ones = np.ones((6, 3))
    for weights, w in ((None, ones), (WEIGHTS, _SPREAD)):
        right = (w * YES * _SAID).sum()
        assert taken_in(metrics.Precision(), YES, P, weights) == pytest.approx(
            right / (w * _SAID).sum()
        )
        assert taken_in(metrics.Recall(), YES, P, weights) == pytest.approx(right / (w * YES).sum())
        assert taken_in(metrics.AUC(), YES, P, weights) == pytest.approx(
            trapezoids(YES, P, w, _THRESHOLDS)
        )
    root = math.sqrt(((T - P) ** 2).mean())
    assert taken_in(metrics.RootMeanSquaredError(), T, P) == pytest.approx(root)
    metric = metrics.Recall()
    taken_in(metric, YES, P)
    metric.reset_state()
    assert metric.result() == 0
    with pytest.raises(ArgumentError, match="thresholds must be one number from 0 to 1"):
        metrics.Precision(thresholds=2)


@pytest.mark.parametrize(
    ("y", "p", "expected"),
    [
        (np.array([[1], [0]]), np.array([[0.7], [0.8]]), 0.5),
        (np.array([1, 0]), np.array([[0.7], [0.2]]), 1.0),
        (np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), 0.5),
        (np.eye(3)[[2, 0]], np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), 0.5),
    ],
    ids=["binary", "binary without an axis", "class numbers", "one-hot"],
)
def test_accuracy_sees_what_kind_of_answers_there_are(y, p, expected):
    assert metrics.get("accuracy")(y, p) == expected


def test_metrics_are_called_as_they_were_named():
    assert [metrics.get(n).name for n in ("acc", "AUC", "mae", "Precision")] == [
        "acc", "AUC", "mae", "Precision",
    ]  # fmt: skip
    assert metrics.get(metrics.AUC).name == "auc"
    assert metrics.MeanSquaredError(name="err").name == "err"
    with pytest.raises(ArgumentError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        metrics.get("acuracy")


X = np.linspace(-4, 4, 30).reshape(5, 6)
ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": softmax,
    "log_softmax": lambda x: np.log(softmax(x)),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "log_sigmoid": lambda x: -np.log1p(np.exp(-x)),
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "celu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.05070098 * np.where(x > 0, x, 1.67326324 * np.expm1(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "swish": lambda x: x / (1 + np.exp(-x)),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "relu6": lambda x: np.clip(x, 0, 6),
    "softplus": lambda x: np.log1p(np.exp(x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "exponential": np.exp,
    "glu": lambda x: x[:, :3] / (1 + np.exp(-x[:, 3:])),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_shrink": lambda x: np.where(abs(x) > 0.5, x, 0),
    "soft_shrink": lambda x: np.sign(x) * np.maximum(abs(x) - 0.5, 0),
    "tanh_shrink": lambda x: x - np.tanh(x),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    y = activations.get(name)(nbdl.tensor(X))
    np.testing.assert_allclose(y, ACTIVATIONS[name](X), rtol=1e-6, atol=1e-9)


def test_activations_have_names_and_unknown_ones_are_told():
    assert set(ACTIVATIONS) | {"hard_swish"} == set(activations.ACTIVATIONS)
    assert activations.name_of(activations.get("relu")) == "relu"
    assert activations.get(None) is activations.linear
    with pytest.raises(ArgumentError, match="unknown activation 'sigmod'; did you mean 'sigmoid'"):
        activations.get("sigmod")
