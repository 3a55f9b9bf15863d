"""Run: one training, and what became of it."""

from __future__ import annotations

import dataclasses
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl import events
from nbdl.core import lines, random
from nbdl.core.mistakes import told_to
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.training.aborting import Abort
from nbdl.training.active import release
from nbdl.training.archive.records import clock
from nbdl.training.checkpointing.state import Part
from nbdl.training.checkpointing.travel import Travels
from nbdl.training.controls import AGAIN_S, Controls
from nbdl.training.freezing import Freezing
from nbdl.training.laps import Laps
from nbdl.training.models import modules_of, source_of
from nbdl.training.settings import Settings
from nbdl.training.statistics.history import History
from nbdl.training.turns import Turns
from nbdl.training.worker import in_thread

if TYPE_CHECKING:
    from nbdl.training.checkpointing.checkpoints import Checkpoints

_RATE_S = 0.25
"""Seconds over which the throughput is measured."""

EXAMPLES = 24
"""So many examples of the validation data are kept with the model's answers."""


class Run(Controls, Travels):
    """One training. ``nbdl.train`` and ``nbdl.track`` make it.

    Its controls may be called from any thread: they leave a wish, which is done between two
    steps. Nothing but the training thread changes the model.

    Attributes:
        id: a short text, unique in the run store.
        name: the model's name, unless another was given.
        status: 'waiting', 'running', 'paused', and in the end 'finished' (all done, or a stop
            condition met), 'stopped' (by ``stop``), 'pruned' (by a sweep), 'interrupted' or
            'failed'.
        message: one sentence about the status.
        config: the arguments the run was started with.
        model: what is trained: a module, a list or dict of them, or None; ``models`` lists them.
        epoch: number of the epoch under way, from 1; ``epochs`` of them in all, if known.
        step: steps done; ``total_steps`` of them in all, if known.
        started, finished: unix times, or None.
        history: losses, metrics, learning rates, gradient norms, events.
        origin: fingerprints of the data and weights it began with, and where chance stood.
        results: the last value of each validation metric, matrices included.
        examples: the first (inputs, outputs, targets) of the last validation as NumPy arrays,
            or None; ``measured`` counts the validations, ``classes`` names the classes if known,
            ``tokenizer`` decodes inputs that are token numbers.
        epoch_values: for each epoch done the means of its losses and metrics, and ``val_...``.
        exception: why the run failed, or None.
        ema: with ``ema=``, the ``nn.AveragedModel`` of the weights; else None.
        generator: the random numbers of this run; cells that run meanwhile use others.
        parts: what else steps change, by name: see ``training.checkpointing.state``.
        checkpoints: writes its state to files; None for not.
        settings: default dtype and device, gradient mode and determinism, of its thread alone.
        best_epoch: the step after the best epoch with a checkpoint, and its score; or None.
        at_end: functions called in the training thread when the run is over.
        laps: where the time of a step goes: ``laps.seconds()``, by part.
        compiled: gives the Report of the compiled step; None if the training is not compiled.
        notice: a sentence for the dashboard to show, or "".
        watched: set by a view that shows the run; nothing draws its progress as text then.
        source, line: the cell's text that defined the model; (file, line) of the start; or None.
    """

    def __init__(
        self, name: str, config: dict[str, Any], model: Any = None, *, seed: int = 0,
        source: str | None = None,
    ) -> None:  # fmt: skip
        self.models = modules_of(model)
        self.id = secrets.token_hex(4)
        self.name, self.config, self.model = name, config, model
        self.source = source or source_of(self.models)
        self.status, self.message, self.notice = "waiting", "", ""
        self.watched = False
        self.epoch, self.step = 0, 0
        self.epochs: int | None = None
        self.total_steps: int | None = None
        self.started: float | None = None
        self.finished: float | None = None
        self.history = History()
        self.origin: dict[str, Any] = {}
        self.results: dict[str, Any] = {}
        self.examples: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self.measured = 0
        self.classes: tuple[str, ...] | None = None
        self.tokenizer: Any = None
        self.epoch_values: list[dict[str, float]] = []
        self.exception: BaseException | None = None
        self.generator, self.line = random.Generator(seed), lines.user_line()
        self.settings = dataclasses.replace(Settings.now(), gradients=True)
        self.optimizers: list[Any] = []
        self.schedule: Any = None
        self.compiled: Callable[[], Any] | None = None
        self.at_end: list[Callable[[], None]] = []
        self.ema: Any = None
        self.freezing = Freezing(self.models, self.history.gradients)
        self.parts: dict[str, Part] = {"freezing": self.freezing}
        self.abort, self.laps = Abort(), Laps()
        self._interrupted = -AGAIN_S
        self.checkpoints: Checkpoints | None = None
        self.best_epoch: tuple[int, float] | None = None
        self._done = threading.Event()
        self.turns = Turns()
        self._changed = self.turns.changed
        self._ending: tuple[str, str] | None = None  # the final status and why
        self._paused, self._single = False, 0
        self._wishes: deque[Callable[[], None]] = deque()
        self._begun = 0.0
        self._before = 0  # steps that an earlier process has done
        self._idle_s = 0.0
        self._idle_from: float | None = None
        self._samples = 0
        self._rate_from: tuple[float, int] | None = None
        self._rate = 0.0
        self._lr: float | None = None  # where there is no optimizer to ask
        self._lr_noted: float | None = None

    # ----- what it is doing -----------------------------------------------------------------

    @property
    def elapsed(self) -> float:
        """Seconds since the start, or of the whole run when it is over."""
        if self.started is None:
            return 0.0
        if self.finished is None:
            return time.perf_counter() - self._begun
        return self.finished - self.started

    @property
    def eta(self) -> float | None:
        """Seconds that are left, by the pace so far; None if nobody can tell."""
        done = self.step - self._before
        if not self.total_steps or not done or not self.is_alive:
            return None
        since = self._idle_from  # None while it trains
        idle = self._idle_s + (0.0 if since is None else time.perf_counter() - since)
        busy = max(0.0, self.elapsed - idle)
        return busy / done * max(0, self.total_steps - self.step)

    @property
    def throughput(self) -> float:
        """Samples a second, lately."""
        return self._rate

    def plan(self) -> Any:
        """How a compiled training computes its step: each kernel, its time and what limits it.

        Raises ArgumentError where the training is not compiled, or not yet.
        """
        if self.compiled is None:
            raise ArgumentError(
                f"the run {self.name!r} is not compiled (yet)",
                hint="nbdl.train(..., compile=True); run.history.events says why one is not",
            )
        with self.turns.reading():
            return self.compiled()

    # ----- waiting for it -------------------------------------------------------------------

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most ``timeout`` seconds; whether it has come. Never raises the
        run's exception."""
        return self._done.wait(timeout)

    def wait(self, timeout: float | None = None) -> Run:
        """Wait for the end; returns the run.

        Raises the run's exception if it failed, and KeyboardInterrupt if it was interrupted. A
        KeyboardInterrupt while waiting ends the run between two steps, everything kept.
        """
        try:
            deadline = None if timeout is None else time.monotonic() + timeout
            while not self._done.wait(
                0.5 if deadline is None else min(0.5, max(0.0, deadline - time.monotonic()))
            ):
                if deadline is not None and time.monotonic() >= deadline:
                    return self
        except KeyboardInterrupt:
            self.wind_up()
        return self.outcome()

    def wind_up(self) -> None:
        """Interrupt the run and wait for its end; a KeyboardInterrupt meanwhile hurries it, one
        more is raised."""
        self.interrupt()
        try:
            self._wait_awake()
        except KeyboardInterrupt:
            self.interrupt()
            self._wait_awake()

    def _wait_awake(self) -> None:
        """Wait for the end. Now and then the interpreter looks for signals, which may have come to
        another thread and then do not end a wait."""
        while not self._done.wait(0.2):
            pass

    def outcome(self) -> Run:
        """The run itself, or the exception that ``wait`` raises for how it ended."""
        if self.status == "failed" and self.exception is not None:
            raise self.exception
        if self.status == "interrupted":
            raise KeyboardInterrupt(
                f"the training of {self.name!r} was interrupted after step {self.step}; "
                "everything up to that step is kept"
            )
        return self

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold the training between two steps for the time of the block, to read the model."""
        with self.turns.reading():
            yield

    # ----- for the training thread ----------------------------------------------------------

    def launch(self, work: Callable[[], str | None]) -> None:
        """Do ``work`` in a thread; it returns the sentence to end with, or None if it ended
        because ``between_steps`` said so. ``claim`` comes first."""
        in_thread(lambda: self._work(work))

    def _work(self, work: Callable[[], str | None]) -> None:
        heard = told_to(self._hear, self.line)
        own = self.settings.applied()
        with random.use(self.generator), np.errstate(all="ignore"), heard, own:
            try:
                self.begin()
                message = work()
            except BaseException as error:
                self.end("failed", f"{type(error).__name__}: {error}", error)
            else:
                self.end("finished", message)

    def _hear(self, mistake: str) -> None:
        """A mistake that was seen while training: kept among the run's events, not printed."""
        self.history.note("warning", mistake)

    def begin(self) -> None:
        """The run starts, in this thread."""
        self.turns.begin()
        self._begun, self._before = time.perf_counter(), self.step
        self.started = time.time()
        self._set_status("running")
        self.tell(events.RunStarted)

    def between_steps(self) -> bool:
        """Do what was wished, wait while paused or read; False if the run is to end here."""
        self.take_snapshot()
        turns = self.turns
        with self._changed:
            while True:
                while self._wishes:
                    self._wishes.popleft()()
                if self._ending is not None:
                    turns.let_in()
                    return False
                if self._paused and not self._single:
                    turns.let_in()
                    self._idle("paused")
                elif turns.must_wait():
                    self._idle(self.status)
                else:
                    break
            self._single = max(0, self._single - 1)
            if self.status != "running":
                self._set_status("running")
            turns.start()
        return True

    def carry_on(self) -> bool:
        """Whether nobody wishes the run to end: asked where stopping half-way does no harm."""
        return self._ending is None

    def _idle(self, status: str) -> None:
        """Wait for a change, with the lock held; tells that the run is paused."""
        if self.status != status:
            self._set_status(status)
        self._idle_from = time.perf_counter()
        self._changed.wait()
        self._idle_s += time.perf_counter() - self._idle_from
        self._idle_from = None
        self._rate_from = None

    def step_done(self, values: dict[str, float], size: int) -> None:
        """A step is complete: take down its numbers and let readers in."""
        with self._changed:
            self.step += 1
            self.turns.stop()
        self._samples += size
        self.history.append(self.step, values)
        self._pace()
        lr = self.lr
        if lr is not None and lr != self._lr_noted:
            self._lr_noted = lr
            self.history.append(self.step, {"lr": lr})
        if events.heard(events.StepDone):
            self.tell(events.StepDone)

    def show_examples(self, inputs: Any, outputs: Any, targets: Any) -> None:
        """Keep the first of a validation's examples for views, where they are plain tensors."""
        values = (inputs, outputs, targets)
        if all(isinstance(value, Tensor) and value.ndim for value in values):
            x, outputs, y = (value[:EXAMPLES].numpy().copy() for value in values)
            self.examples = x, outputs, y
            self.measured += 1

    def _pace(self) -> None:
        now = time.perf_counter()
        if self._rate_from is None:
            self._rate_from = (now, self._samples)
            return
        seconds = now - self._rate_from[0]
        if seconds >= _RATE_S:
            self._rate = (self._samples - self._rate_from[1]) / seconds
            self._rate_from = (now, self._samples)
            self.history.append(self.step, {"throughput": self._rate})

    def end(self, status: str, message: str | None, error: BaseException | None = None) -> None:
        """The run is over; without a message, because of a wish to end."""
        if message is None:
            status, why = self._ending or ("finished", "ended")
            message = f"{why} after step {self.step}"
        self.turns.stop()
        if not self._rate and self._samples:
            self._rate = self._samples / max(time.perf_counter() - self._begun, 1e-9)
        self.exception = error
        self.finished = (self.started or time.time()) + self.elapsed  # whatever the clock did
        self.message = message
        self.history.note("error" if error is not None else "status", message)
        self._set_status(status)
        release(self)
        try:
            for done in self.at_end:
                done()
            self.tell(events.RunFinished)
        finally:  # whoever waits must not wait for ever
            self.turns.end()
            self._done.set()

    def _set_status(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.tell(events.RunStatus)

    def tell(self, kind: type[events.RunEvent]) -> None:
        """Fire an event about this run."""
        if not events.heard(kind):
            return
        try:
            events.fire(kind(self))
        except Exception as error:  # a view that fails must not end the training
            text = f"a listener failed: {type(error).__name__}: {error}"
            if not any(e[2] == text for e in self.history.events):
                self.history.note("warning", text)

    def __repr__(self) -> str:
        parts = [f"{self.name!r} {self.status}"]
        if self.epochs:
            parts.append(f"epoch {self.epoch} of {self.epochs}")
        total = f" of {self.total_steps}" if self.total_steps and self.is_alive else ""
        parts.append(f"step {self.step}{total}")
        parts.append(clock(self.elapsed))
        for name in self.history.names():
            if name not in ("lr", "throughput"):
                parts.append(f"{name} {self.history.last(name):.4g}")
        return f"<Run {self.id}: {', '.join(parts)}>"

