"""Linear systems: solutions, inverses, least squares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nbdl import dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ShapeError
from nbdl.ops import linalg_arrays
from nbdl.ops.arithmetic import negative
from nbdl.ops.broadcasting import sum_to
from nbdl.ops.contraction import matmul, matrix_transpose
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.diagonals import tril, triu
from nbdl.ops.matrices import Matrices, adjoint, identity, matrices, square
from nbdl.ops.movement import expand_dims, moveaxis, reshape, squeeze
from nbdl.shapes import Spec, broadcast_shapes, normalize_axis

__all__ = [
    "solve",
    "solve_ex",
    "solve_triangular",
    "inv",
    "inv_ex",
    "pinv",
    "tensorsolve",
    "tensorinv",
]

_SINGULAR = "is singular: pivot {} of its elimination is 0"
_CURE = "linalg.lstsq and linalg.pinv need no inverse; or add a little to the diagonal"


class _System(Matrices, abstract=True):
    """X with A X = B; A and B broadcast along their leading axes."""

    def infer(self, a: Spec, b: Spec) -> Any:
        if a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                f"{self.name} of A {a.shape} and B {b.shape}: B needs {a.shape[-1]} rows, as "
                f"many as A, not {b.shape[-2]}"
            )
        what = f"{self.name}: the stacks of A and B"
        stack = broadcast_shapes(a.shape[:-2], b.shape[:-2], what=what)
        return self.outputs(stack, Spec((*stack, *b.shape[-2:]), b.dtype))

    def outputs(self, stack: tuple[int, ...], x: Spec) -> Any:
        """What ``infer`` gives for the solution's Spec."""
        return x

    def flops(self, *specs: Spec) -> int:
        """An elimination (``work`` thirds of n³) and 2 n² for each column."""
        a, b = specs
        n, k = a.shape[-1], b.shape[-1]
        stack = math.prod(broadcast_shapes(a.shape[:-2], b.shape[:-2]))
        return int(stack * (self.work * n**3 / 3 + 2 * n * n * k))

    def together(self, xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
        """Both with the same stack, halves as float32."""
        self.infer(Spec(a.shape, a.dtype), Spec(b.shape, b.dtype))
        a, b = self.accumulate(xp, a, b)
        stack = broadcast_shapes(a.shape[:-2], b.shape[:-2])
        wide_a = xp.broadcast_to(a, (*stack, *a.shape[-2:]))
        return wide_a, xp.broadcast_to(b, (*stack, *b.shape[-2:]))


@dataclass(frozen=True)
class Solve(_System):
    """X with A X = B for square A, and which pivot of each A is 0 (counted from 1; 0: none)."""

    raises: bool = True
    work = 2.0
    saves = ("ys", "a")
    byproducts = (1,)

    def forward(self, xp: Any, a: Any, b: Any) -> tuple[Any, Any]:
        dtype = b.dtype
        a, b = self.together(xp, a, b)
        x, info = linalg_arrays.guarded(xp, xp.linalg.solve, linalg_arrays.zero_pivot, a, b)
        if self.raises:
            self.refuse(info, a, _SINGULAR, _CURE)
        return x.astype(dtype, copy=False), info

    def outputs(self, stack: tuple[int, ...], x: Spec) -> Any:
        return x, Spec(stack, dtypes.int32)

    def grad(
        self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], a: Tensor, b: Tensor
    ) -> tuple[Any, ...]:
        x, a_shape, b_shape = ys[0], a.shape, b.shape
        db = Solve(self.raises)(adjoint(a), dys[0])[0]
        return (
            lambda: sum_to(negative(matmul(db, adjoint(x))), a_shape),
            lambda: sum_to(db, b_shape),
        )


@dataclass(frozen=True)
class SolveTriangular(_System):
    """X with A X = B for the upper or lower triangle A; its diagonal may count as ones."""

    upper: bool
    unitriangular: bool = False
    work = 0.0
    saves = ("x", "a")

    def forward(self, xp: Any, a: Any, b: Any) -> Any:
        dtype = b.dtype
        a, b = self.together(xp, a, b)
        k = int(self.unitriangular)
        a = xp.triu(a, k) if self.upper else xp.tril(a, -k)
        if self.unitriangular:
            a = a + xp.eye(a.shape[-1], dtype=a.dtype)

        def solved(one: Any, right: Any) -> Any:
            return linalg_arrays.solve_triangle(xp, one, right, self.upper)

        x, info = linalg_arrays.guarded(xp, solved, linalg_arrays.zero_pivot, a, b)
        self.refuse(info, a, _SINGULAR, _CURE)
        return x.astype(dtype, copy=False)

    def grad(self, dx: Tensor, x: Tensor, a: Tensor, b: Tensor) -> tuple[Any, ...]:
        a_shape, b_shape = a.shape, b.shape
        db = SolveTriangular(not self.upper, self.unitriangular)(adjoint(a), dx)

        def triangle() -> Tensor:
            k = int(self.unitriangular)
            da = negative(matmul(db, adjoint(x)))
            return sum_to(triu(da, k=k) if self.upper else tril(da, k=-k), a_shape)

        return triangle, lambda: sum_to(db, b_shape)


