"""Penalties on weights and outputs, which ``fit`` adds to the loss, with Keras's names.

A regularizer is called with a tensor and gives a number.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.keras.naming import look_up
from nbdl.ops.contraction import matmul
from nbdl.ops.ranges import eye


class Regularizer:
    """Base: ``regularizer(x)`` gives the penalty. Subclasses define ``__call__``."""

    def __call__(self, x: Tensor) -> Tensor:
        """The penalty for ``x``, a number."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this regularizer."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """The regularizer of what ``get_config`` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({options})"


def _factor(who: str, name: str, value: Any) -> float:
    """A number that is not negative; None is 0."""
    number = 0.0 if value is None else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not number >= 0:
        raise ArgumentError(f"{who}: {name}={value!r} must be a number of at least 0")
    return float(number)


class L1L2(Regularizer):
    """l1 · Σ|x| + l2 · Σx²."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = _factor("L1L2", "l1", l1), _factor("L1L2", "l2", l2)

    def __call__(self, x: Tensor) -> Tensor:
        return x.abs().sum() * self.l1 + x.square().sum() * self.l2


class L1(Regularizer):
    """l1 · Σ|x|."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("L1", "l1", l1)

    def __call__(self, x: Tensor) -> Tensor:
        return x.abs().sum() * self.l1


class L2(Regularizer):
    """l2 · Σx²."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("L2", "l2", l2)

    def __call__(self, x: Tensor) -> Tensor:
        return x.square().sum() * self.l2


class OrthogonalRegularizer(Regularizer):
    """factor · the mean size of the cosines between a matrix's rows (or columns).

    Args:
        factor: of the penalty.
        mode: "rows" or "columns".
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ArgumentError(f'OrthogonalRegularizer: mode={mode!r} must be "rows" or "columns"')
        self.factor, self.mode = _factor("OrthogonalRegularizer", "factor", factor), mode

    def __call__(self, x: Tensor) -> Tensor:
        if x.ndim != 2:
            raise ShapeError(f"OrthogonalRegularizer is for matrices, got shape {x.shape}")
        x = x if self.mode == "rows" else x.mT
        x = x / (x.square().sum(axis=1, keepdims=True) + 1e-12).sqrt()
        n = x.shape[0]
        others = matmul(x, x.mT) * (1 - eye(n, dtype=x.dtype, device=x.device))
        return others.abs().sum() * (self.factor * 0.5 / max(1.0, n * (n - 1) / 2))


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

REGULARIZERS: dict[str, type[Regularizer]] = {
    "L1": L1, "L2": L2, "L1L2": L1L2, "OrthogonalRegularizer": OrthogonalRegularizer,
    "l1": L1, "l2": L2, "l1_l2": L1L2, "orthogonal_regularizer": OrthogonalRegularizer,
}  # fmt: skip


def get(identifier: Any) -> Callable[[Tensor], Tensor] | None:
    """A regularizer from a name, a class, a function, ``serialize``'s dict; None for none."""
    if isinstance(identifier, type) and issubclass(identifier, Regularizer):
        return identifier()
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    return look_up("regularizer", identifier, REGULARIZERS)()


def serialize(regularizer: Regularizer) -> dict[str, Any]:
    """A regularizer as its class's name and arguments."""
    return {"class_name": type(regularizer).__name__, "config": regularizer.get_config()}


def deserialize(config: dict[str, Any]) -> Regularizer:
    """The regularizer that ``serialize`` was given. Raises ArgumentError for an unknown class."""
    if not isinstance(config, dict) or "class_name" not in config:
        raise ArgumentError(f"this is no regularizer's configuration: {config!r:.80}")
    cls = look_up("regularizer", config["class_name"], REGULARIZERS)
    return cls.from_config(config.get("config", {}))
