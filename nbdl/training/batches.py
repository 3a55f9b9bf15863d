"""From what a loader gives to what a model takes: inputs, targets, and checks of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from nbdl import dtypes
from nbdl.backends import has_data
from nbdl.core.tensor import Tensor
from nbdl.data import TARGET_KEYS, batch_length, to_tensors
from nbdl.data.collate import map_arrays
from nbdl.errors import DataError, DtypeError, IndexRangeError, ShapeError
from nbdl.training.measuring.classification import class_axis
from nbdl.training.names import Loss


class Batch(NamedTuple):
    """One batch, sorted: ``model(*inputs, **named)`` against ``targets``.

    ``share`` is a tensor of one number, the batch's part in the loss where several make a step;
    ``labels`` are what metrics compare with, where that is not ``targets``.
    """

    inputs: tuple[Any, ...]
    named: dict[str, Any]
    targets: Any
    size: int
    share: Any = None
    labels: Any = None


def sort_batch(batch: Any, target_key: str | None = None) -> Batch:
    """Sort a batch into inputs and targets.

    A tuple is ``(*inputs, target)``. In a dict the target is ``target_key``, or the one key out
    of TARGET_KEYS; the rest are keyword arguments of the model, a single one its argument.
    """
    batch = to_tensors(batch)
    size = batch_length(batch)
    if isinstance(batch, Mapping):
        return _sort_dict(batch, target_key, size)
    if isinstance(batch, (tuple, list)) and len(batch) >= 2:
        return Batch(tuple(batch[:-1]), {}, batch[-1], size)
    what = f"a {type(batch).__name__}"
    if isinstance(batch, (tuple, list)):
        what = f"a {type(batch).__name__} of {len(batch)}"
    raise DataError(
        f"a batch must be (inputs, targets) or a dict, got {what}",
        hint="give pairs; to reproduce the input (autoencoder) give (x, x); for anything else "
        "write the step yourself: nbdl.train(step=f, data=...)",
    )


def _sort_dict(batch: Mapping[str, Any], target_key: str | None, size: int) -> Batch:
    keys = [target_key] if target_key else [key for key in TARGET_KEYS if key in batch]
    if len(keys) != 1 or keys[0] not in batch:
        raise DataError(
            f"the target of the batch is not clear: its keys are {', '.join(map(str, batch))}",
            hint="name it: nbdl.train(..., target='label')",
        )
    rest = {key: value for key, value in batch.items() if key != keys[0]}
    if not rest:
        raise DataError(f"the batch has only the target {keys[0]!r} and no input")
    if len(rest) == 1:
        return Batch(tuple(rest.values()), {}, batch[keys[0]], size)
    return Batch((), rest, batch[keys[0]], size)


def inputs_of(batch: Any, target_key: str | None = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inputs of a batch that may have targets or not: for predictions."""
    if isinstance(batch, Mapping):
        keys = {target_key} if target_key else set(TARGET_KEYS)
        rest = {key: value for key, value in batch.items() if key not in keys}
        return (tuple(rest.values()), {}) if len(rest) == 1 else ((), rest)
    if isinstance(batch, (tuple, list)):
        return tuple(batch[:-1] if len(batch) > 1 else batch), {}
    return (batch,), {}


class Caster:
    """Casts float inputs to the model's dtype; says so once.

    Args:
        dtype: the model's float dtype; None casts nothing.
        note: called with one sentence the first time something is cast.
    """

    def __init__(self, dtype: np.dtype | None, note: Callable[[str], None]) -> None:
        self.dtype = dtype
        self._note: Callable[[str], None] | None = note

    def __call__(self, value: Any) -> Any:
        dtype = self.dtype
        if dtype is None:
            return value
        if isinstance(value, Tensor):  # the usual case, without a walk
            if value.dtype == dtype or not dtypes.is_float(value.dtype):
                return value
            if self._note is not None:
                self._note(f"float inputs and targets are cast from {value.dtype} to {dtype}")
                self._note = None
            return value.to(dtype)
        return map_arrays(value, self) if isinstance(value, (tuple, list, Mapping)) else value


def model_dtype(parameters: list[Any]) -> np.dtype | None:
    """The dtype of the model's first float parameter."""
    return next((p.dtype for p in parameters if dtypes.is_float(p.dtype)), None)


