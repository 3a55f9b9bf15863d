"""One step of supervised training: forward, loss, backward, update."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from nbdl.core.tensor import Tensor
from nbdl.errors import TrainingError, brief
from nbdl.optim import clip_grad_norm_
from nbdl.training.batches import Batch, Caster, TargetRule, sort_batch
from nbdl.training.gradients import norm
from nbdl.training.names import Loss


class StepResult(NamedTuple):
    """What a step gives: numbers to log, and what metrics are computed from."""

    values: dict[str, float]
    outputs: Any
    targets: Any
    size: int


class SupervisedStep:
    """A step that fits ``model`` to (input, target) batches.

    Called with a batch, it leaves every parameter either updated or, when it raises, as it was.
    """

    def __init__(
        self, model: Any, loss: Loss, optimizer: Any, *, clip_norm: float | None = None,
        cast: Caster, target_key: str | None = None,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.clip_norm, self.cast, self.target_key = clip_norm, cast, target_key
        self.rule = TargetRule(loss)
        self.named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self.parameters = [p for _, p in self.named]

    def __call__(self, batch: Any) -> StepResult:
        inputs, named, targets, size = self.prepare(batch)
        first: list[StepResult] = []

        def compute() -> Any:
            self.optimizer.zero_grad()
            outputs = self.model(*inputs, **named)
            loss = self.loss(*self.rule(outputs, targets))
            value = finite_loss(loss, self.loss.name, (inputs, named, targets))
            if not first:  # what the step is about is how things were before it
                first.append(StepResult({"loss": value}, outputs, targets, size))
            loss.backward()
            if self.clip_norm is not None:
                clip_grad_norm_(self.parameters, self.clip_norm)
            check_gradients(self.named)
            return loss

        if getattr(self.optimizer, "needs_closure", False):
            self.optimizer.step(compute)
        else:
            compute()
            self.optimizer.step()
        return first[0]

    def prepare(self, batch: Any) -> Batch:
        """The batch sorted, its floats in the model's dtype."""
        inputs, named, targets, size = sort_batch(batch, self.target_key)
        cast = self.cast
        inputs = tuple(cast(x) for x in inputs)
        named = {key: cast(x) for key, x in named.items()} if named else named
        return Batch(inputs, named, cast(targets), size)


def finite_loss(loss: Any, name: str, batch: Any) -> float:
    """The loss as a number. Raises TrainingError when it is no single number, NaN or Inf."""
    if not isinstance(loss, Tensor):
        raise TrainingError(
            f"the loss {name!r} must return a tensor, got {brief(loss)}",
            hint="compute it from the outputs with nbdl's functions, so that it has a gradient",
        )
    if loss.size != 1:
        raise TrainingError(
            f"the loss {name!r} must be one number, got shape {loss.shape}",
            hint=".mean() over the samples",
        )
    value = float(loss.item())
    if math.isfinite(value):
        return value
    raise TrainingError(f"the loss became {_word(value)}{_where_from(batch)}", hint=_UNSTABLE)


_UNSTABLE = (
    "a smaller learning rate, clip_norm=1.0, or `with nbdl.detect_anomaly():` to find the "
    "operation; the model keeps the state before this step"
)


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


def _where_from(batch: Any) -> str:
    """Says so if the batch itself has NaN or Inf."""
    for what, part in zip(("inputs", "inputs", "targets"), batch, strict=True):
        for x in _floats(part):
            if not math.isfinite(norm(x.value)):
                return f": the {what} of this batch have NaN or infinite values"
    return ""


def _floats(part: Any) -> list[Any]:
    values = (
        part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else [part]
    )
    return [x for x in values if getattr(getattr(x, "dtype", None), "kind", "") == "f"]


def check_gradients(named: list[tuple[str, Any]]) -> None:
    """Raise TrainingError if a gradient has NaN or Inf, before it can spoil the weights."""
    for name, p in named:
        if p.grad is not None and not math.isfinite(norm(p.grad.value)):
            raise TrainingError(f"the gradient of {name!r} became NaN or infinite", hint=_UNSTABLE)


StepFunction = Callable[[Any], StepResult]
