"""Discrete Fourier transforms: complex, real and Hermitian, over one axis or several."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core.op import Op
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError, unknown
from nbdl.ops.arithmetic import conj, real
from nbdl.ops.conversion import astensor, cast, floats, tensor
from nbdl.ops.families import require_real
from nbdl.ops.rearrangement import pad, roll
from nbdl.shapes import Spec, normalize_axes, normalize_axis

__all__ = [
    "fft", "ifft", "fft2", "ifft2", "fftn", "ifftn",
    "rfft", "irfft", "rfft2", "irfft2", "rfftn", "irfftn",
    "hfft", "ihfft", "hfft2", "ihfft2", "hfftn", "ihfftn",
    "fftfreq", "rfftfreq", "fftshift", "ifftshift",
]  # fmt: skip

# The operations are sums without a factor, exp(∓2πi jk/n), so that the transpose of one is
# another of them; the doors multiply by the factor of ``norm``.


class _Transform(Op, abstract=True):
    """A transform over some axes, each as long as it is."""

    axis_fields = ("axis",)
    axis: tuple[int, ...]

    def flops(self, x: Spec) -> int:
        """5 n log2(n) for each line of n, the usual count."""
        total = math.prod(x.shape[a] for a in self.axis)
        return int(5 * x.size * math.log2(max(total, 2)))


@dataclass(frozen=True)
class Fft(_Transform):
    """The sum of x[j] exp(-2πi jk/n) over j, or with + if ``inverse``; complex to complex."""

    axis: tuple[int, ...]
    inverse: bool = False

    def forward(self, xp: Any, x: Any) -> Any:
        function = xp.fft.ifftn if self.inverse else xp.fft.fftn
        norm = "forward" if self.inverse else "backward"
        return function(x, axes=self.axis, norm=norm).astype(x.dtype, copy=False)

    def infer(self, x: Spec) -> Spec:
        return x

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return Fft(self.axis, not self.inverse)(dy)


@dataclass(frozen=True)
class Rfft(_Transform):
    """Fft of real numbers; of the last axis only the first half, the rest is its conjugate."""

    axis: tuple[int, ...]

    def forward(self, xp: Any, x: Any) -> Any:
        return xp.fft.rfftn(x, axes=self.axis).astype(dtypes.complex_of(x.dtype), copy=False)

    def infer(self, x: Spec) -> Spec:
        last = self.axis[-1]
        shape = tuple(n // 2 + 1 if i == last else n for i, n in enumerate(x.shape))
        return Spec(shape, dtypes.complex_of(x.dtype))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        last = self.axis[-1]
        missing = x.shape[last] - y.shape[last]
        return real(Fft(self.axis, True)(_longer(dy, last, missing)))


@dataclass(frozen=True)
class Irfft(_Transform):
    """The inverse sum of numbers whose second half of the last axis is their conjugate; real."""

    axis: tuple[int, ...]
    n: int

    def forward(self, xp: Any, x: Any) -> Any:
        sizes = [self.n if a == self.axis[-1] else x.shape[a] for a in self.axis]
        y = xp.fft.irfftn(x, s=sizes, axes=self.axis, norm="forward")
        return y.astype(dtypes.real_of(x.dtype), copy=False)

    def infer(self, x: Spec) -> Spec:
        last = self.axis[-1]
        shape = tuple(self.n if i == last else n for i, n in enumerate(x.shape))
        return Spec(shape, dtypes.real_of(x.dtype))

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        last = self.axis[-1]
        half = Rfft(self.axis)(dy)
        # Each number stands for its conjugate too, but for frequency 0 and, if n is even, n / 2.
        twice = np.full(half.shape[last], 2, y.dtype)
        twice[:: self.n // 2 if self.n > 1 and self.n % 2 == 0 else self.n] = 1
        shape = tuple(twice.size if i == last else 1 for i in range(half.ndim))
        return half * astensor(twice.reshape(shape), like=half)


# ----- the preamble of the doors ----------------------------------------------------------------

_POWERS = {"backward": (0.0, -1.0), "ortho": (-0.5, -0.5), "forward": (-1.0, 0.0)}
"""norm: which power of n multiplies the transform, and its inverse."""


def _scaled(y: Tensor, n: int, norm: str | None, inverse: bool) -> Tensor:
    """``y`` with the factor of ``norm``."""
    if norm is not None and norm not in _POWERS:
        raise unknown("norm of a Fourier transform", norm, _POWERS)
    power = _POWERS[norm or "backward"][inverse]
    return y * float(n) ** power if power else y


def _longer(x: Tensor, axis: int, n: int) -> Tensor:
    """``n`` zeros more at the end of an axis; fewer elements if n is negative."""
    return pad(x, [0, 0] * (x.ndim - 1 - axis) + [0, n]) if n else x


def _axes(
    name: str, x: Tensor, s: Sequence[int] | int | None, axes: Sequence[int] | int | None
) -> tuple[tuple[int, ...], list[int]]:
    """Axes, not negative, and the sizes they shall have (-1: the axis as it is)."""
    if isinstance(s, int):
        s = (s,)
    if isinstance(axes, int):
        axes = (axes,)
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(x.ndim)
    if not x.ndim and len(axes):
        raise ShapeError(f"{name} needs at least 1 axis, got shape ()")
    argument = "axes" if name.endswith("n") else "axis"
    places = tuple(normalize_axis(a, x.ndim, argument) for a in axes)
    if len(set(places)) != len(places):
        raise ArgumentError(f"{name}: axes={tuple(axes)} names the same axis twice")
    sizes = [-1] * len(places) if s is None else [-1 if n is None else operator.index(n) for n in s]
    if len(sizes) != len(places):
        raise ArgumentError(f"{name}: s={tuple(sizes)} must have one size for each of axes {axes}")
    for n, a in zip(sizes, places, strict=True):
        if n < -1 or n == 0 or (n == -1 and x.shape[a] == 0):
            raise ArgumentError(
                f"{name}: a transform of {x.shape[a] if n == -1 else n} elements (axis {a} of "
                f"shape {x.shape}) does not exist",
                hint="at least 1 element along each axis",
            )
    return places, sizes


def _resized(x: Tensor, axes: tuple[int, ...], sizes: Sequence[int]) -> Tensor:
    """Zeros at the end of axes, or elements cut off there, for the wanted sizes."""
    for a, n in zip(axes, sizes, strict=True):
        if n != -1:
            x = _longer(x, a, n - x.shape[a])
    return x


def _complex(x: Any) -> Tensor:
    x = floats(x)
    return cast(x, dtypes.complex_of(x.dtype))


def _real(name: str, x: Any) -> Tensor:
    x = floats(x)
    require_real(name, x)
    return cast(x, dtypes.accumulator(x.dtype))


def _whole(name: str, x: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Tensor:
    """Complex to complex."""
    x = _complex(x)
    places, sizes = _axes(name, x, s, axes)
    x = _resized(x, places, sizes)
    y = Fft(places, inverse)(x) if places else x
    return _scaled(y, math.prod(x.shape[a] for a in places), norm, inverse)


def _half(name: str, x: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Tensor:
    """Real to the first half of the frequencies."""
    x = _real(name, x)
    places, sizes = _axes(name, x, s, axes)
    if not places:
        raise ArgumentError(f"{name} needs at least one axis, got axes={axes}")
    x = _resized(x, places, sizes)
    return _scaled(Rfft(places)(x), math.prod(x.shape[a] for a in places), norm, inverse)


def _unhalved(name: str, x: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Tensor:
    """The first half of the frequencies to real."""
    x = _complex(x)
    places, sizes = _axes(name, x, s, axes)
    if not places:
        raise ArgumentError(f"{name} needs at least one axis, got axes={axes}")
    n = sizes[-1] if sizes[-1] != -1 else 2 * (x.shape[places[-1]] - 1)
    if n < 1:
        raise ArgumentError(
            f"{name}: one frequency (axis {places[-1]} of shape {x.shape}) stands for 0 elements",
            hint="say how many there are: n=1",
        )
    x = _resized(x, places, [*sizes[:-1], n // 2 + 1])
    count = math.prod(x.shape[a] for a in places[:-1]) * n
    return _scaled(Irfft(places, n)(x), count, norm, inverse)


# ----- doors: one axis --------------------------------------------------------------------------


def fft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Discrete Fourier transform: y[k] = sum over j of x[j] exp(-2πi jk/n).

    x: (...) -> y: (...) complex, ``n`` along ``axis``: zeros are added at its end, or elements
    cut off, for another size. ``norm``: "backward" no factor (the inverse has 1/n), "ortho"
    1/sqrt(n) both ways, "forward" 1/n (the inverse none). Raises ArgumentError for no elements.
    """
    return _whole("fft", x, n, axis, norm, False)


