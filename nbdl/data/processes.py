"""Processes that read batches for a loader: started afresh, never forked, ended with the loop."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.data import messages
from nbdl.data.reading import Frames, Reader
from nbdl.data.segments import Segment
from nbdl.errors import DataError, NbdlError

END = object()
"""What comes after the last batch of a stream."""

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
_START += "from nbdl.data.worker import main; main()"

_PATIENCE = 1.0
"""Seconds a process has to end by itself."""


class Processes:
    """Processes that hold one Reader each, and answer in the order in which they get free.

    Args:
        reader: what makes the batches; sent once to each process.
        count: how many processes.
        begin: called in each with its number before anything is read; None for nothing.
        lent: batches of each process that may be in use at the same time without a copy.

    Raises DataError when the data set cannot be sent to another process, or not opened there.
    """

    def __init__(
        self, reader: Reader, count: int, begin: Callable[[int], Any] | None, lent: int
    ) -> None:
        self.reader = reader
        head, beside = _packed(reader, begin)
        buffers = [memoryview(head), *beside]
        where, size = messages.places(buffers)
        given = Segment()
        self.workers: list[_Process] = []
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        try:
            messages.put(given.bytes(size), where, buffers)
            self.workers = [_Process(number, count, given, lent) for number in range(count)]
            default = str(dtypes.default_float())
            for worker in self.workers:
                worker.begin(default, (given.name, size), where)
            for worker in self.workers:
                worker.answer()
                self._idle.put(worker)
        except BaseException:
            self.close()
            raise
        finally:
            given.close()
        self.broken = False

    def call(self, what: str, *args: Any) -> Any:
        """What one of the processes answers; END where a stream has ended."""
        worker = self._idle.get()
        try:
            return self._answer(worker, what, args)
        finally:
            self._idle.put(worker)

    def call_one(self, number: int, what: str, *args: Any) -> Any:
        """What the process of this number answers."""
        return self._answer(self.workers[number], what, args)

    def _answer(self, worker: _Process, what: str, args: tuple[Any, ...]) -> Any:
        try:
            with worker.lock:  # an epoch that was left may still wait for its last answer
                return worker.call(what, *args)
        except LoaderProcessError:
            self.broken = True
            raise

    def close(self) -> None:
        """End all processes, whatever they are doing."""
        for worker in self.workers:
            worker.hang_up()
        for worker in self.workers:
            worker.end()


class LoaderProcessError(DataError):
    """A process has ended although nobody told it to."""


class _Process:
    """One process, and the segments through which it hands over its batches."""

    def __init__(self, number: int, count: int, given: Segment, lent: int) -> None:
        self.title = f"loader process {number + 1} of {count}"
        self.number, self.count = number, count
        self.lock = threading.Lock()
        self.doing = "starting"
        self.segments = [Segment() for _ in range(lent + 1)]
        self.free = deque(range(len(self.segments)))
        inherited = [s.descriptor for s in (given, *self.segments) if s.descriptor >= 0]
        threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        options: dict[str, Any] = {"creationflags": 0x08000000}  # no window of its own
        if sys.platform != "win32":  # an interrupt for the notebook is none for its processes
            options = {"pass_fds": inherited, "start_new_session": True}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | threads, **options,
        )  # fmt: skip

    def begin(self, default: str, given: tuple[str, int], where: messages.Places) -> None:
        names = [segment.name for segment in self.segments]
        self._ask(0, "start", self.number, self.count, default, given, where, names)

    def call(self, what: str, *args: Any) -> Any:
        slot = self.free.popleft()  # there is always one: see _lend
        self.doing = f"reading {_which(what, args)}"
        self._ask(slot, what, *args)
        return self.answer(slot)

    def _ask(self, slot: int, what: str, *args: Any) -> None:
        message, _ = messages.pack((what, slot, *args))
        try:
            assert self.process.stdin is not None
            messages.write(self.process.stdin, message)
        except (OSError, ValueError):
            raise self._ended() from None

    def answer(self, slot: int | None = None) -> Any:
        """Wait for the answer, or raise what went wrong over there."""
        assert self.process.stdout is not None
        try:
            message = messages.read(self.process.stdout)
        except (OSError, ValueError):
            message = None
        if message is None:
            raise self._ended()
        kind, content = messages.unpack(message, ())
        if kind == "value":
            return self._lend(slot, *content)
        if slot is not None:
            self.free.append(slot)
        if kind == "end":
            return END
        raise _error(self.title, *content)

    def _lend(self, slot: int | None, message: bytes, where: messages.Places, size: int) -> Any:
        """The value: its arrays lie in the segment, which is free again when they are gone.

        The last free segment is not lent: then the value is a copy, so that the process can go
        on whatever becomes of its batches.
        """
        if slot is None or not size:
            if slot is not None:
                self.free.append(slot)
            return messages.unpack(message, ())
        memory = self.segments[slot].bytes(size)
        if self.free:
            weakref.finalize(memory, self.free.append, slot).atexit = False
        else:
            memory = memory.copy()
            self.free.append(slot)
        return messages.unpack(message, messages.pieces(memory, where))

    def _ended(self) -> LoaderProcessError:
        """The error for a process that is gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        code = self.process.poll()
        how = f"ended with exit code {code}"
        hint = "what it printed before stands in the notebook's log"
        if code is not None and code < 0:
            name = next((s.name for s in signal.Signals if s == -code), f"signal {-code}")
            how, hint = f"was killed by {name}", "processes=False reads in threads"
            if name == "SIGKILL":
                hint = "was memory short? num_workers=1 or a smaller batch_size needs less"
        what = f"{self.title} (pid {self.process.pid}) {how} while {self.doing}"
        return LoaderProcessError(what, hint=hint)

    def hang_up(self) -> None:
        """Tell the process to end."""
        with contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.close()

    def end(self) -> None:
        """Wait until it has."""
        try:
            self.process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError, ValueError):
                assert pipe is not None
                pipe.close()
        for segment in self.segments:
            segment.close()


