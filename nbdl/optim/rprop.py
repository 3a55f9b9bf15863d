"""Rprop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.optim.groups import check_number, check_pair
from nbdl.optim.optimizer import Optimizer, Slots


class Rprop(Optimizer):
    """Rprop: each element has a step of its own that grows while its gradient keeps its sign.

    M. Riedmiller and H. Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The
    RPROP Algorithm", IEEE International Conference on Neural Networks 1993. For whole data sets:
    batches change the signs by chance. An element whose gradient changed its sign stays for one
    step, and the next sign counts as the first.

    Args:
        params: what to train: ``model.parameters()``, or a list of groups.
        lr: the first step of all elements.
        etas: what a step is multiplied by when the sign changed, and when it stayed.
        step_sizes: the least and the largest step.
        capturable, foreach: accepted for PyTorch's sake; there is one implementation.
        maximize: go up instead of down.
        differentiable: must be False.

    Raises ArgumentError for options out of range.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, {
            "lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize,
        }, differentiable=differentiable)  # fmt: skip

    def _check(self, options: Mapping[str, Any]) -> None:
        super()._check(options)
        for name in ("etas", "step_sizes"):
            check_pair("Rprop", name, options[name])
            for i, value in enumerate(options[name]):
                check_number("Rprop", f"{name}[{i}]", value, 0.0, float("inf"))
        shrink, grow = options["etas"]
        if not 0 < shrink < 1 < grow:
            raise ArgumentError(
                f"Rprop: etas={options['etas']!r} must be one number between 0 and 1 and one "
                "above 1"
            )
        low, high = options["step_sizes"]
        if low > high:
            raise ArgumentError(f"Rprop: step_sizes={options['step_sizes']!r} must go up")

    @classmethod
    def _slots(cls, options: Mapping[str, Any]) -> dict[str, float]:
        return {"prev": 0.0, "step_size": options["lr"]}

    @classmethod
    def _update(cls, xp: Any, p: Any, g: Any, out: Any, s: Slots, h: Mapping[str, Any]) -> None:
        (shrink, grow), (low, high) = h["etas"], h["step_sizes"]
        before, size = s["prev"], s["step_size"]
        if h["maximize"]:
            g = -g
        xp.multiply(g, before, out=out)
        turned = out < 0
        size[...] = xp.where(turned, size * shrink, xp.where(out > 0, size * grow, size))
        xp.clip(size, low, high, out=size)
        before[...] = xp.where(turned, 0, g)
        xp.sign(before, out=out)
        xp.multiply(out, size, out=out)
        xp.subtract(p, out, out=out)
