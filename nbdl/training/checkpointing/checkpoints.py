"""Checkpoints: a run's state in files, written by a thread of their own while training goes on.

Each is one safetensors file in ``.nbdl/checkpoints/<run>/``: arrays as such, the rest as JSON in
its metadata, a checksum of everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nbdl import files
from nbdl.errors import FileError, NbdlError
from nbdl.training.archive.recorder import recorder
from nbdl.training.checkpointing.policy import SHARE, Policy
from nbdl.training.checkpointing.state import State, capture
from nbdl.training.worker import in_thread

if TYPE_CHECKING:
    from nbdl.training.run import Run

VERSION = "1"
_VERSION, _STATE, _RUN = "nbdl.checkpoint", "nbdl.state", "nbdl.run"
_COMPLEX = "nbdl.complex128"

SOON_S = 0.25
"""A run that is over within so many seconds needs no checkpoint of its start."""

DURABLE_S = 1.0
"""Runs of so many seconds are worth waiting for the disk."""

_NAME = re.compile(r"step-(\d+)(-saved)?\.safetensors")


def folder_of(store: Path, run: str) -> Path:
    """Where the checkpoints of a run lie, beside the store file at ``store``."""
    return store.parent / "checkpoints" / run


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def step_of(path: Path) -> int:
    """The step after which a checkpoint was taken, by its name; 0 for another name."""
    match = _NAME.fullmatch(path.name)
    return int(match[1]) if match else 0


def _put_aside(path: Path) -> None:
    """Remove a checkpoint; one that somebody has asked for gets a name that nothing looks for."""
    with contextlib.suppress(OSError):
        if path.stem.endswith("-saved"):
            path.replace(path.with_name(f"before-{path.name}"))
        else:
            path.unlink()


# ----- one file -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds.

    Attributes:
        path: of the file.
        state: the run's state.
        run: what else is known of the run: id, name, config, source, origin, machine.
    """

    path: Path
    state: State
    run: dict[str, Any]


