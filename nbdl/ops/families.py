"""Families: what all members of a kind of operation share."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, ClassVar

from nbdl import dtypes
from nbdl.core.forward import pushforward
from nbdl.core.needs import rules
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError
from nbdl.shapes import Spec, broadcast_shapes, normalize_axes, reduced_shape

Tangents = tuple[Tensor | None, ...]


class Elementwise(Op, abstract=True):
    """Each output element depends on the elements at the same place of the inputs.

    Inputs have one dtype (doors cast before the call) and broadcast; the walk sums a broadcast
    gradient back. The output has the inputs' dtype.
    """

    broadcasts = True
    stacks = True
    flops_per_element: ClassVar[int] = 1
    kinds: ClassVar[str] = "biufc"
    """What it works on: b(ool), i(nteger), u(nsigned), f(loat), c(omplex)."""

    def infer(self, *specs: Spec) -> Spec:
        """The broadcast shape."""
        require_kind(self.title, self.kinds, *specs)
        shape = broadcast_shapes(*(s.shape for s in specs), what=f"inputs of {self.name}")
        return Spec(shape, self.result_dtype(specs[-1].dtype))

    def result_dtype(self, dtype: Any) -> Any:
        """Dtype of the output for inputs of ``dtype``."""
        return dtype

    def jvp(self, tangents: Tangents, y: Tensor, xs: tuple[Tensor, ...]) -> Tensor | None:
        """As the gradient: a derivative by elements at the same place is its own transpose."""
        if any(v.dtype.kind == "c" for v in (y, *xs)):  # there the transpose conjugates
            return pushforward(self, tangents, y, xs)
        total = None
        for i, t in enumerate(tangents):
            if t is None:
                continue
            g = self.grad(rules.broadcast_to(t, y.shape), y, *xs)
            g = g[i] if type(g) is tuple else g
            g = g if isinstance(g, Tensor) or g is None else g()
            if g is not None:
                total = g if total is None else rules.add(total, g)
        return total

    def flops(self, *specs: Spec) -> int:
        """``flops_per_element`` for each element of the output."""
        return self.flops_per_element * self.infer(*specs).size


class Comparison(Elementwise, abstract=True):
    """An elementwise question with a bool for an answer; no gradient."""

    differentiable = False

    def result_dtype(self, dtype: Any) -> Any:
        """bool."""
        return dtypes.bool


@dataclass(frozen=True)
class Reduction(Op, abstract=True):
    """Combines the elements along axes.

    Attributes:
        axis: axes, sorted and non-negative (doors normalize them).
        keepdims: keep the reduced axes with size 1.
    """

    axis: tuple[int, ...]
    keepdims: bool = False
    axis_fields = ("axis",)

    def infer(self, x: Spec) -> Spec:
        """The shape without the axes."""
        return Spec(reduced_shape(x.shape, self.axis, self.keepdims), self.result_dtype(x.dtype))

    def result_dtype(self, dtype: Any) -> Any:
        """Dtype of the output for an input of ``dtype``."""
        return dtype

    def flops(self, x: Spec) -> int:
        """One for each element of the input."""
        return x.size

    def count(self, shape: tuple[int, ...]) -> int:
        """How many elements become one."""
        return math.prod(shape[a] for a in self.axis)

    def expanded(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The output's shape with the reduced axes kept, which broadcasts to the input."""
        return reduced_shape(shape, self.axis, True)


@functools.lru_cache(maxsize=1024, typed=True)
def _reduction(kind: Any, axis: int | None, ndim: int, keepdims: bool) -> Any:
    return kind(normalize_axes(axis, ndim), keepdims)


def reduction(kind: Any, axis: Any, ndim: int, keepdims: bool = False) -> Any:
    """The reduction along axes as a user names them; the usual ones are made once and kept."""
    if axis is None or type(axis) is int:
        return _reduction(kind, axis, ndim, keepdims)
    return kind(normalize_axes(axis, ndim), keepdims)


class Movement(Op, abstract=True):
    """Puts elements elsewhere without computing: reshapes, transposes, pads, joins."""

    def flops(self, *specs: Spec) -> int:
        """Nothing is computed."""
        return 0


class Indexing(Op, abstract=True):
    """Chooses elements, or puts some in place, by index."""

    def flops(self, *specs: Spec) -> int:
        """Nothing is computed."""
        return 0


class Contraction(Op, abstract=True):
    """Multiplies and sums: matrix products and convolutions. Half precision sums in float32."""

    def accumulate(self, xp: Any, *arrays: Any) -> tuple[Any, ...]:
        """Half-precision arrays as float32, others as they are."""
        return tuple(
            a.astype(xp.float32) if a.dtype in dtypes.HALVES else a for a in arrays
        )


class Random(Op, abstract=True):
    """Draws numbers: a pure function of its seed and draw number. No gradient."""

    differentiable = False

    def flops(self, *specs: Spec) -> int:
        """About ten integer rounds a number."""
        return 10 * self.infer(*specs).size


_KIND_NAMES = {"b": "bool", "i": "integer", "u": "unsigned", "f": "float", "c": "complex"}


def require_kind(op: str, kinds: str, *specs: Spec) -> None:
    """Raise DtypeError unless all dtypes are of one of ``kinds`` (letters as NumPy's)."""
    for spec in specs:
        kind = "f" if spec.dtype == dtypes.bfloat16 else spec.dtype.kind
        if kind not in kinds:
            allowed = ", ".join(_KIND_NAMES[k] for k in kinds)
            raise DtypeError(
                f"{op} got a tensor of dtype {spec.dtype} (shape {spec.shape}), which it does "
                f"not work on",
                hint=f"a dtype of kind {allowed}; for example x.to('float32')",
            )


def require_real(op: str, *specs: Any) -> None:
    """Raise DtypeError for complex numbers, which have no order; takes tensors or Specs."""
    for spec in specs:
        if spec.dtype.kind == "c":
            raise DtypeError(
                f"{op} got a tensor of dtype {spec.dtype} (shape {spec.shape}); it works on real "
                "numbers only",
                hint="x.real, x.imag or abs(x)",
            )


def require_float(op: str, name: str, dtype: Any) -> None:
    """Raise DtypeError unless ``dtype`` is a float (or complex)."""
    if not dtypes.is_differentiable(dtype):
        raise DtypeError(
            f"{op} needs {name} of a float dtype, got {dtype}",
            hint=f"{name}.to('float32')",
        )
