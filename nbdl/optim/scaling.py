"""GradScaler: gradients in float16 kept above what it rounds to zero, PyTorch's ``torch.amp``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from nbdl import backends
from nbdl.core.rows import elements, on_values
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError


class GradScaler:
    """Scales the loss so that gradients in float16 do not vanish, and finds the scale by itself.

    P. Micikevicius and others, "Mixed Precision Training", ICLR 2018 (arXiv 1710.03740). A step is
    ``scaler.scale(loss).backward(); scaler.step(optimizer); scaler.update()``. Where a gradient is
    infinite or NaN the optimizer's step is left out and the scale made smaller; after
    ``growth_interval`` steps without one it grows.

    Args:
        device: accepted for PyTorch's sake.
        init_scale: the first scale.
        growth_factor: greater than 1.
        backoff_factor: between 0 and 1.
        growth_interval: steps in a row without overflow until the scale grows.
        enabled: False does nothing but ``optimizer.step()``.

    Attributes:
        skipped: steps that were left out.
    """

    def __init__(
        self, device: str = "cuda", init_scale: float = 2.0**16, growth_factor: float = 2.0,
        backoff_factor: float = 0.5, growth_interval: int = 2000, enabled: bool = True,
    ) -> None:  # fmt: skip
        if not growth_factor > 1 or not 0 < backoff_factor < 1 or growth_interval < 1:
            raise ArgumentError(
                f"GradScaler: growth_factor={growth_factor!r} must be above 1, "
                f"backoff_factor={backoff_factor!r} between 0 and 1, "
                f"growth_interval={growth_interval!r} at least 1"
            )
        if not 0 < init_scale < float("inf"):
            raise ArgumentError(f"GradScaler: init_scale={init_scale!r} must be a positive number")
        self._enabled = bool(enabled)
        self._scale = float(init_scale)
        self._growth_factor, self._backoff_factor = float(growth_factor), float(backoff_factor)
        self._growth_interval, self._tracker = int(growth_interval), 0
        self._found: dict[int, bool] = {}  # of each optimizer unscaled: whether it overflowed
        self._stepped: set[int] = set()
        self.skipped = 0

    def scale(self, outputs: Any) -> Any:
        """The loss, or several in a tuple or list, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (tuple, list)):
            return type(outputs)([self.scale(x) for x in outputs])
        raise ArgumentError(f"GradScaler.scale takes losses, got a {type(outputs).__name__}")

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients by the scale, as clipping needs; ``step`` does not do it again.

        Raises ArgumentError the second time before ``update``, or after ``step``.
        """
        if not self._enabled:
            return
        if id(optimizer) in self._found or id(optimizer) in self._stepped:
            raise ArgumentError(
                "unscale_ was called already for this optimizer since the last update()",
                hint="once for each optimizer, between backward() and step()",
            )
        factor, overflow = 1.0 / self._scale, False
        for group in optimizer.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    value = on_values(p.grad.value, lambda a: a * a.dtype.type(factor))
                    p.grad.value = value
                    flat = elements(value)
                    overflow |= not bool(backends.namespace(flat).isfinite(flat).all())
        self._found[id(optimizer)] = overflow

    def found_inf(self, optimizer: Any) -> bool:
        """Whether a gradient of the optimizer was infinite or NaN when it was unscaled."""
        return self._found.get(id(optimizer), False)

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step()``, unless a gradient is infinite or NaN.

        Raises ArgumentError for a closure, and the second time before ``update``.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if args or kwargs:
            raise ArgumentError("GradScaler.step takes no closure")
        if id(optimizer) in self._stepped:
            raise ArgumentError("step() was called already since the last update()")
        if id(optimizer) not in self._found:
            self.unscale_(optimizer)
        self._stepped.add(id(optimizer))
        if self.found_inf(optimizer):
            self.skipped += 1
            return None
        return optimizer.step()

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Make the scale smaller after an overflow, larger after long without; or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(np.float32(float(new_scale)))
        elif any(self._found.values()):
            self._scale, self._tracker = self._scale * self._backoff_factor, 0
        else:
            self._tracker += 1
            if self._tracker == self._growth_interval:
                self._scale, self._tracker = self._scale * self._growth_factor, 0
        self._found, self._stepped = {}, set()

    def get_scale(self) -> float:
        """The scale; 1.0 if it is not enabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """By which the scale grows."""
        return self._growth_factor

    def get_backoff_factor(self) -> float:
        """By which it becomes smaller."""
        return self._backoff_factor

    def get_growth_interval(self) -> int:
        """Steps until it grows."""
        return self._growth_interval

    def is_enabled(self) -> bool:
        """Whether anything is scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Scale, factors and the steps since the last overflow; empty if it is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale, "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor, "growth_interval": self._growth_interval,
            "_growth_tracker": self._tracker,
        }  # fmt: skip

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what ``state_dict`` gave (or PyTorch's). Raises ArgumentError if empty."""
        if not self._enabled:
            return
        if not state_dict:
            raise ArgumentError("the state is of a GradScaler that was not enabled")
        self._scale = float(state_dict["scale"])
        self._growth_factor = float(state_dict["growth_factor"])
        self._backoff_factor = float(state_dict["backoff_factor"])
        self._growth_interval = int(state_dict["growth_interval"])
        self._tracker = int(state_dict["_growth_tracker"])