def ifft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of ``fft``.  x: (...) -> y: (...) complex."""
    return _whole("ifft", x, n, axis, norm, True)


def rfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """``fft`` of real numbers: the first n//2 + 1 frequencies, of which the rest are conjugates.

    x: (...) real -> y: (...) complex. Raises DtypeError for complex numbers.
    """
    return _half("rfft", x, n, axis, norm, False)


def irfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of ``rfft``; ``n`` real numbers, an even count unless said.

    x: (...) -> y: (...) real, n along ``axis``, default 2 (m - 1) for m frequencies.
    """
    return _unhalved("irfft", x, n, axis, norm, True)


def hfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """``fft`` of numbers whose second half is the conjugate of the first: real.

    x: (...), the first half -> y: (...) real, ``n`` along ``axis``, default 2 (m - 1) for m.
    """
    return _unhalved("hfft", conj(astensor(x)), n, axis, norm, False)


def ihfft(x: Any, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """The inverse of ``hfft``.  x: (...) real -> y: (...) complex, n//2 + 1 along ``axis``."""
    return conj(_half("ihfft", x, n, axis, norm, True))


# ----- doors: several axes ----------------------------------------------------------------------

Sizes = Sequence[int] | None


def fftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """``fft`` over several axes, default all.

    x: (...) -> y: (...) complex, of sizes ``s`` along ``axes`` (default the last len(s)); an
    entry -1 keeps a size.
    """
    return _whole("fftn", x, s, axes, norm, False)


def ifftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """The inverse of ``fftn``.  x: (...) -> y: (...) complex."""
    return _whole("ifftn", x, s, axes, norm, True)


def rfftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """``fftn`` of real numbers; along the last of ``axes`` only the first n//2 + 1 frequencies.

    x: (...) real -> y: (...) complex. Raises DtypeError for complex numbers.
    """
    return _half("rfftn", x, s, axes, norm, False)


def irfftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """The inverse of ``rfftn``; the last of ``s`` is even unless said.  x: (...) -> y: real."""
    return _unhalved("irfftn", x, s, axes, norm, True)


def hfftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """``fftn`` of numbers given as the first half along the last of ``axes``.  -> y: real."""
    return _unhalved("hfftn", conj(astensor(x)), s, axes, norm, False)


def ihfftn(x: Any, /, *, s: Sizes = None, axes: Sizes = None, norm: str = "backward") -> Tensor:
    """The inverse of ``hfftn``.  x: (...) real -> y: (...) complex."""
    return conj(_half("ihfftn", x, s, axes, norm, True))


def _plane(function: Any) -> Any:
    """A transform of several axes over the last two, unless others are named."""

    def plane(
        x: Any, /, *, s: Sizes = None, axes: Sizes = (-2, -1), norm: str = "backward"
    ) -> Tensor:
        return function(x, s=s, axes=axes, norm=norm)

    name = function.__name__
    transform: Any = functools.wraps(function)(plane)
    transform.__name__ = transform.__qualname__ = name[:-1] + "2"
    transform.__code__ = transform.__code__.replace(co_name=transform.__name__)  # for errors
    transform.__doc__ = f"``{name}`` over two axes, default the last two."
    return transform


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(_plane, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn))