@dataclass(frozen=True)
class Inv(Matrices):
    """The inverse of square matrices, and which pivot of each is 0 (counted from 1; 0: none)."""

    raises: bool = True
    work = 6.0
    saves = ("ys",)
    byproducts = (1,)

    def forward(self, xp: Any, x: Any) -> tuple[Any, Any]:
        (a,) = self.accumulate(xp, x)
        y, info = linalg_arrays.guarded(xp, xp.linalg.inv, linalg_arrays.zero_pivot, a)
        if self.raises:
            self.refuse(info, a, _SINGULAR, _CURE)
        return y.astype(x.dtype, copy=False), info

    def infer(self, x: Spec) -> Any:
        return x, Spec(x.shape[:-2], dtypes.int32)

    def grad(self, dys: tuple[Tensor, ...], ys: tuple[Tensor, ...], x: Tensor) -> Tensor:
        back = adjoint(ys[0])
        return negative(matmul(matmul(back, dys[0]), back))


@dataclass(frozen=True)
class Pinv(Matrices):
    """The Moore-Penrose inverse; small singular values, by atol and rtol, count as 0.

    Its derivative while the rank stays (Golub and Pereyra, SIAM J. Numer. Anal. 10, 1973).
    """

    hermitian: bool = False
    work = 60.0
    saves = ("y", "x")

    def forward(self, xp: Any, x: Any, atol: Any, rtol: Any) -> Any:
        (a,) = self.accumulate(xp, x)
        low, part = atol[..., 0].astype(a.real.dtype), rtol[..., 0].astype(a.real.dtype)
        y = linalg_arrays.pseudo_inverse(xp, a, low, part, self.hermitian)
        return y.astype(x.dtype, copy=False)

    def infer(self, x: Spec, atol: Spec, rtol: Spec) -> Spec:
        stack = broadcast_shapes(x.shape[:-2], atol.shape[:-2], rtol.shape[:-2])
        return Spec((*stack, x.shape[-1], x.shape[-2]), x.dtype)

    def grad(
        self, dy: Tensor, y: Tensor, x: Tensor, atol: Tensor, rtol: Tensor
    ) -> tuple[Any, ...]:
        n, m = y.shape[-2:]
        back, dback = adjoint(y), adjoint(dy)
        outside = identity(m, y) - matmul(x, y)
        beside = identity(n, y) - matmul(y, x)
        dx = negative(matmul(matmul(back, dy), back))
        dx = dx + matmul(matmul(outside, dback), matmul(y, back))
        dx = dx + matmul(matmul(back, y), matmul(dback, beside))
        return sum_to(dx, x.shape), None, None


def _systems(name: str, a: Any, b: Any, left: bool = True) -> tuple[Tensor, Tensor, bool]:
    """A and B as float matrices of one dtype, and whether b is a vector."""
    a, b = promote(square(name, a, "A"), floats(b))
    if b.ndim == 0:
        raise ShapeError(f"{name} needs B with at least 1 axis, got shape ()")
    if not left and b.ndim == 1:
        raise ShapeError(f"{name} with left=False needs B with at least 2 axes, got {b.shape}")
    if b.ndim == 1:
        return a, expand_dims(b, -1), True
    return a, b, False


def solve(a: Any, b: Any, /, *, left: bool = True) -> Tensor:
    """x with a @ x = b, or x @ a = b unless ``left`` (array API's solve).

    a: (..., n, n), b: (..., n, k) or a vector (n,) -> x: (..., n, k) or (..., n). Raises
    LinAlgError for a singular matrix, ShapeError.
    """
    return solve_ex(a, b, left=left, check_errors=True)[0]


class SolveResult(NamedTuple):
    """x with a @ x = b; ``info``: which pivot of each a is 0, counted from 1 (0: none is)."""

    result: Tensor
    info: Tensor


def solve_ex(
    a: Any, b: Any, /, *, left: bool = True, check_errors: bool = False
) -> SolveResult:
    """``solve`` that says what failed instead of raising: NaN, and a number in ``info``."""
    a, b, vector = _systems("solve", a, b, left)
    if left:
        x, info = Solve(check_errors)(a, b)
        return SolveResult(squeeze(x, -1) if vector else x, info)
    x, info = Solve(check_errors)(matrix_transpose(a), matrix_transpose(b))
    return SolveResult(matrix_transpose(x), info)


