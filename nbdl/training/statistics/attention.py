"""Mistakes in the data that only a run can see: told once, training goes on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core.mistakes import tell
from nbdl.core.tensor import Tensor

if TYPE_CHECKING:
    from nbdl.training.step import StepResult

LARGE = 20.0
"""A mean or a standard deviation beyond this is that of numbers as they were measured."""
_WEIGHTED = (
    "Linear", "Conv1d", "Conv2d", "Conv3d", "Dense", "Conv1D", "Conv2D", "Conv3D",
)  # fmt: skip
"""Layers whose first step depends on how large their inputs are."""
_CURE = {
    "Linear": "(x - mean) / std with the training data's, or nn.BatchNorm1d(n) as the first layer",
    "Dense": "(x - mean) / std with the training data's, or layers.BatchNormalization() in front",
    "Conv": "x / 255 for bytes of images, nbdl.data.Normalize(mean, std), or a batch norm in front",
}


@contextmanager
def attention_to_inputs(models: list[Any], batch: Any) -> Iterator[None]:
    """Tell when a batch, as it is given, goes into the first weights with large numbers.

    Only where no layer and no line of ``forward`` has changed the numbers: the layer's input is
    the batch's own.
    """
    given = [np.asarray(backends.to_numpy(x)) for x in _arrays(batch)]

    def look(layer: Any, args: tuple[Any, ...]) -> None:
        x = args[0] if args else None
        if isinstance(x, Tensor) and backends.has_data(x.value) and dtypes.is_float(x.dtype):
            values = backends.to_numpy(x.value)
            if any(_is_same(values, part) for part in given):
                _tell_large(type(layer).__name__, values.astype(np.float64))

    layers = [m for model in models for m in model.modules() if type(m).__name__ in _WEIGHTED]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _arrays(batch: Any) -> Iterator[Any]:
    """The arrays of a batch."""
    if isinstance(batch, Tensor):
        batch = batch.value
    if isinstance(batch, dict):
        batch = tuple(batch.values())
    if isinstance(batch, (tuple, list)):
        for part in batch:
            yield from _arrays(part)
    elif backends.has_data(batch) and getattr(batch, "size", 0) > 0:
        yield batch


def _is_same(values: np.ndarray, given: np.ndarray) -> bool:
    return values.size == given.size and np.array_equal(
        values.reshape(-1), given.reshape(-1).astype(values.dtype)
    )


def _tell_large(name: str, values: np.ndarray) -> None:
    """Columns of a table are looked at one by one, as one may be in other units than the rest."""
    table = values.ndim == 2
    means, spreads = (np.atleast_1d(f(values, 0 if table else None)) for f in (np.mean, np.std))
    size = np.maximum(np.abs(means), spreads)
    column = int(size.argmax())
    if not size.size or not size[column] > LARGE:
        return
    which = f"column {column} of the input" if table else "the input"
    tell(
        f"{which} has the mean {means[column]:.4g} and the standard deviation "
        f"{spreads[column]:.4g}: {name} learns slowly, or not at all, from numbers that are not "
        "near 0 and 1",
        _CURE.get(name, _CURE["Conv"]),
    )


class Frequencies:
    """Whether a classifier has learned more than how often each class comes.

    The loss of answering with the classes' frequencies is their entropy. From the third epoch
    and ``PATIENCE`` steps on, an epoch's mean loss is compared with the entropy of its labels;
    as long as the loss falls there is nothing to say.

    Args:
        applies: whether the loss is a plain cross-entropy of class numbers.
    """

    PATIENCE = 150
    NEAR = (0.98, 1.1)
    """Loss over entropy, where nothing has been learned; beyond it training has other troubles."""
    FLAT = 0.005
    """A fall of the loss from epoch to epoch, over the entropy, that is none."""

    def __init__(self, applies: bool = False) -> None:
        self.waiting = applies
        self.counts: dict[int, int] | None = None  # of one epoch
        self.before = math.nan  # the loss of the epoch before

    def after_step(self, result: StepResult) -> None:
        """Count the labels of a step."""
        for _, targets in result.batches if self.counts is not None else ():
            if isinstance(targets, Tensor):
                self._count(backends.to_numpy(targets.value))

    def _count(self, labels: np.ndarray) -> None:
        if labels.dtype.kind not in "iu" or self.counts is None:
            return
        for label, n in zip(*(a.tolist() for a in np.unique_counts(labels)), strict=True):
            if label >= 0:  # cross-entropy's ignore_index
                self.counts[label] = self.counts.get(label, 0) + n

    def after_epoch(self, epoch: int, steps: int, loss: float) -> None:
        """Compare if an epoch was counted; begin to count once there were enough steps."""
        if self.counts:
            self._compare(loss, _entropy(self.counts))
        if self.waiting and epoch >= 2 and steps >= self.PATIENCE:
            self.counts = {}
        self.before = loss

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far."""
        return {"waiting": self.waiting, "counts": self.counts, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.waiting, self.counts = state["waiting"], state["counts"]
        self.before = state["before"]

    def _compare(self, loss: float, entropy: float) -> None:
        low, high = self.NEAR
        flat = self.before - loss < self.FLAT * entropy
        if entropy > 0.05 and flat and low * entropy <= loss <= high * entropy:
            tell(
                f"the model has learned nothing but the classes' frequencies: the loss {loss:.4g} "
                f"is that of always answering with them, {entropy:.4g}",
                "are the labels in the order of the inputs? Shuffle both by one permutation; if "
                "they are, another learning rate",
            )
        if flat or loss < low * entropy:
            self.waiting, self.counts = False, None


def _entropy(counts: dict[int, int]) -> float:
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values())