# ----- frequencies ------------------------------------------------------------------------------


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of ``fft``: 0, 1, ..., then the negative ones, over n d.

    -> y: (n,), the default float; ``d`` is the time between two elements. Raises ArgumentError.
    """
    return _frequencies("fftfreq", np.fft.fftfreq, n, d, dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of ``rfft``: 0, 1, ..., n//2, over n d.  -> y: (n//2 + 1,)."""
    return _frequencies("rfftfreq", np.fft.rfftfreq, n, d, dtype, device)


def _frequencies(name: str, function: Any, n: int, d: float, dtype: Any, device: Any) -> Tensor:
    if n < 1:
        raise ArgumentError(f"{name}: n={n} must be at least 1")
    if d == 0:
        raise ArgumentError(f"{name}: d={d} must not be 0")
    found = dtypes.default_float() if dtype is None else dtypes.as_dtype(dtype)
    return tensor(function(n, d), dtype=found, device=device)


def fftshift(x: Any, /, *, axes: Sequence[int] | int | None = None) -> Tensor:
    """Frequency 0 moved to the middle of ``axes`` (default all).  x: (...) -> y: (...)."""
    return _shifted(x, axes, 1)


def ifftshift(x: Any, /, *, axes: Sequence[int] | int | None = None) -> Tensor:
    """The inverse of ``fftshift``: the middle of ``axes`` moved to the front."""
    return _shifted(x, axes, -1)


def _shifted(x: Any, axes: Sequence[int] | int | None, sign: int) -> Tensor:
    x = astensor(x)
    places = normalize_axes(axes, x.ndim, "axes")
    return roll(x, [sign * (x.shape[a] // 2) for a in places], axis=places) if places else x
