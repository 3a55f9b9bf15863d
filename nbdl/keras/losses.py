"""Losses with Keras's names and formulas: functions of (y_true, y_pred), in this order.

A function gives one value a sample (and step); a loss object their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends import has_data
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DataError, IndexRangeError, ShapeError
from nbdl.keras.naming import look_up, snake_case
from nbdl.nn import functional as F
from nbdl.ops.conversion import astensor, cast
from nbdl.ops.exponential import log
from nbdl.ops.gathering import one_hot
from nbdl.ops.movement import reshape, squeeze
from nbdl.ops.reduction import mean

EPSILON = 1e-7
"""Probabilities are kept this far from 0 and 1 before the logarithm."""

Function = Callable[[Tensor, Tensor], Tensor]


def aligned(y_true: Any, y_pred: Tensor, what: str = "the loss") -> Tensor:
    """``y_true`` in the shape and dtype of ``y_pred``; raises ShapeError where it is another.

    A last axis of size 1 that one of them has and the other has not is added or left out.
    """
    y_true = astensor(y_true)
    shape, wanted = y_true.shape, y_pred.shape
    if shape != wanted:
        if len(shape) == len(wanted) - 1 and wanted == (*shape, 1):
            y_true = reshape(y_true, wanted)
        elif len(shape) == len(wanted) + 1 and shape == (*wanted, 1):
            y_true = squeeze(y_true, -1)
        else:
            raise ShapeError(
                f"{what} compares y_true of shape {shape} with the model's output of shape "
                f"{wanted}",
                hint="the last layer's units must be the size of the targets; for class numbers "
                "use loss='sparse_categorical_crossentropy'",
            )
    return y_true if y_true.dtype == y_pred.dtype else cast(y_true, y_pred.dtype)


def mean_squared_error(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean((y_true - y_pred)²) over the last axis."""
    d = aligned(y_true, y_pred, "mean_squared_error") - y_pred
    return mean(d * d, axis=-1)


