"""One step of supervised training: forward, loss, backward, update."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from nbdl import dtypes
from nbdl.core.modes import no_grad
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import copied
from nbdl.optim import clip_grad_norm_
from nbdl.training.aborting import Abort
from nbdl.training.batches import Batch, Caster, TargetRule, sort_batch
from nbdl.training.compilation import Compilation
from nbdl.training.finite import (
    NotFiniteError,
    check_gradients,
    check_loss,
    check_results,
    origin_of,
)
from nbdl.training.laps import Laps
from nbdl.training.names import Loss
from nbdl.training.precision import Precision
from nbdl.training.recomputing import Recomputing
from nbdl.training.sources import Group
from nbdl.training.statistics.activations import unchanged


class StepResult(NamedTuple):
    """What a step gives: numbers to log, and what metrics are computed from.

    Attributes:
        batches: (outputs, targets) of each batch that it learned from.
        size: samples in all.
        gradients: the norm of each trained parameter's gradient, where the step knows them and
            does not leave the gradients themselves.
    """

    values: dict[str, float]
    batches: Sequence[tuple[Any, Any]]
    size: int
    gradients: dict[str, float] | None = None


class SupervisedStep:
    """A step that fits ``model`` to (input, target) batches.

    Called with a batch, or a Group of them whose mean loss it learns from, it leaves every
    parameter and buffer either updated or, when it raises, as it was. Long trainings are
    compiled: see ``compilation``.

    Attributes:
        mix: done to each batch of the training.
        recomputing: the layers whose activations are computed again.
    """

    def __init__(
        self, model: Any, loss: Loss, optimizer: Any, *, clip_norm: float | None = None,
        cast: Caster, target_key: str | None = None, abort: Abort | None = None,
        laps: Laps | None = None, precision: Precision | None = None,
    ) -> None:  # fmt: skip
        self.model, self.loss, self.optimizer = model, loss, optimizer
        self.clip_norm, self.cast, self.target_key = clip_norm, cast, target_key
        self.precision = Precision(None) if precision is None else precision
        self.precision.check(optimizer)
        self.recomputing = Recomputing(model, ())
        self.mix: Callable[[Batch], Batch] = lambda batch: batch
        self.rule = TargetRule(loss)
        self._listed = list(model.named_parameters())
        self.compilation = Compilation(self, False)
        self.number = 0
        self.abort = Abort() if abort is None else abort
        self.laps = Laps() if laps is None else laps

    @property
    def named(self) -> list[tuple[str, Any]]:
        """(path, parameter) of those that are trained now."""
        return [(name, p) for name, p in self._listed if p.requires_grad]

    ingredients = None
    """Each training has an optimizer of its own: nothing compiled for an earlier one serves it."""

    @property
    def uncompilable(self) -> str:
        """Why it cannot be compiled at all, or an empty text."""
        if self.precision.dtype is not None:
            return f"operations that are fused round to {self.precision.dtype} at other places"
        if self.recomputing.layers:
            return "a compiled step keeps or computes again what it likes"
        return repeats_gradients(self.optimizer)

    def __call__(self, batch: Any) -> StepResult:
        given = self._parts(batch)
        self.laps.lap("data")
        self.number += 1
        draws = default_generator().state()
        try:
            return self._made(given)
        except NotFiniteError as error:
            kept = [(b, b.value) for b in self.model.buffers()]
            named = self.model.named_parameters()
            origin_of(error, lambda: self.compute(*given), kept, draws, named)
            raise

    def _made(self, given: tuple[Batch, ...]) -> StepResult:
        if self.compilation.wants(self.number):
            result = self._compiled(given)
            if result is not None:
                return result
        kept = [(b, b.value) for b in self.model.buffers()]
        try:
            result = self._eager(given)
        except BaseException:
            for b, value in kept:
                b.value = value
            raise
        return result

    def state_dict(self) -> dict[str, Any]:
        """How many steps were made, and by which path."""
        return {"number": self.number, "compilation": self.compilation.state_dict(),
                "precision": self.precision.state_dict()}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.number = state["number"]
        self.compilation.load_state_dict(state["compilation"])
        self.precision.load_state_dict(state["precision"])

    def compute(self, *batches: Batch, keep_gradients: bool = False) -> dict[str, Any]:
        """Loss, and the outputs for each batch; leaves clipped gradients in the parameters."""
        self.optimizer.zero_grad()
        losses, outputs = [], []
        for batch in batches:
            with self.precision.forward(), self.recomputing():
                outputs.append(self.model(*batch.inputs, **batch.named))
                loss = self.loss(*self.rule(outputs[-1], batch.targets))
            check_loss(loss, self.loss.name, batch[:3])
            self.laps.lap("forward")
            if batch.share is not None:
                loss = loss * batch.share
            self.precision.scaler.scale(loss).backward()
            losses.append(loss.detach())
            self.laps.lap("backward")
        self.precision.scaler.unscale_(self.optimizer)
        if self.clip_norm is not None:
            clip_grad_norm_([p for _, p in self.named], self.clip_norm)
        results = {"loss": sum(losses[1:], losses[0]), "outputs": tuple(outputs)}
        if keep_gradients:
            results["gradients"] = {n: p.grad for n, p in self.named if p.grad is not None}
        return results

    def update(self) -> None:
        """Let the optimizer make its step."""
        self.abort.let_go()
        self.optimizer.step()

    @contextmanager
    def looking(self, batch: Any, backward: bool) -> Iterator[None]:
        """A pass by eager code, for those who watch; after the block all is as before."""
        with unchanged(self.model, [p for _, p in self._listed]):
            parts = self._parts(batch)
            if backward:
                self.compute(*parts)
            else:
                with no_grad(), self.precision.forward():
                    self.model(*parts[0].inputs, **parts[0].named)
            yield

    def check_targets(self, outputs: Any, batch: tuple[Any, ...]) -> None:
        """What the loss's rule looks at in the targets' values: compiled code does not."""
        for part, output in zip(batch, outputs, strict=True):
            spec = getattr(output, "spec", None)
            if spec is not None:
                self.rule(Tensor._wrap(spec), part.targets)

    def _compiled(self, batches: tuple[Batch, ...]) -> StepResult | None:
        """The step by compiled code, or None."""

        def accept(results: Any, squares: dict[str, float]) -> None:
            self.abort.check()
            check_results(float(results["loss"]), squares, *(batch[:3] for batch in batches))
            self.abort.let_go()
            self.laps.lap("compute")

        found = self.compilation(batches, accept)
        if found is None:
            return None
        self.abort.changes = True
        results, squares = found
        norms = finished(self, results, squares)
        self.laps.lap("update")
        return self._result(batches, float(results["loss"]), copied(results["outputs"]), norms)

    @staticmethod
    def _result(
        batches: tuple[Batch, ...], loss: float, outputs: Any,
        norms: dict[str, float] | None = None,
    ) -> StepResult:
        pairs = [
            (y, batch.targets if batch.labels is None else batch.labels)
            for y, batch in zip(outputs, batches, strict=True)
        ]
        return StepResult({"loss": loss}, pairs, sum(batch.size for batch in batches), norms)

    def _eager(self, batches: tuple[Batch, ...]) -> StepResult:
        first: list[StepResult] = []

        def compute() -> Any:
            results = self.compute(*batches)
            loss = results["loss"]
            if not first:  # what the step is about is how things were before it
                first.append(self._result(batches, float(loss.item()), results["outputs"]))
            if not self.precision.scales:  # else the step is left out
                check_gradients(self.named)
            return loss

        if getattr(self.optimizer, "needs_closure", False):
            self.abort.commit()
            self.optimizer.step(compute)
        else:
            compute()
            self.abort.commit()
            self.laps.lap("backward")
            self.precision.step(self.optimizer)
        self.laps.lap("update")
        return first[0]

    def prepare(self, batch: Any) -> Batch:
        """The batch sorted, its floats in the model's dtype."""
        inputs, named, targets, size = sort_batch(batch, self.target_key)[:4]
        cast = self.cast
        inputs = tuple(cast(x) for x in inputs)
        named = {key: cast(x) for key, x in named.items()} if named else named
        return Batch(inputs, named, cast(targets), size)

    def _parts(self, batch: Any) -> tuple[Batch, ...]:
        """The batches of the step, each with its part in the loss if there are several.

        One whose targets are all ignored has no mean, and no part in that of the others.
        """
        if not isinstance(batch, Group):
            return (self.mix(self.prepare(batch)),)
        found = [self.mix(self.prepare(member)) for member in batch]
        weights = [self.loss.weight(b.targets, b.size) for b in found]
        total, dtype = sum(weights), self.cast.dtype or dtypes.float32
        shares = [w / total if total else 1.0 for w in weights]
        return tuple(
            b._replace(share=Tensor(np.asarray(share, dtype)))
            for b, share in zip(found, shares, strict=True)
            if share
        )


def repeats_gradients(optimizer: Any) -> str:
    """A sentence about an optimizer whose step cannot be traced, or an empty text."""
    if not getattr(optimizer, "needs_closure", False):
        return ""
    return f"{type(optimizer).__name__} computes gradients more than once"


def finished(step: Any, results: Any, squares: dict[str, float]) -> dict[str, float] | None:
    """The norms of the gradients of a compiled step; None where only they were compiled: then
    they are put into the parameters, and the optimizer makes its step with them."""
    if "gradients" not in results:
        return {name: math.sqrt(squares.get(name, 0.0)) for name, _ in step.named}
    for name, p in step.named:
        g = results["gradients"].get(name)
        p.grad = None if g is None else Tensor._wrap(g.copy())
    check_gradients(step.named)
    step.update()
    return None


StepFunction = Callable[[Any], StepResult]
