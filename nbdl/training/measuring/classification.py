"""Metrics of classes: accuracy, top-k, confusion matrix, precision, recall, F1, perplexity."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.training.measuring.metric import Mean, Metric, same_shape


def class_axis(outputs: tuple[int, ...], targets: tuple[int, ...]) -> int | None:
    """Which axis of ``outputs`` holds the classes, or None if the shapes do not fit.

    Targets are class numbers. PyTorch's layout (N, classes, ...) against (N, ...) comes first;
    (N, ..., classes) is taken where only that fits, as in language models.
    """
    if len(outputs) != len(targets) + 1:
        return None
    if len(outputs) == 1:
        return 0
    if (outputs[0], *outputs[2:]) == targets:
        return 1
    return len(outputs) - 1 if outputs[:-1] == targets else None


def as_classes(
    who: str, outputs: np.ndarray, targets: np.ndarray, threshold: float = 0.0
) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted and true class numbers, flat int64, and how many classes there are.

    One output a sample is a yes or no: class 1 above ``threshold``.
    """
    axis = class_axis(outputs.shape, targets.shape)
    if axis is not None and outputs.shape[axis] > 1:
        _whole(who, targets)
        predicted = outputs.argmax(axis)
        return predicted.reshape(-1), targets.reshape(-1).astype(np.int64), outputs.shape[axis]
    alike = outputs.shape == targets.shape and outputs.ndim > 1 and outputs.shape[1] > 1
    if alike and dtypes.is_float(targets.dtype):  # a probability for each class
        return outputs.argmax(1).reshape(-1), targets.argmax(1).reshape(-1), outputs.shape[1]
    same_shape(who, outputs, targets)
    predicted = (outputs > threshold) if dtypes.is_float(outputs.dtype) else outputs
    flat = predicted.reshape(-1).astype(np.int64)
    true = targets.reshape(-1)
    _whole(who, true)
    true = true.astype(np.int64)
    return flat, true, int(max(flat.max(initial=1), true.max(initial=1))) + 1


def _whole(who: str, targets: np.ndarray) -> None:
    if dtypes.is_float(targets.dtype) and not (targets == np.rint(targets)).all():
        raise ArgumentError(
            f"{who} needs class numbers as targets, got numbers such as "
            f"{float(targets[targets != np.rint(targets)].flat[0]):g}",
            hint="for regression use --metrics mse, mae or r2",
        )


class Accuracy(Mean):
    """The share of right classes: outputs (N, C, ...) or (N, ..., C) against (N, ...) int.

    One output a sample is a yes/no above ``threshold``: 0 for logits, 0.5 for probabilities.
    """

    name = "accuracy"

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold
        super().__init__()

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        predicted, true, _ = as_classes(self.name, outputs, targets, self.threshold)
        self.total += int(np.count_nonzero(predicted == true))
        self.count += true.size


class TopK(Mean):
    """The share of samples whose class is among the ``k`` highest outputs."""

    def __init__(self, k: int = 5) -> None:
        if k < 1:
            raise ArgumentError(f"top-k needs k of at least 1, got {k}")
        self.k = k
        self.name = f"top{k}"
        super().__init__()

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        axis = class_axis(outputs.shape, targets.shape)
        if axis is None:
            raise ShapeError(
                f"{self.name} needs outputs (N, classes) and class numbers (N,), got "
                f"{outputs.shape} and {targets.shape}"
            )
        if self.k > outputs.shape[axis]:
            raise ArgumentError(f"{self.name} of only {outputs.shape[axis]} classes")
        scores = np.moveaxis(outputs, axis, -1)
        scores = scores.reshape(-1, scores.shape[-1])
        true = targets.reshape(-1, 1).astype(np.int64)
        own = np.take_along_axis(scores, true, 1)
        # A tie counts as a miss for those behind it, as a stable sort would have it.
        ahead = (scores > own) | ((scores == own) & (np.arange(scores.shape[1]) < true))
        self.total += int((ahead.sum(1) < self.k).sum())
        self.count += len(true)


