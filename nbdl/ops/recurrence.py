"""What the recurrent layers share: steps, the states before them, products of all steps at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from nbdl.core.tensor import Tensor
from nbdl.ops.concatenation import concat, unbind
from nbdl.ops.conversion import cast
from nbdl.ops.families import Contraction
from nbdl.ops.linear import LinearWeightGrad
from nbdl.ops.movement import reshape
from nbdl.shapes import Spec

UNROLLED = 256
"""Steps up to which the compiler takes a layer apart; for longer ones it would take too long."""


@dataclass(frozen=True)
class RecurrentLayer(Contraction, abstract=True):
    """One layer that goes through (length, batch, gates · hidden) step by step.

    Attributes:
        reverse: begin at the last step.
    """

    reverse: bool
    gates: ClassVar[int] = 1
    states: ClassVar[int] = 1

    def steps(self, length: int) -> Iterable[int]:
        """The steps in the order in which they are taken."""
        return range(length - 1, -1, -1) if self.reverse else range(length)

    def back(self, length: int) -> Iterable[int]:
        """The steps in the order of the gradient."""
        return range(length) if self.reverse else range(length - 1, -1, -1)

    def before(self, xp: Any, states: Any, start: Any) -> Any:
        """The state that each step began with."""
        result = xp.empty_like(states)
        if self.reverse:
            result[-1], result[:-1] = start, states[1:]
        else:
            result[0], result[1:] = start, states[:-1]
        return result

    def unrolls(self, x: Tensor) -> bool:
        """Whether ``decompose`` gives all steps one by one."""
        return 0 < x.shape[0] <= UNROLLED

    def starts(self, states: Tensor, start: Tensor) -> tuple[Tensor, ...]:
        """``before`` in operations, one tensor for each step."""
        parts = unbind(states)
        return (*parts[1:], start) if self.reverse else (start, *parts[:-1])

    def weight_grad(self, da: Tensor, states: Tensor, start: Tensor) -> Tensor:
        """``weight_grad`` in operations: one product of all steps."""
        first = reshape(start, (1, *start.shape))
        pieces = [states[1:], first] if self.reverse else [first, states[:-1]]
        return LinearWeightGrad()(da, concat(pieces))

    def outputs(self, x: Spec) -> tuple[Spec, ...]:
        """Specs of the states of all steps."""
        shape = (*x.shape[:2], x.shape[2] // self.gates)
        return (Spec(shape, x.dtype),) * self.states

    def products(self, x: Spec) -> int:
        """FLOPs of one product of all states with the weights."""
        return 2 * x.size * (x.shape[2] // self.gates)


def rows(x: Any) -> Any:
    """All steps and examples as rows."""
    return x.reshape(-1, x.shape[-1])


def weight_grad(xp: Any, da: Any, before: Any) -> Any:
    """The gradient of weights that met the state before each step."""
    return xp.matmul(rows(da).T, rows(before))


def in_dtype(dtype: Any, *arrays: Any) -> tuple[Any, ...]:
    """Arrays as ``dtype``."""
    return tuple(a.astype(dtype, copy=False) for a in arrays)


def all_in(dtype: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors as ``dtype``."""
    return tuple(cast(x, dtype) for x in tensors)


def sigmoid_in_place(xp: Any, x: Any) -> None:
    """In place, by the hyperbolic tangent: it never overflows."""
    x *= 0.5
    xp.tanh(x, out=x)
    x *= 0.5
    x += 0.5
