"""Metrics: how good predictions are, added up batch by batch.

``metric.update(outputs, targets)`` for each batch, then ``metric.value()``. Outputs are what a
model returns: logits or probabilities for classes, numbers for regression. Sums are kept in
float64, so the value does not depend on how the data is cut into batches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, brief, unknown
from nbdl.training.names import check_options, parse
from nbdl.training.registry import Registry


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


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().to("cpu").numpy()
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype in dtypes.HALVES else array


def same_shape(who: str, outputs: np.ndarray, targets: np.ndarray) -> None:
    """Raise ShapeError unless the shapes are equal: broadcasting would compare all with all."""
    if outputs.shape != targets.shape:
        raise ShapeError(
            f"{who} compares number by number, but the outputs have shape {outputs.shape} and "
            f"the targets {targets.shape}",
            hint="give the targets the outputs' shape, such as y[:, None]"
            if outputs.ndim == targets.ndim + 1
            else "give the targets the shape of the model's output",
        )


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


class Metric:
    """Base: subclasses write ``reset``, ``add`` and ``value``.

    Attributes:
        name: what it is called in histories and tables.
        scalar: whether ``value()`` is one number, which can be drawn over steps.
        better: 'higher', 'lower' or None.
    """

    name = "metric"
    scalar = True
    better: str | None = "higher"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        raise NotImplementedError

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Take in one batch of arrays."""
        raise NotImplementedError

    def value(self) -> Any:
        """The metric over all batches since ``reset``; NaN when there were none."""
        raise NotImplementedError

    def update(self, outputs: Any, targets: Any) -> None:
        """Take in one batch of tensors or arrays."""
        self.add(_array(outputs), _array(targets))

    def of(self, outputs: Any, targets: Any) -> Any:
        """The metric of one batch, leaving what was added up alone."""
        fresh = self.copy()
        fresh.update(outputs, targets)
        return fresh.value()

    def copy(self) -> Metric:
        """The same metric with nothing added up."""
        fresh = object.__new__(type(self))
        fresh.__dict__.update(self.__dict__)
        fresh.reset()
        return fresh

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value()})"


class Mean(Metric):
    """Base of metrics that are a mean over samples."""

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def value(self) -> float:
        return self.total / self.count if self.count else float("nan")


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


class MSE(Mean):
    """Mean squared error; outputs and targets of one shape."""

    name = "mse"
    better = "lower"

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        self.total += float(((outputs.astype(np.float64) - targets) ** 2).sum())
        self.count += outputs.size


class MAE(Mean):
    """Mean absolute error; outputs and targets of one shape."""

    name = "mae"
    better = "lower"

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        self.total += float(np.abs(outputs.astype(np.float64) - targets).sum())
        self.count += outputs.size


class R2(Metric):
    """The coefficient of determination, 1 - residuals²/variance; the mean over columns."""

    name = "r2"

    def reset(self) -> None:
        self.count = 0
        self.residual: Any = 0.0
        self.mean: Any = 0.0
        self.spread: Any = 0.0  # sum of squared distances from the mean

    def add(self, outputs: np.ndarray, targets: np.ndarray) -> None:
        same_shape(self.name, outputs, targets)
        y = targets.reshape(len(targets), -1).astype(np.float64)
        p = outputs.reshape(len(outputs), -1).astype(np.float64)
        self.residual = self.residual + ((y - p) ** 2).sum(0)
        # Chan's rule for joining two means, which stays exact for means far from zero.
        n, mean = len(y), y.mean(0)
        step = mean - self.mean
        total = self.count + n
        self.spread = self.spread + ((y - mean) ** 2).sum(0) + step**2 * self.count * n / total
        self.mean = self.mean + step * n / total
        self.count = total

    def value(self) -> float:
        if self.count < 2:
            return float("nan")
        constant = self.spread == 0
        each = 1 - self.residual / np.where(constant, 1, self.spread)
        return float(np.where(constant, np.where(self.residual == 0, 1.0, 0.0), each).mean())


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


class Function(Mean):
    """A user's own ``fn(outputs, targets) -> number``, weighted by the size of the batches."""

    better = None

    def __init__(self, fn: Callable[[Any, Any], Any], name: str | None = None) -> None:
        self.fn = fn
        self.name = name or str(getattr(fn, "__name__", type(fn).__name__))
        super().__init__()

    def update(self, outputs: Any, targets: Any) -> None:
        value = self.fn(outputs, targets)
        value = value.item() if isinstance(value, Tensor) else value
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ArgumentError(
                f"the metric {self.name!r} must return one number, got {value!r:.80}"
            ) from None
        n = len(outputs) if getattr(outputs, "ndim", 0) else 1
        self.total += number * n
        self.count += n


METRICS: Registry[Callable[..., Metric]] = Registry("metric", pattern=r"top_?\d+")
"""Name -> how to make the metric. ``top1``, ``top3``, ... are known besides."""

for _name, _make, *_aliases in (
    ("accuracy", Accuracy, "acc"),
    ("precision", Precision),
    ("recall", Recall),
    ("f1", F1, "f1_score"),
    ("mse", MSE, "mean_squared_error"),
    ("mae", MAE, "mean_absolute_error"),
    ("r2", R2, "r2_score"),
    ("confusion_matrix", ConfusionMatrix, "confusion"),
    ("perplexity", Perplexity, "ppl"),
    ("top5", TopK, "top_5", "topk", "top_k"),
):
    METRICS.add(_name, _make, *_aliases)


def as_metric(metric: Any) -> Metric:
    """A Metric from its name, a Metric, its class, or any ``fn(outputs, targets)``."""
    if isinstance(metric, Metric):
        return metric.copy()
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if isinstance(metric, str):
        top = re.fullmatch(r"top[-_]?(\d+)", metric.strip().lower())
        if top:
            return TopK(int(top[1]))
        name, options = parse(metric)
        check_options(f"the metric {METRICS.resolve(name)!r}", METRICS[name], options)
        return METRICS[name](**options)
    if callable(metric):
        return Function(metric)
    raise ArgumentError(
        f"a metric is a name or a function of (outputs, targets), got {brief(metric)}",
        hint="one of " + ", ".join(METRICS.names()),
    )


def as_metrics(metrics: Any) -> list[Metric]:
    """A list of metrics from a name, ``"accuracy,f1"``, a callable, or several of them; names
    may carry arguments, as in ``"f1(average='micro')"``.

    A dict gives functions names: ``{"off_by_one": fn}``.
    """
    if metrics is None:
        return []
    if isinstance(metrics, str):
        metrics = re.findall(r"(?:[^,\s(]|\([^)]*\))+", metrics)
    elif isinstance(metrics, dict):
        metrics = [_named(as_metric(metric), name) for name, metric in metrics.items()]
    elif not isinstance(metrics, Iterable):
        metrics = [metrics]
    found = [as_metric(metric) for metric in metrics]
    names = [metric.name for metric in found]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError(f"two metrics are called {name!r}", hint="give them as a dict")
    return found


def _named(metric: Metric, name: str) -> Metric:
    metric.name = name
    return metric
