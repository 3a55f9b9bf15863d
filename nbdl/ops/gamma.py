"""The gamma function's family. Values are SciPy's (on a GPU CuPy's)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NoReturn

from nbdl import backends
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, GradientError
from nbdl.ops.arithmetic import exp, negative
from nbdl.ops.broadcasting import sum as total
from nbdl.ops.conversion import astensor, floats, promote
from nbdl.ops.exponential import xlogy
from nbdl.ops.families import Elementwise, require_real
from nbdl.ops.movement import expand_dims
from nbdl.ops.numerics import quiet, wide
from nbdl.ops.ranges import arange

__all__ = ["digamma", "igamma", "igammac", "lgamma", "mvlgamma", "polygamma", "zeta"]


class Tabulated(Elementwise, abstract=True):
    """A function of real numbers that SciPy computes; ``source`` is its name there."""

    source = ""
    kinds = "f"
    flops_per_element = 40

    def forward(self, xp: Any, *xs: Any) -> Any:
        """SciPy's value; half precision is computed in float32."""
        function = getattr(backends.special(xp), self.source)
        with quiet():
            return function(*map(wide, xs)).astype(xs[-1].dtype, copy=False)


def real(name: str, x: Any) -> Tensor:
    """``x`` as floats; raises DtypeError for complex numbers."""
    x = floats(x)
    require_real(name, x)
    return x


class Lgamma(Tabulated):
    """log(abs(gamma(x)))."""

    method = "lgamma"
    source = "gammaln"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * digamma(x)


class Digamma(Tabulated):
    """The derivative of lgamma."""

    method = "digamma"
    source = "psi"
    saves = ("x",)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * Polygamma(1)(x)


@dataclass(frozen=True)
class Polygamma(Elementwise):
    """The n-th derivative of digamma."""

    n: int
    saves = ("x",)
    kinds = "f"
    flops_per_element = 60

    def forward(self, xp: Any, x: Any) -> Any:
        # SciPy's function, but without its float64 and with the sign of n fixed.
        special, v = backends.special(xp), wide(x)
        sign = (-1.0) ** (self.n + 1) * math.factorial(self.n)
        with quiet():
            values = special.zeta(v.dtype.type(self.n + 1), v)
            return (v.dtype.type(sign) * values).astype(x.dtype, copy=False)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor) -> Tensor:
        return dy * Polygamma(self.n + 1)(x)


def _no_rule(name: str, argument: str) -> NoReturn:
    raise GradientError(
        f"{name} has no derivative by {argument} in closed form, and none is defined",
        hint=f"{argument}.detach(), or differentiate by the other argument only",
    )


class Zeta(Tabulated):
    """Hurwitz's zeta function, the sum of (k + q)^-x; its derivative by q alone."""

    source = "zeta"
    saves = ("x", "q")

    def forward(self, xp: Any, x: Any, q: Any) -> Any:
        return super().forward(xp, x, q)

    def grad(self, dy: Tensor, y: Tensor, x: Tensor, q: Tensor) -> tuple[Any, ...]:
        return lambda: _no_rule("zeta", "x"), lambda: dy * negative(x) * Zeta()(x + 1, q)


class _Incomplete(Tabulated, abstract=True):
    """A regularized incomplete gamma function; its derivative by x alone."""

    saves = ("a", "x")
    sign = 1.0

    def forward(self, xp: Any, a: Any, x: Any) -> Any:
        return super().forward(xp, a, x)

    def grad(self, dy: Tensor, y: Tensor, a: Tensor, x: Tensor) -> tuple[Any, ...]:
        return (
            lambda: _no_rule(self.name, "a"),
            lambda: dy * (exp(xlogy(a - 1, x) - x - lgamma(a)) * self.sign),
        )


class Igamma(_Incomplete):
    """The lower one: the share of gamma(a) below x."""

    method = "igamma"
    source = "gammainc"


class Igammac(_Incomplete):
    """The upper one: 1 - igamma(a, x)."""

    method = "igammac"
    source = "gammaincc"
    sign = -1.0


_lgamma, _digamma, _zeta, _igamma, _igammac = Lgamma(), Digamma(), Zeta(), Igamma(), Igammac()


def lgamma(x: Any, /) -> Tensor:
    """The logarithm of abs(gamma(x)).  x: (...) -> y: (...), a float dtype."""
    return _lgamma(real("lgamma", x))


def digamma(x: Any, /) -> Tensor:
    """The derivative of lgamma.  x: (...) -> y: (...), a float dtype; NaN at -1, -2, ..."""
    return _digamma(real("digamma", x))


def polygamma(n: int, x: Any, /) -> Tensor:
    """The n-th derivative of digamma.  x: (...) -> y: (...), a float dtype; n from 0."""
    if not isinstance(n, int) or n < 0:
        raise ArgumentError(f"polygamma: n={n!r} must be a whole number from 0")
    x = real("polygamma", x)
    return _digamma(x) if n == 0 else Polygamma(n)(x)


def mvlgamma(x: Any, /, p: int) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension ``p``.

    x: (...) above (p - 1) / 2 -> y: (...). Elsewhere the formula is followed as it stands.
    """
    if p < 1:
        raise ArgumentError(f"mvlgamma: p={p} must be at least 1")
    x = real("mvlgamma", x)
    steps = arange(p, dtype=x.dtype).to(x.device) * -0.5
    constant = p * (p - 1) / 4 * math.log(math.pi)
    return total(lgamma(expand_dims(x, -1) + steps), -1) + constant


def zeta(x: Any, q: Any, /) -> Tensor:
    """Hurwitz's zeta function, the sum over k from 0 of (k + q)^-x.  -> y: broadcast, floats."""
    x, q = promote(astensor(x), astensor(q))
    return _zeta(real("zeta", x), real("zeta", q))


def igamma(a: Any, x: Any, /) -> Tensor:
    """The regularized lower incomplete gamma function.  a, x: broadcasting -> y: floats."""
    a, x = promote(astensor(a), astensor(x))
    return _igamma(real("igamma", a), real("igamma", x))


def igammac(a: Any, x: Any, /) -> Tensor:
    """The regularized upper incomplete gamma function, 1 - igamma(a, x)."""
    a, x = promote(astensor(a), astensor(x))
    return _igammac(real("igammac", a), real("igammac", x))
