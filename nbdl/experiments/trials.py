"""The trials of a sweep, under way and over."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass
from typing import Any

from nbdl import events
from nbdl.data.optional import require
from nbdl.experiments.space import Choice
from nbdl.training import Run
from nbdl.training.archive.records import FINAL


@dataclass(frozen=True)
class Trial:
    """One training of a sweep that is over.

    Attributes:
        number: from 0.
        parameters: what was chosen for it.
        value: the last value of the sweep's metric, or None if there is none.
        status: that of its run: 'finished', 'pruned', 'stopped', 'failed' or 'interrupted'.
        run: its run.
    """

    number: int
    parameters: dict[str, Any]
    value: float | None
    status: str
    run: Run

    def words(self) -> str:
        """What was chosen, and what became of it."""
        value = "" if self.value is None else f" {self.value:.4g}"
        return f"trial {self.number}: {chosen(self.parameters)}: {self.status}{value}"


class Sweep:
    """A sweep under way or over: its trials so far, and the best. ``nbdl.sweep`` makes it.

    Its controls may be called from any thread, as those of a ``Run``.

    Attributes:
        id, name: short texts; the name is the tag of its runs in the run store.
        model: what is swept: a module, of which the trials train copies, or a function.
        metric: what is compared, and ``higher``: whether more of it is better.
        choices: what is tried for each parameter.
        total: how many trials there shall be.
        trials: those that are over, in their order.
        run, parameters: of the trial under way or the last one; None before the first.
        message: one sentence about the end, or "".
        exception: why the sweep failed, or None.
    """

    def __init__(
        self, model: Any, metric: str, higher: bool, choices: list[Choice], total: int
    ) -> None:
        self.id = secrets.token_hex(3)
        self.name = f"sweep-{self.id}"
        self.model = model
        self.metric, self.higher, self.choices, self.total = metric, higher, choices, total
        self.trials: list[Trial] = []
        self.run: Run | None = None
        self.parameters: dict[str, Any] = {}
        self.message = ""
        self.exception: BaseException | None = None
        self._status, self._notice = "running", ""
        self._paused = False
        self._ending: tuple[str, str] | None = None  # the final status and why
        self._changed = threading.Condition()
        self._done = threading.Event()

    # ----- what it is doing -----------------------------------------------------------------

    @property
    def status(self) -> str:
        """'running', 'paused', and in the end 'finished', 'stopped', 'interrupted' (both keep
        what there is) or 'failed'."""
        run = self.run
        if self._status == "running" and run is not None and run.status == "paused":
            return "paused"
        return "paused" if self._status == "running" and self._paused else self._status

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._status not in FINAL

    @property
    def notice(self) -> str:
        """A sentence for the dashboards of its trials to show, or ""."""
        return self._notice

    @notice.setter
    def notice(self, text: str) -> None:
        self._notice = text
        if self.run is not None:
            self.run.notice = text

    @property
    def best(self) -> Trial | None:
        """The finished trial with the best value, or None."""
        done = [t for t in self.trials if t.status == "finished" and t.value is not None]
        return (max if self.higher else min)(done, key=lambda t: t.value or 0.0) if done else None

    @property
    def best_run(self) -> Run | None:
        """Its run, whose ``model`` is trained."""
        return None if self.best is None else self.best.run

    # ----- waiting for it and controlling it ------------------------------------------------

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most ``timeout`` seconds; whether it has come. Never raises the
        sweep's exception."""
        return self._done.wait(timeout)

    def wait(self, timeout: float | None = None) -> Sweep:
        """Wait for the end; returns the sweep.

        Raises the sweep's exception if it failed, and KeyboardInterrupt if it was interrupted. A
        KeyboardInterrupt while waiting ends it between two steps, everything kept.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            while not self._done.wait(0.2):
                if deadline is not None and time.monotonic() >= deadline:
                    return self
        except KeyboardInterrupt:
            self.interrupt()
            while not self._done.wait(0.2):
                pass
        return self.outcome()

    def outcome(self) -> Sweep:
        """The sweep itself, or the exception that ``wait`` raises for how it ended."""
        if self.status == "failed" and self.exception is not None:
            raise self.exception
        if self.status == "interrupted":
            raise KeyboardInterrupt(
                f"{self.name} was interrupted in trial {len(self.trials)} of {self.total}; "
                "everything up to there is kept"
            )
        return self

    def pause(self) -> None:
        """Wait after the step under way, until ``resume``."""
        self._pause(True)

    def resume(self) -> None:
        """Go on after ``pause``."""
        self._pause(False)

    def _pause(self, paused: bool) -> None:
        with self._changed:
            self._paused = paused
            if self.run is not None:
                (self.run.pause if paused else self.run.resume)()
            self._changed.notify_all()
        self.tell(events.SweepChanged)

    def stop(self) -> None:
        """End the trial under way after its step, and the sweep; the trials so far are kept."""
        self.end_with("stopped", "stopped by hand")

    def interrupt(self) -> None:
        """The same, as 'interrupted'. May be called in a signal handler; a second call within
        two seconds ends the step itself, as that of a run."""
        self.end_with("interrupted", "interrupted")

    def end_with(self, status: str, why: str) -> None:
        """End after the step under way, with this status and reason."""
        with self._changed:
            if self._ending is None and self.is_alive:
                self._ending = (status, why)
            self._pass_on(status)
            self._changed.notify_all()

    def _pass_on(self, status: str) -> None:
        run = self.run
        if run is None or not run.is_alive:
            return
        if status == "interrupted":
            run.interrupt()
        else:
            run.end_with(status, f"{self.name} was {status}")

    # ----- for the thread that sweeps -------------------------------------------------------

    def enter(self, run: Run, parameters: dict[str, Any]) -> None:
        """A trial has begun: what was wished meanwhile is wished of it."""
        run.notice = self._notice
        with self._changed:
            self.run, self.parameters = run, parameters
            if self._ending is not None:
                self._pass_on(self._ending[0])
            elif self._paused:
                run.pause()
        self.tell(events.SweepChanged)

    def goes_on(self) -> bool:
        """Between two trials: wait while paused; whether nobody wishes the end."""
        with self._changed:
            while self._paused and self._ending is None:
                self._changed.wait()
            return self._ending is None

    def end(self, error: BaseException | None = None) -> None:
        """The sweep is over: as somebody wished, or by an error, or because all is done."""
        with self._changed:
            status, why = self._ending or ("finished", "all trials are done")
            self.message = why
            if error is not None:
                status, self.exception = "failed", error
                self.message = f"{type(error).__name__}: {error}"
            self._status = status
        self._done.set()
        self.tell(events.SweepChanged)

    def tell(self, kind: type[events.SweepEvent]) -> None:
        """Fire an event about this sweep."""
        if events.heard(kind):
            events.fire(kind(self))

    # ----- what it has found ----------------------------------------------------------------

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Headings and rows of text: the best trial first, those without a value last, and then
        the one under way."""
        names = [choice.name for choice in self.choices]
        sign = -1 if self.higher else 1

        def rank(t: Trial) -> tuple[bool, float]:
            return t.status != "finished" or t.value is None, sign * (t.value or 0.0)

        rows = [
            [str(t.number), *(short(t.parameters[name]) for name in names),
             "" if t.value is None else f"{t.value:.4g}", t.status, t.run.id]
            for t in sorted(self.trials, key=rank)
        ]  # fmt: skip
        run, number = self.run, len(self.trials)
        if run is not None and run.is_alive:
            now = [short(self.parameters[name]) for name in names]
            rows.append([str(number), *now, "", run.status, run.id])
        return ["trial", *names, self.metric, "status", "run"], rows

    def to_pandas(self) -> Any:
        """A pandas frame, one row a trial in their order."""
        pandas = require("pandas", "sweep.to_pandas()")
        return pandas.DataFrame(
            [{"trial": t.number, **t.parameters, self.metric: t.value, "status": t.status,
              "run": t.run.id} for t in self.trials]
        )  # fmt: skip

    def words(self) -> str:
        """How far it is or how many trials there were, and the best."""
        pruned = sum(t.status == "pruned" for t in self.trials)
        failed = sum(t.status == "failed" for t in self.trials)
        if self.is_alive:
            now = min(len(self.trials) + 1, self.total)
            said = f"{self.name} {self.status}: trial {now} of {self.total}"
            said += f" with {chosen(self.parameters)}" * bool(self.parameters)
        else:
            said = f"{self.name}: {len(self.trials)} trials"
        said += f", {pruned} pruned" * bool(pruned) + f", {failed} failed" * bool(failed)
        said += ", ended by hand" * (self._status in ("stopped", "interrupted"))
        said += f", failed by {self.message}" * (self._status == "failed")
        best = self.best
        if best is None:
            return f"{said}. None has finished{' yet' * self.is_alive}."
        return (
            f"{said}. Best {self.metric} {best.value:.4g} with {chosen(best.parameters)} "
            f"(run {best.run.id})."
        )

    def text(self) -> str:
        """All of it for a terminal."""
        heads, rows = self.table()
        widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
        lines = ["  ".join(w.ljust(n) for w, n in zip(row, widths, strict=True)).rstrip()
                 for row in (heads, *rows)]  # fmt: skip
        return "\n".join([self.words(), *lines])

    def __repr__(self) -> str:
        return self.text()


def chosen(parameters: dict[str, Any]) -> str:
    """The parameters of a trial in words: ``lr=0.01, width=32``."""
    return ", ".join(f"{name}={short(value)}" for name, value in parameters.items())


def short(value: Any) -> str:
    """A value in four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