@dataclass(frozen=True)
class TargetRule:
    """Targets as a named loss expects them, or an error in words that say what to change."""

    loss: Loss

    def __call__(self, outputs: Any, targets: Any, first: int = 0) -> tuple[Any, Any]:
        """(outputs, targets) as the loss takes them.

        ``first`` is the number of the batch's first sample, for messages; raises DtypeError,
        ShapeError, IndexRangeError or DataError.
        """
        kind = self.loss.kind
        if kind is None:
            return outputs, targets
        for what, value in (("model's output", outputs), ("targets", targets)):
            if not isinstance(value, Tensor):
                raise DataError(
                    f"the loss {self.loss.name!r} needs tensors, but the {what} is a "
                    f"{type(value).__name__}",
                    hint="give your own loss function: loss=lambda outputs, targets: ...",
                )
        if kind.targets == "classes":
            return self._classes(outputs, targets, first)
        return self._values(outputs, targets, kind.targets == "binary")

    def _classes(self, outputs: Any, targets: Any, first: int) -> tuple[Any, Any]:
        name = self.loss.name
        if dtypes.is_float(targets.dtype):
            if targets.shape == outputs.shape and len(outputs.shape) > 1:
                return outputs, targets  # a probability for each class
            raise DtypeError(
                f"{name} needs class numbers as targets, got {targets.dtype} of shape "
                f"{targets.shape}",
                hint="y.astype('int64') if they are class numbers; loss='mse' to predict numbers",
            )
        axis = class_axis(outputs.shape, targets.shape)
        if axis is None:
            raise self._shape_error(outputs, targets)
        classes = outputs.shape[axis]
        self._check_range(targets, classes, first)
        if axis != 1 and outputs.ndim > 2:  # (N, ..., classes): one row a target
            return outputs.reshape((-1, classes)), targets.reshape((-1,))
        return outputs, targets

    def _shape_error(self, outputs: Any, targets: Any) -> ShapeError:
        hint = "the model's last layer gives one output a class: Linear(..., classes)"
        if targets.ndim == 2 and targets.shape[1] == 1:
            hint = "targets of shape (N,): y[:, 0]"
        elif targets.shape == outputs.shape and targets.ndim == 2:
            hint = "one-hot targets must be floats, or give class numbers: y.argmax(1)"
        elif outputs.ndim == targets.ndim:
            hint = "for yes or no with one output use loss='bce_with_logits'"
        return ShapeError(
            f"{self.loss.name} needs outputs (N, classes, ...) and class numbers (N, ...), got "
            f"outputs {outputs.shape} and targets {targets.shape}",
            hint=hint,
        )

    def _check_range(self, targets: Any, classes: int, first: int) -> None:
        ignored = dict(self.loss.options).get("ignore_index", -100)
        values = targets.value
        if not has_data(values) or not values.size:
            return
        if values.min() >= 0 and values.max() < classes:
            return
        values = targets.numpy()
        wrong = ((values < 0) | (values >= classes)) & (values != ignored)
        if wrong.any():
            raise class_error(values, wrong, classes, first)

    def _values(self, outputs: Any, targets: Any, binary: bool) -> tuple[Any, Any]:
        if outputs.shape != targets.shape:
            hint = "make both one shape"
            if outputs.ndim == targets.ndim + 1 and outputs.shape[:-1] == targets.shape:
                hint = "give the targets a last axis: y[:, None]"
            elif targets.ndim == outputs.ndim + 1 and targets.shape[:-1] == outputs.shape:
                hint = "take the targets' last axis away: y[:, 0]"
            raise ShapeError(
                f"{self.loss.name} compares number by number, but the model's output has shape "
                f"{outputs.shape} and the targets {targets.shape} (they would be broadcast, and "
                "every output compared with every target)",
                hint=hint,
            )
        if not dtypes.is_float(targets.dtype):
            targets = targets.to(outputs.dtype)
        if binary and targets.size and has_data(targets.value):
            low, high = float(targets.value.min()), float(targets.value.max())
            if low < 0 or high > 1:
                raise DataError(
                    f"{self.loss.name} needs targets between 0 and 1, got {low:g} to {high:g}",
                    hint="several classes? loss='cross_entropy' with one output a class",
                )
        return outputs, targets


def class_error(
    targets: np.ndarray, wrong: np.ndarray, classes: int, first: int = 0, where: str = "sample"
) -> IndexRangeError:
    """The error for class numbers out of range: which sample, and what is allowed."""
    place = np.unravel_index(int(wrong.argmax()), wrong.shape)
    value = int(targets[place])
    sample = int(place[0]) + first if place else first
    rest = f", position {tuple(map(int, place[1:]))}" if len(place) > 1 else ""
    hint = f"the model's last layer must give {value + 1} outputs or more"
    if value < 0:
        hint = "class numbers start at 0; for samples to leave out use ignore_index"
    elif value == classes:
        hint = f"do the classes start at 1? y - 1; or {value + 1} outputs in the last layer"
    return IndexRangeError(
        f"target {value} of {where} {sample}{rest} is not a class: the model has {classes} "
        f"outputs, so classes are 0 to {classes - 1}",
        hint=hint,
    )