def solve_triangular(
    a: Any, b: Any, /, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """x with a @ x = b for a triangle, or x @ a = b unless ``left``.

    a: (..., n, n), of which only the triangle is read, b: (..., n, k) or a vector (n,) -> x:
    as b. ``unitriangular``: the diagonal counts as ones. Raises LinAlgError for a 0 on the
    diagonal, ShapeError.
    """
    a, b, vector = _systems("solve_triangular", a, b, left)
    if left:
        x = SolveTriangular(upper, unitriangular)(a, b)
        return squeeze(x, -1) if vector else x
    turned = SolveTriangular(not upper, unitriangular)
    return matrix_transpose(turned(matrix_transpose(a), matrix_transpose(b)))


class InvResult(NamedTuple):
    """The inverse; ``info``: which pivot of each matrix is 0, counted from 1 (0: none is)."""

    inverse: Tensor
    info: Tensor


def inv(x: Any, /) -> Tensor:
    """Inverses of square matrices.  x: (..., n, n) -> y: (..., n, n).

    ``solve`` is faster and more exact where a product with the inverse is meant. Raises
    LinAlgError for a singular matrix, ShapeError.
    """
    return Inv()(square("inv", x))[0]


def inv_ex(x: Any, /, *, check_errors: bool = False) -> InvResult:
    """``inv`` that says what failed instead of raising: NaN, and a number in ``info``."""
    return InvResult(*Inv(check_errors)(square("inv", x)))


def pinv(x: Any, /, *, rtol: Any = None, atol: Any = None, hermitian: bool = False) -> Tensor:
    """Moore-Penrose inverses.  x: (..., n, m) -> y: (..., m, n), a float dtype.

    Singular values up to max(``atol``, ``rtol`` * the largest) count as 0; each is a number or
    a tensor for the stack. Defaults: atol 0; rtol max(n, m) * eps, or 0 where atol is given.
    ``hermitian``: x equals its adjoint, which is faster.
    """
    x = square("pinv", x) if hermitian else matrices("pinv", x)
    low, part = tolerances(x, atol, rtol)
    return Pinv(hermitian)(x, low, part)


def tolerances(x: Tensor, atol: Any, rtol: Any) -> tuple[Tensor, Tensor]:
    """atol and rtol for singular values of x as tensors of shape (..., 1, 1), with defaults."""
    real = dtypes.real_of(x.dtype)
    if rtol is None:
        rtol = 0.0 if atol is not None else max(x.shape[-2:]) * dtypes.eps(real)
    given = (cast(astensor(0.0 if atol is None else atol, like=x), real),
             cast(astensor(rtol, like=x), real))  # fmt: skip
    low, part = (reshape(t, (*t.shape, 1, 1)) for t in given)
    return low, part


def tensorsolve(a: Any, b: Any, /, *, axes: Sequence[int] | None = None) -> Tensor:
    """x with tensordot(a, x, axes=x.ndim) = b.

    a: (*b.shape, *x.shape) after ``axes`` are moved to its end -> x. Raises ShapeError,
    LinAlgError.
    """
    a, b = promote(floats(a), floats(b))
    if axes is not None:
        places = [normalize_axis(axis, a.ndim) for axis in axes]
        a = moveaxis(a, places, tuple(range(a.ndim - len(places), a.ndim)))
    rest = a.shape[b.ndim :]
    if math.prod(rest) != b.size or a.size != b.size**2:
        raise ShapeError(
            f"tensorsolve: a {a.shape} must have {b.size} x {b.size} elements, as many as b "
            f"{b.shape} has squared, {b.size} of them behind the first {b.ndim} axes"
        )
    return reshape(solve(reshape(a, (b.size, b.size)), reshape(b, (b.size,))), rest)


def tensorinv(a: Any, /, *, ind: int = 2) -> Tensor:
    """The inverse for tensordot over the last ``ind``... axes.

    a: (*left, *right) with ``ind`` axes on the left and equally many elements on both sides
    -> y: (*right, *left) with tensordot(y, a, axes=ind) the identity. Raises ShapeError.
    """
    a = floats(a)
    left, right = a.shape[:ind], a.shape[ind:]
    n = math.prod(left)
    if ind <= 0 or n != math.prod(right):
        raise ShapeError(
            f"tensorinv: ind={ind} divides a {a.shape} into {left} and {right}, which must have "
            "equally many elements"
        )
    return reshape(inv(reshape(a, (n, n))), (*right, *left))
