"""One step of ``fit``: forward, loss, backward, update, metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nbdl.backends import has_data
from nbdl.core import modes
from nbdl.core.random import default_generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import copied
from nbdl.keras.metrics import Metric
from nbdl.training.compilation import Compilation
from nbdl.training.finite import (
    NotFiniteError,
    check_gradients,
    check_loss,
    check_results,
    origin_of,
)
from nbdl.training.run import Run
from nbdl.training.statistics.activations import unchanged
from nbdl.training.step import StepResult, finished, repeats_gradients

Done = tuple[float, Any, dict[str, float] | None]
"""Loss, outputs, and the norms of gradients if they are known."""


class Step:
    """One step of ``fit``: forward, loss, backward, update, metrics."""

    def __init__(
        self, model: Any, class_weight: dict[int, float] | None, quiet_nan: bool, run: Run
    ) -> None:
        self.model, self.class_weight, self.quiet_nan = model, class_weight, quiet_nan
        self.named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        self.metrics: list[Metric] = model._metrics
        self.optimizer = model.optimizer.bound
        self.compilation = Compilation(self, False)
        self.number = 0
        self.abort, self.laps = run.abort, run.laps

    def __call__(self, batch: Any) -> StepResult:
        x, y, weight = batch
        if self.class_weight is not None:
            weight = _with_class_weights(y, weight, self.class_weight)
        self.number += 1
        draws = default_generator().state()
        try:
            done = self._compiled(x, y, weight) if self.compilation.wants(self.number) else None
            loss, outputs, norms = self._eager(x, y, weight) if done is None else done
        except NotFiniteError as error:
            kept = [(b, b.value) for b in self.model.buffers()]
            origin_of(error, lambda: self.compute(x, y, weight), kept, draws)
            raise
        except _NotFinite as error:  # TerminateOnNaN ends the run; the weights stay
            return StepResult({"loss": error.args[0]}, [(error.args[1], y)], _size(x))
        values = {"loss": loss}
        for metric in self.metrics:
            metric.update_state(y, outputs.detach(), weight if metric.weighted else None)
            values[metric.name] = metric.result()
        return StepResult(values, [(outputs, y)], _size(x), norms)

    def state_dict(self) -> dict[str, Any]:
        """How many steps were made, by which path, and what the metrics have seen of the epoch."""
        return {"number": self.number, "compilation": self.compilation.state_dict(),
                "metrics": [metric.state_dict() for metric in self.metrics]}  # fmt: skip

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""
        self.number = state["number"]
        self.compilation.load_state_dict(state["compilation"])
        for metric, saved in zip(self.metrics, state["metrics"], strict=False):
            metric.load_state_dict(saved)

    def compute(self, x: Any, y: Any, weight: Any, keep_gradients: bool = False) -> dict[str, Any]:
        """Loss and outputs; leaves gradients in the parameters."""
        model = self.model
        model.optimizer.zero_grad()
        outputs = model(x)
        loss = model.with_penalties(model._loss(y, outputs, weight))
        if self.quiet_nan and has_data(loss.value) and not math.isfinite(loss.item()):
            raise _NotFinite(loss.item(), outputs)
        check_loss(loss, model._loss.name, (x, {}, y))
        self.laps.lap("forward")
        loss.backward()
        results = {"loss": loss, "outputs": outputs}
        if keep_gradients:
            results["gradients"] = {n: p.grad for n, p in self.named if p.grad is not None}
        return results

    def update(self) -> None:
        """Let the optimizer make its step."""
        self.abort.let_go()
        self.model.optimizer.step()

    @property
    def uncompilable(self) -> str:
        """Why it cannot be compiled at all, or an empty text."""
        return repeats_gradients(self.model.optimizer)

    @property
    def ingredients(self) -> list[Any]:
        """What the step is made of: see ``training.compilation.Step``."""
        model = self.model
        tensors = [*model.parameters(), *model.buffers()]
        return [model._loss, self.optimizer, self.quiet_nan, *model.modules(), *tensors]

    @contextmanager
    def looking(self, batch: Any, backward: bool) -> Iterator[None]:
        """A pass by eager code, for those who watch; after the block all is as before."""
        x, y, weight = batch
        with unchanged(self.model, [p for _, p in self.named]):
            if backward:
                self.compute(x, y, weight)
            else:
                with modes.no_grad():
                    self.model(x)
            yield

    def check_targets(self, outputs: Any, batch: tuple[Any, ...]) -> None:
        """Let the loss look at the targets, as it does in an eager step; those that do compare
        them with classes or probabilities."""
        spec = getattr(outputs, "spec", None)
        if spec is not None and "crossentropy" in self.model._loss.name:
            with modes.no_grad():
                self.model._loss(batch[1], Tensor._wrap(spec))

    def _eager(self, x: Any, y: Any, weight: Any) -> Done:
        results = self.compute(x, y, weight)
        check_gradients(self.named)
        self.abort.commit()
        self.laps.lap("backward")
        self.update()
        self.laps.lap("update")
        return results["loss"].item(), results["outputs"], None

    def _compiled(self, x: Any, y: Any, weight: Any) -> Done | None:
        def accept(results: Any, squares: dict[str, float]) -> None:
            self.abort.check()
            loss = float(results["loss"])
            if self.quiet_nan and not math.isfinite(loss):
                raise _NotFinite(loss, copied(results["outputs"]))
            check_results(loss, squares, (x, {}, y))
            self.abort.let_go()
            self.laps.lap("compute")

        found = self.compilation((x, y, weight), accept)
        if found is None:
            return None
        self.abort.changes = True
        results, squares = found
        norms = finished(self, results, squares)
        self.laps.lap("update")
        return float(results["loss"]), copied(results["outputs"]), norms


class _NotFinite(Exception):
    """The loss and the outputs of a step that is not learned from."""


def _size(x: Any) -> int:
    return x.shape[0] if x.shape else 1


def _with_class_weights(y: Any, weight: Any, by_class: dict[int, float]) -> Any:
    classes = y.numpy()
    if classes.ndim > 1:
        classes = classes.argmax(-1) if classes.shape[-1] > 1 else classes[..., 0]
    factors = [by_class.get(int(c), 1.0) for c in classes.reshape(-1)]
    given = classes.astype("float32")
    given.reshape(-1)[:] = factors
    return given if weight is None else given * weight
