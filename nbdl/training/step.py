"""One step of supervised training: forward, loss, backward, update."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from nbdl.backends import has_data
from nbdl.core.tensor import Tensor
from nbdl.core.tree import copied
from nbdl.errors import TrainingError, brief
from nbdl.optim import clip_grad_norm_
from nbdl.training.batches import Batch, Caster, TargetRule, sort_batch
from nbdl.training.compilation import Compilation
from nbdl.training.gradients import norm
from nbdl.training.names import Loss


class StepResult(NamedTuple):
    """What a step gives: numbers to log, and what metrics are computed from.

    Attributes:
        gradients: the norm of each trained parameter's gradient, where the step knows them and
            does not leave the gradients themselves.
    """

    values: dict[str, float]
    outputs: Any
    targets: Any
    size: int
    gradients: list[float] | None = None


class SupervisedStep:
    """A step that fits ``model`` to (input, target) batches.

    Called with a batch, it leaves every parameter and buffer either updated or, when it raises,
    as it was. Long trainings are compiled: see ``compilation``.
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
        self.compilation = Compilation(self, False)
        self.number = 0

    def __call__(self, batch: Any) -> StepResult:
        given = self.prepare(batch)
        self.number += 1
        if self.compilation.wants(self.number):
            result = self._compiled(given)
            if result is not None:
                return result
        begun = time.perf_counter()
        kept = [(b, b.value) for b in self.model.buffers()]
        try:
            result = self._eager(given)
        except BaseException:
            for b, value in kept:
                b.value = value
            raise
        self.compilation.timed(time.perf_counter() - begun)
        return result

    def compute(
        self, inputs: Any, named: Any, targets: Any, keep_gradients: bool = False
    ) -> dict[str, Any]:
        """Loss and outputs; leaves clipped gradients in the parameters."""
        self.optimizer.zero_grad()
        outputs = self.model(*inputs, **named)
        loss = self.loss(*self.rule(outputs, targets))
        check_loss(loss, self.loss.name, (inputs, named, targets))
        loss.backward()
        if self.clip_norm is not None:
            clip_grad_norm_(self.parameters, self.clip_norm)
        results = {"loss": loss, "outputs": outputs}
        if keep_gradients:
            results["gradients"] = {n: p.grad for n, p in self.named if p.grad is not None}
        return results

    def update(self) -> None:
        """Let the optimizer make its step."""
        self.optimizer.step()

    def check_targets(self, outputs: Any, batch: tuple[Any, ...]) -> None:
        """What the loss's rule looks at in the targets' values: compiled code does not."""
        if outputs is not None:
            self.rule(Tensor._wrap(outputs), batch[2])

    def _compiled(self, batch: Batch) -> StepResult | None:
        """The step by compiled code, or None."""

        def accept(results: Any, squares: dict[str, float]) -> None:
            check_results(float(results["loss"]), squares, batch[:3])

        found = self.compilation(tuple(batch[:3]), accept)
        if found is None:
            return None
        results, squares = found
        norms = finished(self, results, squares)
        outputs = copied(results["outputs"])
        return StepResult({"loss": float(results["loss"])}, outputs, batch.targets, batch.size,
                          norms)  # fmt: skip

    def _eager(self, batch: Batch) -> StepResult:
        inputs, named, targets, size = batch
        first: list[StepResult] = []

        def compute() -> Any:
            results = self.compute(inputs, named, targets)
            loss, outputs = results["loss"], results["outputs"]
            if not first:  # what the step is about is how things were before it
                first.append(StepResult({"loss": float(loss.item())}, outputs, targets, size))
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


def finished(step: Any, results: Any, squares: dict[str, float]) -> list[float] | None:
    """The norms of the gradients of a compiled step; None where only they were compiled: then
    they are put into the parameters, and the optimizer makes its step with them."""
    if "gradients" not in results:
        return [math.sqrt(squares.get(name, 0.0)) for name, _ in step.named]
    for name, p in step.named:
        g = results["gradients"].get(name)
        p.grad = None if g is None else Tensor._wrap(g.copy())
    check_gradients(step.named)
    step.update()
    return None


def check_loss(loss: Any, name: str, batch: Any) -> None:
    """Raise TrainingError when the loss is no single number, or is NaN or Inf.

    While the step is being traced it has no value to look at.
    """
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
    if has_data(loss.value):
        check_finite(float(loss.item()), batch)


def check_results(loss: float, squares: dict[str, float], batch: Any) -> None:
    """Raise TrainingError when the loss or a gradient's sum of squares is not finite."""
    check_finite(loss, batch)
    for name, square in squares.items():
        if not math.isfinite(square):
            raise TrainingError(_spoilt(name), hint=_UNSTABLE)


def check_finite(loss: float, batch: Any) -> None:
    """Raise TrainingError when a loss is NaN or infinite."""
    if not math.isfinite(loss):
        raise TrainingError(f"the loss became {_word(loss)}{_where_from(batch)}", hint=_UNSTABLE)


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
            raise TrainingError(_spoilt(name), hint=_UNSTABLE)


def _spoilt(name: str) -> str:
    return f"the gradient of {name!r} became NaN or infinite"


StepFunction = Callable[[Any], StepResult]
