"""The exponential mean of a run's weights, which is what the run is validated with."""

from __future__ import annotations

from typing import Any

from nbdl import backends, nn
from nbdl.errors import ArgumentError, brief


def as_decay(ema: Any) -> float | None:
    """A decay between 0 and 1, or None for no average; ArgumentError for anything else."""
    if ema is None or ema is False:
        return None
    if isinstance(ema, bool) or not isinstance(ema, (int, float)) or not 0 < ema < 1:
        raise ArgumentError(f"ema must be between 0 and 1, got {brief(ema)}", hint="ema=0.999")
    return float(ema)


class Averages:
    """Averages of a model's weights, which stand in for them while it is evaluated.

    Args:
        model: whose.
        decay: of the exponential mean; the first step's weights are its beginning.

    Attributes:
        averaged: the ``nn.AveragedModel``.
        raw: the model's own values of its parameters while the averages stand in for them.
    """

    def __init__(self, model: Any, decay: float) -> None:
        self.model = model
        self.averaged = nn.AveragedModel(model, multi_avg_fn=nn.get_ema_multi_avg_fn(decay))
        self.averaged.requires_grad_(False)
        self.raw: list[Any] | None = None

    def after_step(self) -> None:
        """Take the weights as they are now into the averages."""
        self.averaged.update_parameters(self.model)

    def eval(self) -> None:
        """Put the averages into the model."""
        if self.raw is not None or not int(self.averaged.n_averaged):
            return
        parameters = list(self.model.parameters())
        self.raw = [p.value for p in parameters]
        for p, a in zip(parameters, self.averaged.module.parameters(), strict=True):
            p.value = a.value

    def train(self) -> None:
        """Put the model's own weights back."""
        if self.raw is None:
            return
        for p, value in zip(self.model.parameters(), self.raw, strict=True):
            p.value = value
        self.raw = None

    def state_dict(self) -> dict[str, Any]:
        """The averages, and the weights that they stand in for."""
        raw = self.raw
        return {"averaged": dict(self.averaged.state_dict()),
                "raw": None if raw is None else [x.copy() for x in raw]}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken; the model's values are put back before."""
        self.averaged.load_state_dict(state["averaged"])
        raw = state["raw"]
        parameters = self.model.parameters()
        self.raw = None if raw is None else [
            backends.to_device(x, p.device) for x, p in zip(raw, parameters, strict=True)
        ]  # fmt: skip
