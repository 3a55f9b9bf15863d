"""Sharpness-aware minimization."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from nbdl import backends
from nbdl.core.clipping import get_total_norm
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.optim.groups import check_number
from nbdl.optim.wrapper import Wrapper


class SAM(Wrapper):
    """Sharpness-aware minimization: the step is taken by the gradient of the worst point nearby.

    P. Foret, A. Kleiner, H. Mobahi and B. Neyshabur, "Sharpness-Aware Minimization for Efficiently
    Improving Generalization", ICLR 2021; ``adaptive``: J. Kwon and others, "ASAM: Adaptive
    Sharpness-Aware Minimization for Scale-Invariant Learning of Deep Neural Networks", ICML 2021.
    With ε = rho · g / ‖g‖ (adaptive: rho · p² g / ‖p g‖) the gradient is computed at p + ε, and
    another optimizer goes by it from p. Each step costs two.

    ``optimizer.step(closure)`` calls the closure twice. By hand: ``loss.backward()``,
    ``first_step(zero_grad=True)``, the loss and ``backward()`` once more, ``second_step()``.
    Batch norm counts both passes in its running statistics.

    Args:
        params: what to train, or an optimizer.
        base_optimizer: where ``params`` is no optimizer, the class or name of one.
        rho: the distance of the worst point.
        adaptive: distances relative to the size of each element.
        options: learning rate and other options of the base optimizer.

    Raises ArgumentError for options out of range.
    """

    needs_closure = True

    def __init__(
        self, params: Any, base_optimizer: Any = "sgd", rho: float = 0.05, adaptive: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        check_number("SAM", "rho", rho, 0.0, math.inf)
        super().__init__(params, base_optimizer, options)
        if self.base.needs_closure:
            raise ArgumentError(
                f"SAM cannot be around {type(self.base).__name__}, which needs a closure itself",
                hint="SAM(model.parameters(), 'sgd', lr=0.1, momentum=0.9)",
            )
        self.rho, self.adaptive = rho, adaptive
        self._before: list[tuple[Tensor, Any]] = []

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One whole step; the loss that ``closure`` gave before it.

        If the closure raises, the parameters are as they were.
        """
        loss = self._evaluate(closure)
        self.first_step()
        try:
            self._evaluate(closure)
        except BaseException:
            self._return()
            raise
        self.second_step()
        return loss

    def first_step(self, zero_grad: bool = False) -> None:
        """From the gradients there are, go to the worst point nearby."""
        if self._before:
            raise ArgumentError("SAM.first_step was called twice", hint="second_step() goes back")
        listed = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        slopes = [self._scaled(p, p.grad.to_dense().value) for p in listed]
        norm = float(get_total_norm([Tensor._wrap(g) for g in slopes]))
        share = self.rho / (norm + 1e-12)
        for p, g in zip(listed, slopes, strict=True):
            self._before.append((p, p.value))
            step = self._scaled(p, g) * share
            p.value = backends.namespace(p.value).asarray(p.value + step, p.dtype)
        if zero_grad:
            self.zero_grad()

    def second_step(self, zero_grad: bool = False) -> None:
        """Back from the worst point, and on by the gradients that were computed there."""
        self._return()
        self.base.step()
        if zero_grad:
            self.zero_grad()

    def _scaled(self, p: Tensor, g: Any) -> Any:
        """``g``, in the adaptive form times |p|."""
        if not self.adaptive:
            return g
        xp = backends.namespace(p.value)
        return xp.asarray(g * xp.abs(p.value))

    def _return(self) -> None:
        for p, value in self._before:
            p.value = value
        self._before = []