class ConfusionMatrix(Metric):
    """How often each class was taken for each: (C, C) int64, rows true, columns predicted."""

    name = "confusion_matrix"
    scalar = False
    better: str | None = None

    def __init__(self, threshold: float = 0.0) -> None:
        self.threshold = threshold
        super().__init__()

    def reset(self) -> None:
        self.matrix = np.zeros((0, 0), np.int64)

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        predicted, true, classes = as_classes(self.name, outputs, targets, self.threshold)
        if true.size and not 0 <= true.min() <= true.max() < classes:
            wrong = true[(true < 0) | (true >= classes)][0]
            raise ArgumentError(f"{self.name}: target {wrong} is not a class of 0..{classes - 1}")
        n = max(classes, len(self.matrix))
        grown = np.zeros((n, n), np.int64)
        grown[: len(self.matrix), : len(self.matrix)] = self.matrix
        self.matrix = grown + np.bincount(true * n + predicted, minlength=n * n).reshape(n, n)

    def value(self) -> Any:
        return self.matrix


class _PerClass(ConfusionMatrix):
    """Base of precision, recall and F1: computed for each class, then averaged.

    Args:
        average: 'macro' (mean over the classes that occur), 'micro', 'binary' (class 1 alone),
            or None for an array, one a class. A class that is never predicted counts as 0.
    """

    scalar = True
    better = "higher"

    def __init__(self, average: str | None = "macro", threshold: float = 0.0) -> None:
        if average not in ("macro", "micro", "binary", None):
            raise unknown("average", str(average), ("macro", "micro", "binary"))
        self.average = average
        super().__init__(threshold)

    def ratio(self, hit: Any, predicted: Any, true: Any) -> Any:
        """The metric from counts of hits, predicted and true."""
        raise NotImplementedError

    def value(self) -> Any:
        hit = np.diag(self.matrix).astype(np.float64)
        predicted, true = self.matrix.sum(0).astype(float), self.matrix.sum(1).astype(float)
        if not self.matrix.sum():
            return float("nan")
        if self.average == "micro":
            return float(self.ratio(hit.sum(), predicted.sum(), true.sum()))
        each = self.ratio(hit, predicted, true)
        if self.average is None:
            return each
        if self.average == "binary":
            return float(each[1])
        return float(each[(predicted + true) > 0].mean())


def _divide(a: Any, b: Any) -> Any:
    return np.divide(a, b, out=np.zeros_like(np.asarray(a, float)), where=np.asarray(b) > 0)


class Precision(_PerClass):
    """Of those predicted as a class, the share that is of it."""

    name = "precision"

    def ratio(self, hit: Any, predicted: Any, true: Any) -> Any:
        return _divide(hit, predicted)


class Recall(_PerClass):
    """Of those of a class, the share that was predicted as it."""

    name = "recall"

    def ratio(self, hit: Any, predicted: Any, true: Any) -> Any:
        return _divide(hit, true)


class F1(_PerClass):
    """The harmonic mean of precision and recall."""

    name = "f1"

    def ratio(self, hit: Any, predicted: Any, true: Any) -> Any:
        return _divide(2 * hit, predicted + true)


class Perplexity(Mean):
    """exp of the mean cross entropy of logits (N, C, ...) or (N, ..., C) and classes (N, ...)."""

    name = "perplexity"
    better = "lower"

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        axis = class_axis(outputs.shape, targets.shape)
        if axis is None:
            raise ShapeError(
                f"perplexity needs logits (N, classes, ...) and class numbers (N, ...), got "
                f"{outputs.shape} and {targets.shape}"
            )
        logits = np.moveaxis(outputs, axis, -1).astype(np.float64)
        logits = logits.reshape(-1, logits.shape[-1])
        logits = logits - logits.max(1, keepdims=True)
        true = targets.reshape(-1, 1).astype(np.int64)
        own = np.take_along_axis(logits, true, 1)[:, 0]
        self.total += float((np.log(np.exp(logits).sum(1)) - own).sum())
        self.count += len(true)

    def value(self) -> float:
        with np.errstate(over="ignore"):
            return float(np.exp(super().value()))
