"""Metrics against scikit-learn, batch by batch, and against shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as judge

from nbdl import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.training.measuring import metrics

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(203, 4)).astype(np.float32)
TARGETS = RNG.integers(0, 4, 203)
VALUES = RNG.normal(size=(203, 3)) + 1000
PREDICTED = VALUES + RNG.normal(size=(203, 3))


def streamed(metric, outputs, targets, size=50):
    metric.reset()
    for i in range(0, len(outputs), size):
        metric.update(Tensor(outputs[i : i + size]), Tensor(targets[i : i + size]))
    return metric.value()


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.Accuracy(), lambda y, p: judge.accuracy_score(y, p.argmax(1))),
        (metrics.TopK(2), lambda y, p: judge.top_k_accuracy_score(y, p, k=2)),
        (
            metrics.Precision(),
            lambda y, p: judge.precision_score(y, p.argmax(1), average="macro"),
        ),
        (metrics.Recall("micro"), lambda y, p: judge.recall_score(y, p.argmax(1), average="micro")),
        (metrics.F1(), lambda y, p: judge.f1_score(y, p.argmax(1), average="macro")),
        (metrics.F1(None), lambda y, p: judge.f1_score(y, p.argmax(1), average=None)),
        (metrics.ConfusionMatrix(), lambda y, p: judge.confusion_matrix(y, p.argmax(1))),
        (
            metrics.Perplexity(),
            lambda y, p: np.exp(
                judge.log_loss(y, np.exp(p) / np.exp(p).sum(1, keepdims=True), labels=range(4))
            ),
        ),
    ],
)
def test_metrics_of_classes_agree_with_scikit_learn(metric, expected):
    # log_loss warns about float32 rounding of the probabilities it is given
    np.testing.assert_allclose(
        streamed(metric, LOGITS, TARGETS), expected(TARGETS, LOGITS.astype(np.float64)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.MSE(), judge.mean_squared_error),
        (metrics.MAE(), judge.mean_absolute_error),
        (metrics.R2(), judge.r2_score),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 1000])
def test_metrics_of_numbers_agree_with_scikit_learn(metric, expected, size):
    got = streamed(metric, PREDICTED, VALUES, size)
    assert got == pytest.approx(expected(VALUES, PREDICTED), rel=1e-9)


def test_one_output_is_a_yes_or_no_above_the_threshold():
    outputs, targets = np.array([[0.2], [-3.0], [0.7]], np.float32), np.array([[1], [0], [0]])
    assert metrics.Accuracy().of(outputs, targets) == pytest.approx(2 / 3)
    assert metrics.Accuracy(0.5).of(outputs, targets) == pytest.approx(1 / 3)
    assert metrics.Precision("binary").of(outputs[:, 0], targets[:, 0]) == 0.5


def test_classes_are_found_in_pytorchs_place_and_at_the_end():
    images = RNG.normal(size=(2, 5, 3, 4))
    assert metrics.Accuracy().of(images, images.argmax(1)) == 1
    text = RNG.normal(size=(2, 7, 5))
    assert metrics.Accuracy().of(text, text.argmax(-1)) == 1
    assert metrics.Perplexity().of(100 * np.eye(5)[None], np.arange(5)[None]) == pytest.approx(1)


@pytest.mark.parametrize("name", ["mse", "mae", "r2", "accuracy"])
@pytest.mark.parametrize("shapes", [((5, 1), (5,)), ((5,), (5, 1)), ((5, 2), (5, 1))])
def test_shapes_that_would_broadcast_are_an_error(name, shapes):
    outputs, targets = np.zeros(shapes[0]), np.zeros(shapes[1])
    with pytest.raises(ShapeError, match=r"outputs have shape .* and the targets"):
        metrics.as_metric(name).update(outputs, targets)


def test_targets_that_are_no_classes_are_named():
    with pytest.raises(ArgumentError, match=r"class numbers as targets, got numbers such as 0.5"):
        metrics.Accuracy().update(np.zeros((2, 3)), np.array([0.5, 1]))
    with pytest.raises(ArgumentError, match="target 9 is not a class"):
        metrics.ConfusionMatrix().update(np.zeros((2, 3)), np.array([0, 9]))
    with pytest.raises(ArgumentError, match="top5 of only 3 classes"):
        metrics.TopK(5).update(np.zeros((2, 3)), np.array([0, 1]))


def test_a_function_is_a_metric_weighted_by_batch_size():
    def share(outputs, targets):
        return (outputs > 0).mean()

    metric = metrics.as_metric(share)
    assert metric.name == "share"
    metric.update(np.array([1.0, 1.0, 1.0]), None)
    metric.update(np.array([-1.0]), None)
    assert metric.value() == 0.75
    with pytest.raises(ArgumentError, match="'share' must return one number"):
        metrics.Function(lambda o, t: o, "share").update(np.ones(2), None)


def test_names_lists_and_dicts_are_understood():
    names = [m.name for m in metrics.as_metrics("accuracy, f1 top3")]
    assert names == ["accuracy", "f1", "top3"]
    f1, recall = metrics.as_metrics("f1(average='micro', threshold=0.5),recall(average='binary')")
    assert (f1.average, f1.threshold, recall.average) == ("micro", 0.5, "binary")
    assert metrics.as_metrics({"mine": max})[0].name == "mine"
    assert metrics.as_metrics(metrics.MSE)[0].name == "mse"
    with pytest.raises(ArgumentError, match="unknown metric 'acuracy'; did you mean 'accuracy'"):
        metrics.as_metrics("acuracy")
    with pytest.raises(ArgumentError, match="two metrics are called"):
        metrics.as_metrics(["mse", "mse"])
    with pytest.raises(ArgumentError, match="a metric is a name or a function"):
        metrics.as_metrics([3])


def test_nothing_seen_is_nan():
    for name in ("accuracy", "mse", "r2", "f1", "perplexity"):
        assert np.isnan(metrics.as_metric(name).value())
