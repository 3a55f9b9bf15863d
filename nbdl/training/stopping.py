"""When a run has done enough: early stopping, convergence, conditions in words."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nbdl import backends
from nbdl.errors import ArgumentError, brief, did_you_mean
from nbdl.training.measuring.metrics import METRICS
from nbdl.training.names import check_options, parse

if TYPE_CHECKING:
    from nbdl.training.run import Run

Values = Mapping[str, float]
"""The means of an epoch by name: ``loss``, ``accuracy``, ``val_loss``, ..."""


class StopRule:
    """Base: asked after each epoch; a text ends the run and says why."""

    def after_epoch(self, run: Run, values: Values) -> str | None:
        """Why the run should end now, or None."""
        raise NotImplementedError

    def finish(self, run: Run) -> None:
        """The run is about to end, for whatever reason."""

    def state_dict(self) -> dict[str, Any]:
        """What it remembers from epoch to epoch."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where ``state_dict()`` was taken."""


def higher_is_better(name: str) -> bool:
    """Whether a series is one to be made large, by its name."""
    plain = name.removeprefix("val_")
    if plain in METRICS:
        return METRICS[plain]().better == "higher"
    return plain.startswith("top")


class EarlyStopping(StopRule):
    """End when ``monitor`` has not improved for ``patience`` epochs.

    Args:
        patience: epochs without improvement.
        monitor: a series; the validation loss if there is one, else the loss.
        min_delta: the least change that counts.
        restore_best: put the parameters of the best epoch back at the end.
    """

    def __init__(
        self, patience: int = 3, monitor: str | None = None, min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:  # fmt: skip
        if isinstance(patience, bool) or not isinstance(patience, int) or patience < 1:
            raise ArgumentError(
                f"early_stopping needs a number of epochs, at least 1, got {brief(patience)}"
            )
        self.patience, self.monitor = patience, monitor
        self.min_delta, self.restore_best = abs(float(min_delta)), restore_best
        self.best = math.inf
        self.best_epoch = 0
        self._kept: list[Any] = []  # values of the best epoch, in the order of _tensors

    def after_epoch(self, run: Run, values: Values) -> str | None:
        name = self.monitor or ("val_loss" if "val_loss" in values else "loss")
        value = _value(name, values)
        score = -value if higher_is_better(name) else value
        if score < self.best - self.min_delta:
            self.best, self.best_epoch = score, run.epoch
            if self.restore_best:
                self._kept = [t.value for t in _tensors(run)]  # never changed in place
            return None
        if run.epoch - self.best_epoch < self.patience:
            return None
        best = -self.best if higher_is_better(name) else self.best
        return f"early stopping: {name} has not improved since epoch {self.best_epoch} ({best:.4g})"

    def finish(self, run: Run) -> None:
        if self._kept:
            for tensor, value in zip(_tensors(run), self._kept, strict=True):
                tensor.value = value
            run.history.note("note", f"weights of epoch {self.best_epoch} restored")

    def state_dict(self) -> dict[str, Any]:
        kept = [backends.to_numpy(value) for value in self._kept]
        return {"best": self.best, "best_epoch": self.best_epoch, "kept": kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self._kept = state["kept"] if self.restore_best else []


def _tensors(run: Run) -> list[Any]:
    return [t for m in run.models for t in (*m.parameters(), *m.buffers())]


class Converged(StopRule):
    """End when the epoch's mean loss changes by less than ``tolerance`` for ``patience`` epochs.

    The change is relative to the loss where that is above 1.
    """

    def __init__(self, tolerance: float = 1e-4, patience: int = 3, on: str = "loss") -> None:
        if not tolerance > 0 or patience < 1:
            raise ArgumentError(
                f"convergence needs a positive tolerance and patience, got {tolerance!r} and "
                f"{patience!r}"
            )
        self.tolerance, self.patience, self.on = tolerance, patience, on
        self._last = math.nan
        self._quiet = 0

    def after_epoch(self, run: Run, values: Values) -> str | None:
        value = _value(self.on, values)
        small = abs(value - self._last) < self.tolerance * max(1.0, abs(value))
        self._quiet = self._quiet + 1 if small else 0
        self._last = value
        if self._quiet < self.patience:
            return None
        return f"{self.on} converged: it changed by less than {self.tolerance:g}"

    def state_dict(self) -> dict[str, Any]:
        return {"last": self._last, "quiet": self._quiet}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._last, self._quiet = state["last"], state["quiet"]


class Reached(StopRule):
    """End when a series is below or above a bound: ``"loss < 0.01"``."""

    def __init__(self, name: str, sign: str, bound: float) -> None:
        self.name, self.sign, self.bound = name, sign, bound

    def after_epoch(self, run: Run, values: Values) -> str | None:
        value = _value(self.name, values)
        there = value < self.bound if self.sign.startswith("<") else value > self.bound
        if there or (self.sign.endswith("=") and value == self.bound):
            return f"{self.name} reached {value:.4g} ({self.sign} {self.bound:g})"
        return None


class Asked(StopRule):
    """End when a user's function of the run says so."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def after_epoch(self, run: Run, values: Values) -> str | None:
        name = getattr(self.function, "__name__", "the condition")
        return f"stop_when: {name} holds" if self.function(run) else None


def _value(name: str, values: Values) -> float:
    if name not in values:
        raise ArgumentError(
            f"there is no {name!r} to stop by{did_you_mean(name, values)}",
            hint="this run has " + ", ".join(values),
        )
    return values[name]


_BOUND = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<|>)\s*([-+0-9.eE]+)\s*")
_CONVERGED = re.compile(r"\s*(?:([A-Za-z_]\w*)\s+)?converged\s*(\(.*\))?\s*")


def as_rules(stop_when: Any, early_stopping: Any) -> list[StopRule]:
    """The rules for ``stop_when`` and ``early_stopping``, as ``nbdl.train`` takes them."""
    conditions = stop_when if isinstance(stop_when, (list, tuple)) else [stop_when]
    rules = [_condition(condition) for condition in conditions if condition is not None]
    if early_stopping is None or early_stopping is False:
        return rules
    if isinstance(early_stopping, StopRule):
        return [*rules, early_stopping]
    if early_stopping is True:
        return [*rules, EarlyStopping()]
    if isinstance(early_stopping, Mapping):
        check_options("early_stopping", EarlyStopping, early_stopping)
        return [*rules, EarlyStopping(**early_stopping)]
    return [*rules, EarlyStopping(early_stopping)]


def _condition(condition: Any) -> StopRule:
    if isinstance(condition, StopRule):
        return condition
    if isinstance(condition, str):
        bound = _BOUND.fullmatch(condition)
        if bound:
            try:
                return Reached(bound[1], bound[2], float(bound[3]))
            except ValueError:
                raise ArgumentError(f"{bound[3]!r} in {condition!r} is no number") from None
        converged = _CONVERGED.fullmatch(condition)
        if converged:
            options = parse("converged" + (converged[2] or ""))[1]
            check_options("'converged'", Converged, options)
            return Converged(**{"on": converged[1] or "loss", **options})
    elif callable(condition):
        return Asked(condition)
    raise ArgumentError(
        f"the stop condition {brief(condition)} is not understood",
        hint="'loss converged', 'loss converged(tolerance=1e-5, patience=10)', 'loss < 0.01', "
        "'val_accuracy > 0.98', or a function of the run",
    )