def mean_absolute_error(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean(|y_true - y_pred|) over the last axis."""
    return mean(abs(aligned(y_true, y_pred, "mean_absolute_error") - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Tensor) -> Tensor:
    """100 · mean(|y_true - y_pred| / max(|y_true|, 1e-7))."""
    y = aligned(y_true, y_pred, "mean_absolute_percentage_error")
    return 100.0 * mean(abs(y - y_pred) / abs(y).clip(EPSILON, None), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean((log(1 + y_true) - log(1 + y_pred))²), both at least 1e-7."""
    y = aligned(y_true, y_pred, "mean_squared_logarithmic_error")
    d = log(y_pred.clip(EPSILON, None) + 1.0) - log(y.clip(EPSILON, None) + 1.0)
    return mean(d * d, axis=-1)


def huber(y_true: Any, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """Quadratic up to ``delta``, linear beyond."""
    y = aligned(y_true, y_pred, "huber")
    return mean(F.huber_loss(y_pred, y, reduction="none", delta=delta), axis=-1)


def log_cosh(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean(log(cosh(y_pred - y_true)))."""
    d = y_pred - aligned(y_true, y_pred, "log_cosh")
    return mean(d + F.softplus(-2.0 * d) - math.log(2.0), axis=-1)


def _signs(y_true: Any, y_pred: Tensor, what: str) -> Tensor:
    """Labels as -1 and 1: those given as 0 and 1 are turned into them."""
    y = aligned(y_true, y_pred, what)
    values = y.numpy()
    return y * 2.0 - 1.0 if ((values == 0) | (values == 1)).all() else y


def hinge(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean(max(1 - y_true · y_pred, 0)), labels -1 and 1 (or 0 and 1)."""
    return mean(F.relu(1.0 - _signs(y_true, y_pred, "hinge") * y_pred), axis=-1)


def squared_hinge(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean(max(1 - y_true · y_pred, 0)²), labels -1 and 1 (or 0 and 1)."""
    d = F.relu(1.0 - _signs(y_true, y_pred, "squared_hinge") * y_pred)
    return mean(d * d, axis=-1)


def poisson(y_true: Any, y_pred: Tensor) -> Tensor:
    """mean(y_pred - y_true · log(y_pred + 1e-7))."""
    y = aligned(y_true, y_pred, "poisson")
    return mean(y_pred - y * log(y_pred + EPSILON), axis=-1)


def kl_divergence(y_true: Any, y_pred: Tensor) -> Tensor:
    """sum(y_true · log(y_true / y_pred)), both kept within 1e-7 and 1."""
    y = aligned(y_true, y_pred, "kl_divergence").clip(EPSILON, 1.0)
    return (y * log(y / y_pred.clip(EPSILON, 1.0))).sum(axis=-1)


def binary_crossentropy(
    y_true: Any, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """-mean(y log p + (1 - y) log(1 - p)); p is ``y_pred``, or its sigmoid ``from_logits``."""
    y = aligned(y_true, y_pred, "binary_crossentropy")
    _between_0_and_1(y, "binary_crossentropy")
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + 0.5 * label_smoothing
    if from_logits:
        values = F.binary_cross_entropy_with_logits(y_pred, y, reduction="none")
        return mean(values, axis=-1)
    p = y_pred.clip(EPSILON, 1.0 - EPSILON)
    return mean(-(y * log(p) + (1.0 - y) * log(1.0 - p)), axis=-1)


def categorical_crossentropy(
    y_true: Any, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:  # fmt: skip
    """-sum(y log p) over the classes; ``y_true`` is one-hot, or a probability for each class."""
    y = astensor(y_true)
    if y.ndim == y_pred.ndim - 1 or (
        y.ndim == y_pred.ndim and y.shape[-1:] == (1,) != y_pred.shape[-1:]
    ):
        raise ShapeError(
            f"categorical_crossentropy needs one-hot targets of shape {y_pred.shape}, got "
            f"{y.shape}",
            hint="loss='sparse_categorical_crossentropy' for class numbers, or "
            "keras.utils.to_categorical(y)",
        )
    y = aligned(y, y_pred, "categorical_crossentropy")
    if label_smoothing:
        y = y * (1.0 - label_smoothing) + label_smoothing / y_pred.shape[axis]
    return -(y * _log_probabilities(y_pred, from_logits, axis)).sum(axis=axis)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Tensor, from_logits: bool = False, ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:  # fmt: skip
    """-log p of the class whose number ``y_true`` is.  y_true: (...), y_pred: (..., classes).

    Samples of ``ignore_class`` give 0, and the mean of a loss object leaves them out.
    """
    y = class_numbers(y_true, y_pred, ignore_class)
    ignored = None if ignore_class is None else y.numpy() == ignore_class
    if ignored is not None:
        y = Tensor(np.where(ignored, 0, y.numpy()))
    marks = one_hot(y, y_pred.shape[axis], dtype=y_pred.dtype)
    values = -(marks * _log_probabilities(y_pred, from_logits, axis)).sum(axis=axis)
    return values if ignored is None else values * Tensor((~ignored).astype(y_pred.dtype))


def _log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    if from_logits:
        return F.log_softmax(y_pred, axis)
    p = y_pred / y_pred.sum(axis=axis, keepdims=True)
    return log(p.clip(EPSILON, 1.0 - EPSILON))


def class_numbers(y_true: Any, y_pred: Tensor, ignored: int | None = None) -> Tensor:
    """Class numbers as int64 of ``y_pred``'s shape without its last axis, checked."""
    y = astensor(y_true)
    if y.ndim == y_pred.ndim and y.shape[-1] == 1:
        y = squeeze(y, -1)
    if y.shape != y_pred.shape[:-1]:
        hint = "the last layer gives one output a class, targets are class numbers"
        if y.shape == y_pred.shape:
            hint = "loss='categorical_crossentropy' for one-hot targets"
        raise ShapeError(
            f"class numbers for an output of shape {y_pred.shape} have shape "
            f"{y_pred.shape[:-1]}, y_true has {y.shape}",
            hint=hint,
        )
    if not has_data(y.value):  # being traced
        return cast(y, np.dtype(np.int64))
    values, classes = y.numpy(), y_pred.shape[-1]
    wrong = (values < 0) | (values >= classes) | (values != np.floor(values))
    if ignored is not None:
        wrong &= values != ignored
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), wrong.shape)
        raise IndexRangeError(
            f"target {values[place]} (sample {place[0] if place else 0} of the batch) is not a "
            f"class: the model has {classes} outputs, so classes are 0 to {classes - 1}",
            hint="more units in the last layer, or class numbers that start at 0",
        )
    return y if y.dtype.kind in "iu" else Tensor(values.astype(np.int64))


def _between_0_and_1(y: Tensor, what: str) -> None:
    values = y.value
    if has_data(values) and values.size and (float(values.min()) < 0 or float(values.max()) > 1):
        raise DataError(
            f"{what} needs targets between 0 and 1, got {float(values.min()):g} to "
            f"{float(values.max()):g}",
            hint="several classes? loss='sparse_categorical_crossentropy' with softmax outputs",
        )


class Loss:
    """A loss as a number: the mean of ``call(y_true, y_pred)``, weighted if wanted."""

    def __init__(self, name: str | None = None, reduction: str = "sum_over_batch_size") -> None:
        known = ("sum_over_batch_size", "sum", "mean", "none", None)
        if reduction not in known:
            raise ArgumentError(f"reduction={reduction!r} must be one of {known[:4]}")
        self.name = name or snake_case(type(self).__name__)
        self.reduction = reduction

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        """One value a sample (and step)."""
        raise NotImplementedError

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        values = self.call(y_true, astensor(y_pred))
        if sample_weight is not None:
            weight = astensor(sample_weight)
            while weight.ndim < values.ndim:
                weight = reshape(weight, (*weight.shape, 1))
            values = values * cast(weight, values.dtype)
        if self.reduction in ("none", None):
            return values
        return values.sum() if self.reduction == "sum" else mean(values)


class LossFunction(Loss):
    """A function of (y_true, y_pred) as a Loss."""

    def __init__(self, function: Function, name: str | None = None, **options: Any) -> None:
        reduction = options.pop("reduction", "sum_over_batch_size")
        super().__init__(name or getattr(function, "__name__", "loss"), reduction)
        self.function, self.options = function, options

    def call(self, y_true: Any, y_pred: Tensor) -> Tensor:
        return self.function(y_true, y_pred, **self.options)


class _Named(LossFunction):
    """Keras's class of a loss: its options are those of the function."""

    of: Function

    def __init__(self, **options: Any) -> None:
        name = options.pop("name", None) or snake_case(type(self).__name__)
        super().__init__(type(self).of, name, **options)


class MeanSquaredError(_Named):
    """The mean of the squared differences."""

    of = staticmethod(mean_squared_error)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        if sample_weight is None and self.reduction == "sum_over_batch_size":
            y_pred = astensor(y_pred)  # the same number in one operation
            return F.mse_loss(y_pred, aligned(y_true, y_pred, self.name))
        return super().__call__(y_true, y_pred, sample_weight)


class MeanAbsoluteError(_Named):
    """The mean of the absolute differences."""

    of = staticmethod(mean_absolute_error)


class MeanAbsolutePercentageError(_Named):
    """The mean of the differences in percent."""

    of = staticmethod(mean_absolute_percentage_error)


class MeanSquaredLogarithmicError(_Named):
    """The mean of the squared differences of logarithms."""

    of = staticmethod(mean_squared_logarithmic_error)


class Huber(_Named):
    """Quadratic up to ``delta``, linear beyond."""

    of = staticmethod(huber)


class LogCosh(_Named):
    """The logarithm of the hyperbolic cosine of the differences."""

    of = staticmethod(log_cosh)


class Hinge(_Named):
    """max(1 - y_true · y_pred, 0)."""

    of = staticmethod(hinge)


class SquaredHinge(_Named):
    """max(1 - y_true · y_pred, 0)²."""

    of = staticmethod(squared_hinge)


class Poisson(_Named):
    """y_pred - y_true · log(y_pred)."""

    of = staticmethod(poisson)


class KLDivergence(_Named):
    """sum(y_true · log(y_true / y_pred))."""

    of = staticmethod(kl_divergence)


class BinaryCrossentropy(_Named):
    """Cross-entropy of yes and no; ``from_logits``, ``label_smoothing``."""

    of = staticmethod(binary_crossentropy)


class CategoricalCrossentropy(_Named):
    """Cross-entropy with one-hot targets; ``from_logits``, ``label_smoothing``."""

    of = staticmethod(categorical_crossentropy)


class SparseCategoricalCrossentropy(_Named):
    """Cross-entropy with class numbers; ``from_logits``, ``ignore_class``."""

    of = staticmethod(sparse_categorical_crossentropy)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        loss = super().__call__(y_true, y_pred, sample_weight)
        ignored = self.options.get("ignore_class")
        if ignored is None or self.reduction in ("none", "sum", None):
            return loss
        numbers = astensor(y_true).numpy()
        counted = int((numbers != ignored).sum())
        return loss * (numbers.size / max(counted, 1))


LOSSES: dict[str, type[_Named]] = {
    "mean_squared_error": MeanSquaredError, "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError, "mae": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "huber": Huber, "huber_loss": Huber, "log_cosh": LogCosh, "logcosh": LogCosh,
    "hinge": Hinge, "squared_hinge": SquaredHinge, "poisson": Poisson,
    "kl_divergence": KLDivergence, "kld": KLDivergence, "kullback_leibler_divergence": KLDivergence,
    "binary_crossentropy": BinaryCrossentropy, "bce": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
}  # fmt: skip
"""Name -> class."""


def get(identifier: Any) -> Loss:
    """A loss from a name, a class, a function of (y_true, y_pred), or a Loss."""
    if isinstance(identifier, Loss):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if callable(identifier):
        return LossFunction(identifier)
    return look_up("loss", identifier, LOSSES)()
