"""Whole numbers: divisors; numbers taken apart into a fraction and a power of two."""

from __future__ import annotations

from typing import Any

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import DtypeError
from nbdl.ops.conversion import astensor, cast, floats, promote
from nbdl.ops.exponential import exp2
from nbdl.ops.families import Elementwise, require_real
from nbdl.ops.numerics import wide

__all__ = ["frexp", "gcd", "heaviside", "lcm", "ldexp"]


class Gcd(Elementwise):
    """The greatest common divisor."""

    differentiable = False
    kinds = "iu"
    flops_per_element = 20

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.gcd(x, y)


class Lcm(Elementwise):
    """The least common multiple."""

    differentiable = False
    kinds = "iu"
    flops_per_element = 20

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        return xp.lcm(x, y)


class Heaviside(Elementwise):
    """0 below 0, 1 above, ``y`` at 0."""

    kernel = "where(x != x, x, where(x == 0, y, x > 0))"
    differentiable = False
    kinds = "biuf"

    def forward(self, xp: Any, x: Any, y: Any) -> Any:
        step = xp.where(x == 0, y, (x > 0).astype(x.dtype))
        return xp.where(x != x, x, step) if x.dtype.kind in "fV" else step


_gcd, _lcm, _heaviside = Gcd(), Lcm(), Heaviside()


def _whole(name: str, x: Any, y: Any) -> tuple[Tensor, Tensor]:
    x, y = promote(astensor(x), astensor(y))
    if x.dtype.kind not in "iu":
        raise DtypeError(f"{name} needs integers, got {x.dtype}", hint="x.to('int64')")
    return x, y


def gcd(x: Any, y: Any, /) -> Tensor:
    """The greatest common divisor of two whole numbers.  x, y: broadcasting -> z: integers."""
    return _gcd(*_whole("gcd", x, y))


def lcm(x: Any, y: Any, /) -> Tensor:
    """The least common multiple of two whole numbers.  x, y: broadcasting -> z: integers."""
    return _lcm(*_whole("lcm", x, y))


def heaviside(x: Any, values: Any, /) -> Tensor:
    """0 where x < 0, 1 where x > 0, ``values`` where x is 0; no gradient."""
    return _heaviside(*promote(astensor(x), astensor(values)))


def ldexp(x: Any, n: Any, /) -> Tensor:
    """x · 2^n.  x, n: broadcasting -> y: a float dtype."""
    x = floats(x)
    return x * exp2(cast(astensor(n), x.dtype))


def frexp(x: Any, /) -> tuple[Tensor, Tensor]:
    """(m, n) with x = m · 2^n and 0.5 <= abs(m) < 1; zeros of 0.  n: int32."""
    x = floats(x)
    require_real("frexp", x)
    xp = backends.namespace(x.value)
    n = Tensor._wrap(xp.asarray(xp.frexp(wide(x.value))[1], dtypes.int32))
    return ldexp(x, -n), n