def _which(what: str, args: tuple[Any, ...]) -> str:
    if what != "batch":
        return "the stream"
    numbers = [str(i) for i in np.asarray(args[0])[:8]]
    return f"samples {', '.join(numbers)}" + (", ..." if len(args[0]) > 8 else "")


def _packed(reader: Reader, begin: Any) -> tuple[bytes, list[memoryview]]:
    try:
        return messages.pack((reader, begin))
    except NbdlError:
        raise
    except Exception as error:
        raise DataError(
            f"{_culprit(reader)} cannot be sent to another process: "
            f"{type(error).__name__}: {error}",
            hint="open files, connections and locks when the first sample is read, not in "
            "__init__; or processes=False, which reads in threads",
        ) from error


def _culprit(reader: Reader) -> str:
    """What of a data set refuses to be packed, in words."""
    if _refuses(reader.collate_fn):
        return "collate_fn"
    dataset, path = reader.dataset, repr(reader.dataset)
    while True:
        wrong = next((n for n, v in getattr(dataset, "__dict__", {}).items() if _refuses(v)), None)
        if wrong is None:
            return path
        dataset, path = getattr(dataset, wrong), f".{wrong} of {path}"


def _refuses(value: Any) -> bool:
    try:
        messages.pack(value)
    except Exception:
        return True
    return False


def _error(title: str, text: str, whole: bytes, frames: Frames) -> BaseException:
    """An error of a process as one of this one, its cause with the traceback from there."""
    try:
        error, cause = messages.unpack(whole, ())
    except Exception:
        error, cause = DataError(text), None
    there = "".join(traceback.StackSummary.from_list([(*f, None) for f in frames]).format())
    if cause is not None:
        cause.add_note(f"In {title}:\n{there.rstrip()}")
        error.__cause__ = cause
    error.frames = frames
    return error if isinstance(error, NbdlError) else _not_ours(title, error, there)


def _not_ours(title: str, error: BaseException, there: str) -> DataError:
    found = DataError(f"{title} could not go on: {type(error).__name__}: {error}")
    error.add_note(f"In {title}:\n{there.rstrip()}")
    found.__cause__ = error
    return found
