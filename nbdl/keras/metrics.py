"""Metrics with Keras's names: they take in batch after batch and give one number."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras import losses
from nbdl.keras.naming import look_up, snake_case


class Metric:
    """Base: ``update_state(y_true, y_pred)``, ``result()``, ``reset_state()``."""

    weighted = False  # whether ``fit`` and ``evaluate`` hand it the samples' weights

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.reset_state()

    def reset_state(self) -> None:
        """Forget everything taken in."""
        raise NotImplementedError

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in one batch."""
        raise NotImplementedError

    def result(self) -> float:
        """The number for all that was taken in."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Its numbers and arrays."""
        kinds = (int, float, np.generic, np.ndarray, Tensor)
        return {k: copy.copy(v) for k, v in vars(self).items() if isinstance(v, kinds)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        vars(self).update({key: copy.copy(value) for key, value in state.items()})

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        self.update_state(y_true, y_pred, sample_weight)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class MeanMetric(Metric):
    """The mean of a function's values: (y_true, y_pred) arrays -> one value a sample."""

    def __init__(self, function: Callable[[Any, Any], Any], name: str | None = None) -> None:
        self.function = function
        super().__init__(name or getattr(function, "__name__", None))

    def reset_state(self) -> None:
        self.total, self.count = 0.0, 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        values = np.asarray(self.function(y_true, y_pred), np.float64)
        if sample_weight is None:
            self.total += float(values.sum())
            self.count += values.size
        else:
            weight = _spread(sample_weight, values.shape)
            self.total += float((values * weight).sum())
            self.count += float(weight.sum())

    def result(self) -> float:
        return self.total / self.count if self.count else 0.0


def _spread(weight: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A weight for each element from one for each sample; 1 where none is given."""
    given = np.asarray(1.0 if weight is None else weight, np.float64)
    return np.broadcast_to(given.reshape(given.shape + (1,) * (len(shape) - given.ndim)), shape)


def _host(x: Any) -> np.ndarray:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _pair(y_true: Any, y_pred: Any) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays of one shape."""
    true, pred = _host(y_true), _host(y_pred)
    if true.shape != pred.shape:
        if true.shape == (*pred.shape, 1) or pred.shape == (*true.shape, 1):
            true = true.reshape(pred.shape)
        else:
            raise ShapeError(f"a metric compares y_true {true.shape} with y_pred {pred.shape}")
    return true, pred


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> np.ndarray:
    """Whether ``y_pred > threshold`` is what ``y_true`` says; the mean of the last axis."""
    true, pred = _pair(y_true, y_pred)
    return (true == (pred > threshold)).mean(axis=-1)


def categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Whether the largest of ``y_pred`` is where the largest of ``y_true`` is."""
    true, pred = _pair(y_true, y_pred)
    return true.argmax(axis=-1) == pred.argmax(axis=-1)


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> np.ndarray:
    """Whether the largest of ``y_pred`` is the class that ``y_true`` numbers."""
    true, pred = _host(y_true), _host(y_pred)
    if true.ndim == pred.ndim and true.shape[-1] == 1:
        true = true[..., 0]
    return true == pred.argmax(axis=-1)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Whether the class of ``y_true`` (one-hot) is among the ``k`` largest of ``y_pred``."""
    return sparse_top_k_categorical_accuracy(_host(y_true).argmax(axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> np.ndarray:
    """Whether the class that ``y_true`` numbers is among the ``k`` largest of ``y_pred``."""
    true, pred = _host(y_true), _host(y_pred)
    if true.ndim == pred.ndim and true.shape[-1] == 1:
        true = true[..., 0]
    own = np.take_along_axis(pred, true[..., None].astype(np.int64), axis=-1)
    return (pred > own).sum(axis=-1) < k


class _Of(MeanMetric):
    of: ClassVar[Callable[..., Any]]

    def __init__(self, name: str | None = None, **options: Any) -> None:
        function = type(self).of
        super().__init__(
            (lambda t, p: function(t, p, **options)) if options else function,
            name or snake_case(type(self).__name__),
        )


class BinaryAccuracy(_Of):
    """The share of right answers of yes and no."""

    of = staticmethod(binary_accuracy)


class CategoricalAccuracy(_Of):
    """The share of right classes, targets one-hot."""

    of = staticmethod(categorical_accuracy)


class SparseCategoricalAccuracy(_Of):
    """The share of right classes, targets as class numbers."""

    of = staticmethod(sparse_categorical_accuracy)


class TopKCategoricalAccuracy(_Of):
    """The share of classes among the ``k`` most probable, targets one-hot."""

    of = staticmethod(top_k_categorical_accuracy)


class SparseTopKCategoricalAccuracy(_Of):
    """The share of classes among the ``k`` most probable, targets as class numbers."""

    of = staticmethod(sparse_top_k_categorical_accuracy)


class Accuracy(MeanMetric):
    """The share of right answers; what kind they are is seen from the first batch."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(self._right, name or "accuracy")

    @staticmethod
    def _right(y_true: Any, y_pred: Any) -> np.ndarray:
        true, pred = _host(y_true), _host(y_pred)
        if pred.ndim == 0 or pred.shape[-1:] == (1,) or (pred.ndim == 1 and true.ndim == 1):
            return binary_accuracy(true, pred)
        if true.ndim < pred.ndim or (true.shape[-1] == 1 and pred.shape[-1] > 1):
            return sparse_categorical_accuracy(true, pred)
        return categorical_accuracy(true, pred)


class LossMetric(MeanMetric):
    """A loss as a metric."""

    def __init__(self, loss: losses.Loss, name: str | None = None) -> None:
        def values(y_true: Any, y_pred: Any) -> Any:
            with modes.no_grad():
                pred = y_pred if isinstance(y_pred, Tensor) else Tensor(np.asarray(y_pred))
                given = loss.call(y_true, pred)
                return given.numpy() if isinstance(given, Tensor) else given

        super().__init__(values, name or loss.name)


class _Error(MeanMetric):
    of: ClassVar[type[losses.Loss]]

    def __init__(self, name: str | None = None, **options: Any) -> None:
        metric = LossMetric(type(self).of(**options))
        super().__init__(metric.function, name or snake_case(type(self).__name__))


class MeanSquaredError(_Error):
    """The mean of the squared differences."""

    of = losses.MeanSquaredError


class MeanAbsoluteError(_Error):
    """The mean of the absolute differences."""

    of = losses.MeanAbsoluteError


class MeanAbsolutePercentageError(_Error):
    """The mean of the differences in percent."""

    of = losses.MeanAbsolutePercentageError


class BinaryCrossentropy(_Error):
    """Cross-entropy of yes and no."""

    of = losses.BinaryCrossentropy


class CategoricalCrossentropy(_Error):
    """Cross-entropy with one-hot targets."""

    of = losses.CategoricalCrossentropy


class SparseCategoricalCrossentropy(_Error):
    """Cross-entropy with class numbers."""

    of = losses.SparseCategoricalCrossentropy


class RootMeanSquaredError(_Error):
    """The root of the mean of the squared differences."""

    of = losses.MeanSquaredError

    def result(self) -> float:
        return math.sqrt(super().result())


class _Counts(Metric):
    """Counts of right and wrong positives, for answers above ``thresholds``."""

    def __init__(self, thresholds: float = 0.5, name: str | None = None) -> None:
        if not isinstance(thresholds, (int, float)) or not 0 <= thresholds <= 1:
            raise ArgumentError(
                f"{type(self).__name__}: thresholds must be one number from 0 to 1, got "
                f"{thresholds!r}"
            )
        self.threshold = thresholds
        super().__init__(name)

    def reset_state(self) -> None:
        self.true_positives = self.false_positives = self.false_negatives = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, pred = _pair(y_true, y_pred)
        yes, said = true.astype(bool), pred > self.threshold
        weight = _spread(sample_weight, yes.shape)
        self.true_positives += float(weight[yes & said].sum())
        self.false_positives += float(weight[~yes & said].sum())
        self.false_negatives += float(weight[yes & ~said].sum())


class Precision(_Counts):
    """The share of right ones among the answers that said yes."""

    def result(self) -> float:
        said = self.true_positives + self.false_positives
        return self.true_positives / said if said else 0.0


class Recall(_Counts):
    """The share that was found of what is yes."""

    def result(self) -> float:
        yes = self.true_positives + self.false_negatives
        return self.true_positives / yes if yes else 0.0


class AUC(Metric):
    """The area under the ROC curve, by trapezoids between ``num_thresholds`` thresholds."""

    def __init__(self, num_thresholds: int = 200, name: str | None = None) -> None:
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        self.thresholds = np.array([-losses.EPSILON, *inner, 1.0 + losses.EPSILON])
        super().__init__(name or "auc")

    def reset_state(self) -> None:
        n = len(self.thresholds)
        self.yes, self.no = np.zeros(n), np.zeros(n)
        self.positives = self.negatives = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        true, pred = _pair(y_true, y_pred)
        weight = _spread(sample_weight, true.shape).reshape(-1)
        yes, pred = true.astype(bool).reshape(-1), pred.reshape(-1)
        for counts, part in ((self.yes, yes), (self.no, ~yes)):
            order = np.argsort(pred[part])
            below = np.append(0.0, np.cumsum(weight[part][order]))
            places = np.searchsorted(pred[part][order], self.thresholds, side="right")
            counts += below[-1] - below[places]
        self.positives += float(weight[yes].sum())
        self.negatives += float(weight[~yes].sum())

    def result(self) -> float:
        if not self.positives or not self.negatives:
            return 0.0
        rates = self.yes / self.positives, self.no / self.negatives
        return float(-np.trapezoid(rates[0], rates[1]))


def _loss_metric(name: str) -> Metric:
    return LossMetric(losses.get(name), name)


METRICS: dict[str, Callable[[], Metric]] = {
    "accuracy": Accuracy, "acc": lambda: Accuracy("acc"),
    "binary_accuracy": BinaryAccuracy, "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "root_mean_squared_error": RootMeanSquaredError,
    "precision": Precision, "recall": Recall, "auc": AUC,
    **{name: functools.partial(_loss_metric, name) for name in losses.LOSSES},
}  # fmt: skip
"""Name -> what makes the metric; losses are metrics too."""


def get(identifier: Any) -> Metric:
    """A metric from a name, a class, a function of (y_true, y_pred), or a Metric."""
    if isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, losses.Loss):
        return LossMetric(identifier)
    if callable(identifier):
        return LossMetric(losses.LossFunction(identifier))
    metric = look_up("metric", identifier, METRICS)()
    metric.name = identifier  # as it was called, such as "AUC" or "mae"
    return metric
