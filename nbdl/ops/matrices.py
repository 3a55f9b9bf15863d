"""What operations on matrices share: their family, their checks, the adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.errors import LinAlgError, ShapeError
from nbdl.ops.arithmetic import conj
from nbdl.ops.contraction import matrix_transpose
from nbdl.ops.conversion import floats
from nbdl.ops.diagonals import diagonal
from nbdl.ops.families import Contraction
from nbdl.ops.ranges import eye
from nbdl.shapes import Spec, broadcast_shapes

__all__ = ["adjoint"]


class Matrices(Contraction, abstract=True):
    """Works on stacks of matrices, the last two axes. Half precision computes in float32."""

    stacks = True
    work: float = 1.0
    """Operations for each n * m * min(n, m) of an (n, m) matrix, times three."""

    def flops(self, *specs: Spec) -> int:
        """Of the order n * m * min(n, m) for each matrix, with ``work`` thirds."""
        x = specs[0]
        return int(x.size * min(x.shape[-2:]) * self.work / 3)

    def refuse(self, info: Any, a: Any, trouble: str, hint: str) -> None:
        """Raise LinAlgError for the first matrix whose ``info`` is not 0, if there is one."""
        if not info.any():
            return
        place = np.unravel_index(int((info != 0).argmax()), info.shape)
        name = f"matrix {[int(i) for i in place]} of {info.shape}" if place else "the matrix"
        if np.isfinite(a[place]).all():
            raise LinAlgError(f"{self.name}: {name} {trouble.format(int(info[place]))}", hint=hint)
        raise LinAlgError(
            f"{self.name}: {name} holds NaN or infinity",
            hint="nbdl.detect_anomaly() finds where they came from",
        )


def matrices(name: str, x: Any, argument: str = "x") -> Tensor:
    """``x`` as a float tensor of matrices; raises ShapeError for less than two axes."""
    x = floats(x)
    if x.ndim < 2:
        raise ShapeError(
            f"{name} needs {argument} with at least 2 axes (matrices), got shape {x.shape}"
        )
    return x


def square(name: str, x: Any, argument: str = "x") -> Tensor:
    """``x`` as a float tensor of square matrices; raises ShapeError for others."""
    x = matrices(name, x, argument)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name} needs {argument} with square matrices, got shape {x.shape}")
    return x


def adjoint(x: Tensor, /) -> Tensor:
    """Matrices transposed, complex numbers conjugated.  x: (..., n, m) -> y: (..., m, n)."""
    return conj(matrix_transpose(x))


def diagonal_of(x: Tensor) -> Tensor:
    """The main diagonal of matrices.  x: (..., n, m) -> y: (..., min(n, m))."""
    return diagonal(x, 0, -2, -1)


def identity(n: int, like: Tensor) -> Tensor:
    """An identity matrix of dtype and device of ``like``.  -> y: (n, n)."""
    return eye(n, dtype=like.dtype, device=None if like.device == "meta" else like.device)


def common_stack(name: str, x: Tensor, y: Tensor) -> tuple[int, ...]:
    """The broadcast leading axes of two stacks of matrices; raises ShapeError."""
    return broadcast_shapes(x.shape[:-2], y.shape[:-2], what=f"{name}: the stacks of matrices")


METHODS = {"mH": property(adjoint)}
