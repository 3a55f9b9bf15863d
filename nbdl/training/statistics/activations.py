"""What layers put out in a step: means, spreads, zeros, dead and saturated units.

Nothing is changed: each operation of the step is looked at after it was done. Where a step is
compiled, no operation runs in Python; the step then makes one more pass by eager code, after
which everything is as it was (``looking``).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import backends, dtypes
from nbdl.core import modes
from nbdl.core.mistakes import untold
from nbdl.core.modes import Scope
from nbdl.core.random import default_generator
from nbdl.training.statistics.histograms import even_sample

MOST = 2**15
"""Elements of an output that are looked at; of larger ones a part, the batch and units last."""

RECTIFIERS = ("relu",)
LIMITS = {"tanh": (-1.0, 1.0), "hardtanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}
ACTIVATIONS = frozenset(
    (*RECTIFIERS, *LIMITS, "leaky_relu", "gelu", "gelu_tanh", "silu", "elu", "softplus")
)
"""Operations that are layers of their own where ``forward`` calls them as functions."""

NEAR = 0.03
"""An output this near to a limit, as a share of the distance between both, is saturated."""


@dataclass
class Look:
    """What was seen of one layer."""

    numbers: tuple[float, float, float, float, float]
    sample: np.ndarray  # (n,), for a histogram


class Watch:
    """Looks at the outputs of all layers of some models.

    A layer is known by its path, an activation that ``forward`` calls as a function by the path
    around it and its name, as in the graph: ``"block.relu"``, ``"block.relu#2"``. Of several
    calls of a layer in one step the first counts.

    Attributes:
        looks: what was seen in the step, by name.
        seconds: spent on looking.
    """

    def __init__(self, models: list[Any]) -> None:
        self.paths: dict[int, tuple[str, bool]] = {}  # path, and whether it has layers in it
        for i, model in enumerate(models):
            start = "" if len(models) == 1 else f"{model._name or i}."
            for path, module in model.named_modules():
                name = (start + path) if path else start.rstrip(".")
                self.paths[id(module)] = (name, bool(module._modules))
        self.looks: dict[str, Look] = {}
        self.seconds = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """See what this thread does meanwhile."""
        self.looks, self.seconds = {}, 0.0
        self._scopes: dict[int, Scope] = {}
        self._names: dict[str, int] = {}
        self._last: tuple[Scope, str, str, Any] | None = None
        state = modes.state()
        state.observers = (*state.observers, self._see)
        try:
            yield
        finally:
            state.observers = tuple(each for each in state.observers if each != self._see)
            self._finish()

    def _see(self, op: Any, inputs: Any, outputs: Any, node: Any) -> None:
        scope = modes.state().scope
        last = self._last
        if last is not None and last[0] is not scope:
            self._finish()
        known = None if scope is None else self.paths.get(id(scope.layer))
        if known is None or scope is None:
            return
        if self._scopes.setdefault(id(scope.layer), scope) is not scope:
            return  # another call of the same layer
        path, is_group = known
        if not is_group:  # the last of a layer's operations gives its output
            self._last = (scope, path or op.name, op.name, outputs[0].value)
        elif op.name in ACTIVATIONS:
            name = f"{path}.{op.name}" if path else op.name
            self._names[name] = number = self._names.get(name, 0) + 1
            self._look(name if number == 1 else f"{name}#{number}", op.name, outputs[0].value)

    def _finish(self) -> None:
        if self._last is not None:
            _, name, kind, value = self._last
            self._last = None
            self._look(name, kind, value)

    def _look(self, name: str, kind: str, value: Any) -> None:
        if name in self.looks or not backends.has_data(value) or not value.size:
            return
        if not dtypes.is_float(value.dtype):
            return
        begun = time.perf_counter()
        self.looks[name] = look(value, kind)
        self.seconds += time.perf_counter() - begun


def look(value: Any, kind: str = "") -> Look:
    """Mean, standard deviation, share of zeros, of dead units and of saturated elements.

    Args:
        value: a layer's output, (batch, ...); of NumPy or CuPy, of any float dtype.
        kind: the operation that made it: dead units are looked for after a ReLU, saturation
            after a bounded function; else these are NaN.
    """
    part = backends.to_numpy(_part(value)).astype(np.float32, copy=False)
    with np.errstate(all="ignore"):
        mean, std = float(part.mean(dtype=np.float64)), float(part.std(dtype=np.float64))
    zeros = 1 - np.count_nonzero(part) / part.size
    dead = saturated = float("nan")
    if kind in RECTIFIERS:
        dead = dead_units(part)
    elif kind in LIMITS:
        low, high = LIMITS[kind]
        near = NEAR * (high - low)
        saturated = float(((part <= low + near) | (part >= high - near)).mean())
    return Look((mean, std, zeros, dead, saturated), even_sample(part))


def dead_units(y: np.ndarray) -> float:
    """The share of units that are 0 for the whole batch.  y: (batch, units), or more axes.

    Units lie along the second axis (channels first) or the last one; whichever has more dead.
    """
    alive = y != 0
    if y.ndim < 2:
        return float(1 - alive.mean())
    shares = []
    for axis in {1, y.ndim - 1}:
        others = tuple(i for i in range(y.ndim) if i != axis)
        shares.append(1 - alive.any(axis=others).mean())
    return float(max(shares))


def _part(value: Any) -> Any:
    """At most about MOST elements: fewer places in the middle, then examples, then units."""
    middle = range(2, value.ndim) if value.ndim > 3 else range(1, value.ndim - 1)
    for axis in dict.fromkeys((*middle, 0, value.ndim - 1, *range(value.ndim))):
        excess = value.size / MOST
        if excess <= 1:
            break
        if axis in middle:  # over all places alike
            excess **= 1 / (middle.stop - axis)
        stride = min(value.shape[axis], math.ceil(excess))
        value = value[(slice(None),) * axis + (slice(None, None, stride),)]
    return value


@contextmanager
def unchanged(model: Any, parameters: list[Any]) -> Iterator[None]:
    """A pass of ``model`` in this block leaves no trace: gradients, buffers and random numbers
    are afterwards as they were, and nobody hears of mistakes in it."""
    kept = [(b, b.value) for b in model.buffers()]
    gradients = [p.grad for p in parameters]
    draws = default_generator().state()
    try:
        with untold(), np.errstate(all="ignore"):
            yield
    finally:
        default_generator().restore(draws)
        for b, value in kept:
            b.value = value
        for p, gradient in zip(parameters, gradients, strict=True):
            p.grad = gradient