def write(path: Path, state: State, run: Mapping[str, Any], *, synced: bool = True) -> None:
    """Write a checkpoint. Raises FileError, the file that was there before being untouched."""
    arrays = dict(state.arrays)
    pairs = [name for name, array in arrays.items() if array.dtype == np.complex128]
    for name in pairs:  # the format has no such dtype
        arrays[name] = np.ascontiguousarray(arrays[name])[..., None].view(np.float64)
    texts = {_VERSION: VERSION, _STATE: json.dumps(state.rest), _RUN: json.dumps(run),
             _COMPLEX: json.dumps(pairs)}  # fmt: skip
    files.write_arrays(path, arrays, texts, synced=synced)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises FileError with its name when it is damaged or none."""
    arrays, texts = files.read_arrays(path, ours=True)
    if texts.get(_VERSION) != VERSION:
        raise FileError(
            f"{str(path)!r} is no checkpoint of a training that this nbdl knows",
            hint="nbdl.load reads files of weights",
        )
    try:
        for name in json.loads(texts[_COMPLEX]):
            arrays[name] = arrays[name].view(np.complex128)[..., 0]
        state, run = State(arrays, json.loads(texts[_STATE])), json.loads(texts[_RUN])
        missing = {"id", "name", "config", "objects", "origin", "machine"} - set(run)
        if missing or not re.fullmatch(r"\w+", run["id"]) or state.step < 0:
            raise ValueError(f"no {', '.join(sorted(missing)) or 'proper id'}")
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise FileError(f"{str(path)!r} is no good checkpoint: {error}") from None
    return Checkpoint(path, state, run)


# ----- a run's files ------------------------------------------------------------------------------


class Checkpoints:
    """Writes the checkpoints of one run.

    The training's thread calls ``begin``, ``after_step``, ``after_epoch``, ``save`` and ``end``
    between steps; it takes the state and goes on, and the file is written meanwhile. Nothing that
    goes wrong here ends the training: it is told in the run's history.

    Args:
        run: whose.
        folder: where.
        policy: when.
        beside: whether the steps wait at their commit point (``run.abort``) for what is copied.
        about: what is kept of the run besides its state: asked for in the writing thread.
    """

    def __init__(
        self, run: Run, folder: Path, policy: Policy, about: Callable[[], Mapping[str, Any]],
        beside: bool = False,
    ) -> None:  # fmt: skip
        self.beside = beside
        self.run, self.folder, self.policy, self.about = run, folder, policy, about
        self.written: int | None = None
        self._known: Mapping[str, Any] | None = None
        self._begun = self._last = time.perf_counter()
        self._earliest = self._begun
        self._spent = self._cost = 0.0
        self._wanted = False
        self._failing = False
        self._taken: tuple[int, int] | None = None  # steps and whole epochs of the newest state
        self._lock = threading.Lock()  # held while a file is written
        self._turn = threading.Lock()  # held for a moment, to change what waits
        self._waiting: _Job | None = None

    # ----- when -----------------------------------------------------------------------------

    def begin(self) -> None:
        """The run starts: what it starts from is written soon, if it lasts.

        Where it goes on from an earlier checkpoint, the later ones are of a past that is no more.
        """
        if self.folder.is_dir():
            files.sweep(self.folder)
        for path in checkpoint_files(self.folder):
            if step_of(path) > self.run.step:
                _put_aside(path)
        self._begun = self._last = self._earliest = time.perf_counter()
        asked = self.policy.steps is not None or self.policy.minutes is not None
        self._take(after=0.0 if asked else SOON_S)

    def after_step(self) -> None:
        """A step is done: a checkpoint by number of steps or by the clock, if it is time."""
        policy = self.policy
        if policy.steps is not None and self.run.step % policy.steps == 0:
            self._wanted = True
        if self._wanted:
            if self._waiting is None:
                self._take()
        elif policy.seconds is not None:
            now = time.perf_counter()
            if now - self._last >= policy.seconds and self._may(now, policy.minutes is not None):
                self._take()

    def after_epoch(self, values: Mapping[str, float]) -> None:
        """An epoch is done: a checkpoint, if writing is worth it, or this is the best epoch of a
        run that was asked to keep that."""
        score = self.policy.score(values)
        best = self.run.best_epoch
        better = score is not None and (best is None or score < best[1])
        if (better and self.policy.best is not None) or self._may(time.perf_counter()):
            if better and score is not None:
                self.run.best_epoch = (self.run.step, score)
            self._take(best=better)

    def save(self) -> None:
        """Write a checkpoint that stays, as somebody has asked for one."""
        self._take(stays=True)

    def end(self) -> None:
        """Take the last state; ``finish`` writes it."""
        if self._taken != self._now() or self._failing:
            self._take(after=None)

    def finish(self) -> None:
        """The run is over: write what is not written yet, now."""
        with self._lock:
            with self._turn:
                job, self._waiting = self._waiting, None
            if job is not None:
                self._write(job)
        if self.run.status == "finished":
            self._thin(1)

    def _may(self, now: float, always: bool = False) -> bool:
        """Whether nothing is being written, and writing has not taken its share of the time."""
        return self._waiting is None and (always or now >= self._earliest)

    # ----- how ------------------------------------------------------------------------------

    def _now(self) -> tuple[int, int]:
        return self.run.step, len(self.run.epoch_values)

    def _take(
        self, after: float | None = 0.0, stays: bool = False, best: bool = False
    ) -> None:
        """Take the state now, and have it written after ``after`` seconds, or by ``finish`` (None).

        One that waits for being written is forgotten, unless it is there to stay.
        """
        begun = time.perf_counter()
        try:
            job = _Job(self, capture(self.run, live=self.beside), stays, best)
        except NbdlError as error:
            self._failed(error.message)
            return
        self._wanted, self._last, self._taken = False, begun, self._now()
        if self.beside:
            self.run.abort.let_go()
            self.run.abort.copying = job.settled.wait
            in_thread(job.settle)
        self._spent += time.perf_counter() - begun
        with self._turn:
            before, self._waiting = self._waiting, job
            if before is not None and (before.stays or before.best) and not before.begun:
                job.before = before
        if after is not None:
            _writer.put(begun + after, job)

    def _write(self, job: _Job) -> None:
        """Write a state that was taken, and remove what is older."""
        job.settled.wait()
        begun = time.perf_counter()
        if job.before is not None:
            self._write(job.before)
        if job.state is None:
            self._failed("there is no memory for a copy of the state")
            return
        step = job.state.step
        path = self.folder / f"step-{step:08d}{'-saved' * job.stays}.safetensors"
        try:
            if self._known is None:
                self._known = dict(self.about())
            self.folder.mkdir(parents=True, exist_ok=True)
            recorder.sync()  # the store has at least the numbers up to here
            write(path, job.state, self._known, synced=begun - self._begun >= DURABLE_S)
        except (OSError, MemoryError, NbdlError, TypeError, ValueError) as error:
            self._failed(getattr(error, "message", None) or f"{type(error).__name__}: {error}")
        else:
            self.written, self._failing = step, False
            self._thin(self.policy.keep)
        self._cost = time.perf_counter() - begun
        self._spent += self._cost
        self._earliest = self._begun + (self._spent + self._cost) / SHARE

    def _failed(self, why: str) -> None:
        if not self._failing:  # said once, until one could be written
            good = "there is none" if self.written is None else f"it is that of step {self.written}"
            self.run.history.note(
                "warning",
                f"a checkpoint could not be written (the last good one: {good}): {why}; training "
                "goes on",
            )
        self._failing = True
        self._last = time.perf_counter()

    def _thin(self, keep: int) -> None:
        """Remove all but the newest, the best and those somebody has asked for."""
        found = [p for p in checkpoint_files(self.folder) if not p.stem.endswith("-saved")]
        best = None if self.run.best_epoch is None else self.run.best_epoch[0]
        for path in found[:-keep]:
            if step_of(path) != best:
                path.unlink(missing_ok=True)


class _Job:
    """A state to be written."""

    def __init__(self, of: Checkpoints, state: State, stays: bool, best: bool) -> None:
        self.of, self.stays, self.best = of, stays, best
        self.state: State | None = state
        self.begun = False
        self.before: _Job | None = None
        self.settled = threading.Event()
        if not of.beside:
            self.settled.set()

    def settle(self) -> None:
        """Copy what the next step changes; the step waits for it before it does."""
        live, self.state = self.state, None
        try:
            if live is not None:
                self.state = live.settled(self.of.run.compiled is not None)
        except MemoryError:
            pass  # told when it is to be written
        finally:
            del live
            self.settled.set()

    def __call__(self) -> None:
        """Write it, if no newer one has taken its place."""
        of = self.of
        with of._lock:
            with of._turn:
                self.begun = of._waiting is self
            if self.begun:
                of._write(self)
                with of._turn:
                    if of._waiting is self:
                        of._waiting = None


class _Writer:
    """The thread that writes the checkpoints of all runs, one after the other."""

    def __init__(self) -> None:
        self._jobs: list[tuple[float, _Job]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def put(self, due: float, job: _Job) -> None:
        """Have a job done when its time has come."""
        with self._changed:
            self._jobs.append((due, job))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._work, name="nbdl-checkpoints", daemon=True
                )
                self._thread.start()
            self._changed.notify()

    def _work(self) -> None:
        if hasattr(os, "setpriority"):  # of this thread alone, where threads have one
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        while True:
            self._next()()

    def _next(self) -> _Job:
        with self._changed:
            while True:
                self._jobs = [(due, job) for due, job in self._jobs if job.of._waiting is job]
                now = time.perf_counter()
                first = min(self._jobs, key=lambda pair: pair[0], default=None)
                if first is not None and first[0] <= now:
                    self._jobs.remove(first)
                    return first[1]
                self._changed.wait(None if first is None else first[0] - now)


_writer = _Writer()
