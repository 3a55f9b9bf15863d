"""What may be wished of a run: pause, stop, another learning rate, a checkpoint."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nbdl.errors import TrainingError
from nbdl.training.aborting import Abort
from nbdl.training.archive.records import FINAL
from nbdl.training.freezing import Freezing
from nbdl.training.names import check_lr
from nbdl.training.sources import whole
from nbdl.training.statistics.history import History

if TYPE_CHECKING:
    from nbdl.training.checkpointing.checkpoints import Checkpoints

AGAIN_S = 2.0
"""A second interrupt within so many seconds does not wait for the step's end."""


class Controls:
    """The controls of a Run. Called in any thread, they leave a wish, which is done between two
    steps by the training's own thread."""

    name: str
    status: str
    config: dict[str, Any]
    epochs: int | None
    total_steps: int | None
    history: History
    optimizers: list[Any]
    schedule: Any
    freezing: Freezing
    abort: Abort
    checkpoints: Checkpoints | None
    _changed: threading.Condition
    _ending: tuple[str, str] | None
    _paused: bool
    _single: int
    _wishes: deque[Callable[[], None]]
    _interrupted: float
    _lr: float | None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.status not in FINAL

    @property
    def lr(self) -> float | None:
        """The learning rate (of the first parameter group), or None without an optimizer."""
        for optimizer in self.optimizers:
            return float(optimizer.param_groups[0]["lr"])
        return self._lr

    def pause(self) -> None:
        """Wait after the step under way, until ``resume``."""
        with self._changed:
            self._paused = True
            self._changed.notify_all()

    def resume(self) -> None:
        """Go on after ``pause``."""
        with self._changed:
            self._paused, self._single = False, 0
            self._changed.notify_all()

    def single_step(self) -> None:
        """Make one step and pause."""
        with self._changed:
            self._paused = True
            self._single += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """End after the step under way, as 'stopped'; the model keeps what it has learned."""
        self.end_with("stopped", "stopped by hand")

    def interrupt(self) -> None:
        """End after the step under way, as 'interrupted'. May be called in a signal handler.

        A second call within two seconds ends the step itself, if it has not changed anything yet.
        """
        now = time.monotonic()
        again, self._interrupted = now - self._interrupted < AGAIN_S, now
        if again:
            self.abort.ask()
        self.end_with("interrupted", "interrupted")

    def set_lr(self, lr: float) -> None:
        """Train on with this learning rate in all parameter groups; a schedule is switched off.

        Raises ArgumentError at once for what is no positive number.
        """
        value = check_lr(lr)

        def change() -> None:
            before = self.lr
            for optimizer in self.optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = value
            if not self.optimizers:
                self._lr = value
            text = f"learning rate {value:g}" + (f", before {before:g}" if before else "")
            if self.schedule is not None:
                self.schedule = None
                text += "; the schedule is off"
            self.history.note("control", text)

        self._wish(change)

    def freeze(self, patterns: Any) -> None:
        """Leave the parameters as they are whose names fit, ``"features.*"``, from the next step
        on until ``unfreeze`` or the end. ArgumentError at once for a pattern that fits nothing."""
        found = self.freezing.find("freeze", patterns)
        self._wish(lambda: self._freeze(found, self.freezing.freeze, "frozen"))

    def unfreeze(self, patterns: Any = "*") -> None:
        """Train these parameters from the next step on; ArgumentError as for ``freeze``, and for
        what the optimizer does not have."""
        found = self.freezing.find("unfreeze", patterns)
        self.freezing.check_trained(self.optimizers, found)
        self._wish(lambda: self._freeze(found, self.freezing.thaw, "trained from here on"))

    def _freeze(self, found: dict[str, Any], change: Callable[[Any], None], what: str) -> None:
        change(found)
        self.history.note("control", f"{', '.join(found)}: {what}")

    def save(self) -> None:
        """Write a checkpoint after the step under way, which stays until the run is deleted.

        Raises TrainingError for a run that keeps no checkpoints, or is over.
        """
        if self.checkpoints is None:
            raise TrainingError(
                f"{self.name!r} keeps no checkpoints",
                hint="train without store=False and checkpoint=False; nbdl.track needs model= and "
                "optimizer=",
            )
        self._check_alive("save")
        self._wish(self.checkpoints.save)

    def add_epochs(self, count: int) -> None:
        """Train for ``count`` more epochs than was said; a schedule stays as it was planned.

        Raises ArgumentError for what is no positive whole number, TrainingError when it is over.
        """
        more = whole("add_epochs", count)
        with self._changed:
            self._check_alive("add epochs to")
            before, self.epochs = self.epochs or 1, (self.epochs or 1) + more
            if self.total_steps and not self.config.get("max_steps"):
                self.total_steps += self.total_steps // before * more
        self.history.note("control", f"{self.epochs} epochs, before {before}")

    def _check_alive(self, what: str) -> None:
        if not self.is_alive:
            raise TrainingError(
                f"{self.name!r} is {self.status}: there is nothing to {what}",
                hint="the same call with resume=True, epochs=... goes on with it",
            )

    def _wish(self, wish: Callable[[], None]) -> None:
        with self._changed:
            self._wishes.append(wish)
            self._changed.notify_all()

    def end_with(self, status: str, why: str) -> None:
        """End after the step under way, with this status and reason."""
        with self._changed:
            if self._ending is None and self.is_alive:
                self._ending = (status, why)
            self._changed.notify_all()

    def note(self, text: str) -> None:
        """Take down a remark in the history."""
        self.history.note("note", text)
