"""The precision of a training: products in half precision, weights and the rest in float32."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from nbdl.errors import ArgumentError
from nbdl.ops.autocast import autocast
from nbdl.optim import GradScaler
from nbdl.training.registry import Registry

PRECISIONS: Registry[str] = Registry("precision")
"""Name -> dtype of the products."""

for _name, _dtype, *_aliases in (
    ("bf16", "bfloat16", "bfloat16", "bf16_mixed"),
    ("fp16", "float16", "float16", "16", "16_mixed", "fp16_mixed"),
    ("fp32", "float32", "float32", "32"),
):
    PRECISIONS.add(_name, _dtype, *_aliases)


class Precision:
    """How a step computes its loss, and lets an optimizer make its step.

    Args:
        name: of PRECISIONS; None for the tensors' own dtype.
        note: called with a sentence when a step is left out.
    """

    def __init__(self, name: str | None, note: Callable[[str], None] = lambda _: None) -> None:
        self.dtype = None if name in (None, "fp32") else PRECISIONS[str(name)]
        self.scaler = GradScaler(enabled=self.dtype == "float16")
        self.note = note

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled: such steps may be left out."""
        return self.scaler.is_enabled()

    def forward(self) -> Any:
        """A block for the model and the loss."""
        return nullcontext() if self.dtype is None else autocast(self.dtype)

    def check(self, optimizer: Any) -> None:
        """Raise ArgumentError for an optimizer that cannot be trained so."""
        if self.scales and getattr(optimizer, "needs_closure", False):
            raise ArgumentError(
                f"precision='fp16' does not go with {type(optimizer).__name__}, which computes "
                "gradients more than once a step",
                hint="precision='bf16', which needs no scaling",
            )

    def step(self, optimizer: Any) -> None:
        """The optimizer's step, or none where a gradient is too large for float16."""
        scaler = self.scaler
        scaler.step(optimizer)
        skipped = scaler.found_inf(optimizer)
        scaler.update()
        if skipped:
            optimizer.zero_grad()
            self.note(
                f"a step without an update: its gradients are too large for float16; the loss is "
                f"scaled by {scaler.get_scale():g} from here on ({scaler.skipped} such steps)"
            )

    def state_dict(self) -> dict[str, Any]:
        """The scaler's state."""
        return {**self.scaler.state_dict(), "skipped": self.scaler.skipped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.scaler.skipped = state["skipped"]
        if self.scales and "scale" in state:
            self.scaler.load_state_dict(state)
