"""What a metric is: how good predictions are, added up batch by batch.

``metric.update(outputs, targets)`` for each batch, then ``metric.value()``. Outputs are what a
model returns: logits or probabilities for classes, numbers for regression. Sums are kept in
float64, so the value does not depend on how the data is cut into batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError


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
        return self.over([(outputs, targets)])

    def over(self, batches: Iterable[tuple[Any, Any]]) -> Any:
        """The metric of these (outputs, targets), leaving what was added up alone."""
        fresh = self.copy()
        for outputs, targets in batches:
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
