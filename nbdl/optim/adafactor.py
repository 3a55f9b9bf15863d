"""Adafactor."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from nbdl import backends, dtypes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError
from nbdl.optim.groups import check_number, check_pair
from nbdl.optim.optimizer import Optimizer, Slots


class Adafactor(Optimizer):
    """Adafactor: the means of g² of a matrix are kept as one row and one column.

    N. Shazeer and M. Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", ICML
    2018, in PyTorch's form: the relative step ρ = min(lr, 1/√n) is scaled by the root mean square
    of p, the mean of g² is estimated from the means of its rows and columns (over the last two
    axes; vectors keep it whole) with β₂ = 1 − n^beta2_decay, and the update is shortened where
    its root mean square is above ``d``.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: the largest relative step.
        beta2_decay: the power with which β₂ goes to 1; at most 0.
        eps: the least denominator (None: the precision of the dtype), and the least scale of a
            step.
        d: the root mean square above which an update is shortened; at least 1.
        weight_decay: decoupled, as AdamW's.
        foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.

    Raises ArgumentError for options out of range, DtypeError for complex parameters.
    """

    elementwise = False
    ranges = {"d": (1.0, math.inf)}

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3), d: float = 1.0,
        weight_decay: float = 0.0, *, foreach: bool | None = None, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d,
            "weight_decay": weight_decay, "maximize": maximize,
        })  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check({name: value for name, value in options.items() if name != "eps"})
        check_pair("Adafactor", "eps", options["eps"])
        least, scale = options["eps"]
        if least is not None:
            check_number("Adafactor", "eps[0]", least, 0.0, math.inf)
        check_number("Adafactor", "eps[1]", scale, 0.0, math.inf)
        if not options["beta2_decay"] <= 0:
            raise ArgumentError(
                f"Adafactor: beta2_decay={options['beta2_decay']!r} must be at most 0"
            )

    def _check_member(self, p: Tensor) -> None:
        refuse_complex("Adafactor", p)

    @classmethod
    def _new_slots(cls, p: Any, h: Mapping[str, Any]) -> Slots:
        xp, kind = backends.namespace(p), dtypes.accumulator(p.dtype)
        if p.ndim < 2:
            return {"step": 0, "variance": xp.zeros(p.shape, kind)}
        *stack, rows, columns = p.shape
        return {
            "step": 0,
            "row_var": xp.zeros((*stack, rows, 1), kind),
            "col_var": xp.zeros((*stack, 1, columns), kind),
        }

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        if not p.size:
            return
        least, scale = h["eps"]
        if least is None:
            least = float(xp.finfo(p.dtype).eps)
        if h["maximize"]:
            g = -g
        step = max(scale, _root_mean_square(p)) * min(h["lr"], 1 / math.sqrt(s["step"]))
        _square_mean(xp, g, out, s, s["step"] ** h["beta2_decay"], least)
        xp.maximum(out, least**2, out=out)
        xp.sqrt(out, out=out)
        xp.divide(g, out, out=out)
        xp.multiply(out, step / max(1.0, _root_mean_square(out) / h["d"]), out=out)
        if h["weight_decay"]:
            p = p * (1 - h["lr"] * h["weight_decay"])
        xp.subtract(p, out, out=out)


def _square_mean(xp: Any, g: Any, out: Any, s: Slots, fresh: float, least: float) -> None:
    """Take g² into the means with the weight ``fresh``; write the estimate into ``out``."""
    xp.multiply(g, g, out=out)
    if "variance" in s:
        mean = s["variance"]
        mean += (out - mean) * fresh
        out[...] = mean
        return
    rows, columns = s["row_var"], s["col_var"]
    rows += (out.mean(axis=-1, keepdims=True) - rows) * fresh
    columns += (out.mean(axis=-2, keepdims=True) - columns) * fresh
    xp.multiply(rows, columns, out=out)
    xp.divide(out, xp.maximum(rows.mean(axis=-2, keepdims=True), least), out=out)


def _root_mean_square(x: Any) -> float:
    return math.sqrt(float((x * x).mean()))


def refuse_complex(who: str, p: Tensor) -> None:
    """Raise DtypeError for a complex parameter."""
    if p.dtype in dtypes.COMPLEX:
        raise DtypeError(
            f"{who} cannot train complex parameters, got {p.dtype} of shape {p.shape}",
            hint="AdamW and SGD take a complex number as a pair of real ones",
        )
