"""A loader's process: waits for wishes on its standard input, answers with batches.

It ends when its input does, whatever it is doing: with the loop that reads, and with the kernel,
however that dies.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from nbdl import dtypes
from nbdl.data import messages, sharing
from nbdl.data.reading import Reader, frames_of
from nbdl.data.segments import Segment
from nbdl.errors import DataError


def main() -> None:
    """Serve the loader on the other side of the pipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the loader's to answer
    stdin, stdout = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a data set prints must not come between the answers
    wishes: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(stdin, wishes), daemon=True).start()
    _Worker(stdout).serve(wishes)


def _listen(stdin: BinaryIO, wishes: queue.SimpleQueue[bytes]) -> None:
    while (message := messages.read(stdin)) is not None:
        wishes.put(message)
    os._exit(0)  # nobody is there any more: not even a sample that hangs may go on


class _Worker:
    def __init__(self, stdout: BinaryIO) -> None:
        self.stdout = stdout
        self.stream: Iterator[Any] = iter(())
        self.segments: list[Segment] = []
        self.reader: Reader | None = None
        self.keep: Any = None

    def serve(self, wishes: queue.SimpleQueue[bytes]) -> None:
        while True:
            what, slot, *args = messages.unpack(wishes.get(), ())
            try:
                self._answer(slot, getattr(self, what)(*args))
            except StopIteration:
                self._send("end", None)
            except BaseException as error:
                self._send("error", _told(error))

    def start(
        self, number: int, count: int, default: str, given: tuple[str, int],
        where: messages.Places, names: list[str],
    ) -> None:  # fmt: skip
        """Take over the data set. Its large arrays are read where they lie, by every process."""
        dtypes.set_default_float(default)
        name, size = given
        self.keep = Segment(name).bytes(size)
        self.keep.flags.writeable = False
        head, *arrays = messages.pieces(self.keep, where)
        self.segments = [Segment(name) for name in names]
        self.reader, begin = messages.unpack(head.tobytes(), arrays)
        sharing.enter(self.reader.info(number, count))
        if begin is not None:
            begin(number)

    def batch(self, indices: Any, epoch: int) -> Any:
        assert self.reader is not None
        return self.reader.batch(indices, epoch)

    def open(self, *args: Any) -> None:
        """Begin a stream."""
        assert self.reader is not None
        self.stream = self.reader.batches(*args)

    def next(self) -> Any:
        return next(self.stream)

    def _answer(self, slot: int, value: Any) -> None:
        message, buffers = messages.pack(value)
        where, size = messages.places(buffers)
        if size:
            try:
                memory = self.segments[slot].bytes(size)
            except OSError as error:
                raise DataError(
                    f"there is no memory to hand over a batch of {size / 1e6:.0f} MB: {error}",
                    hint="a smaller batch_size, prefetch_factor or num_workers",
                ) from error
            messages.put(memory, where, buffers)
        self._send("value", (message, where, size))

    def _send(self, kind: str, content: Any) -> None:
        messages.write(self.stdout, messages.pack((kind, content))[0])


def _told(error: BaseException) -> tuple[str, bytes, Any]:
    """An error as (its text, itself and its cause as bytes, places in the code)."""
    cause = error.__cause__
    text = f"{type(error).__name__}: {error}"
    try:
        whole = messages.pack((error, cause))[0]
        messages.unpack(whole, ())
    except Exception:  # errors of users' own classes may be neither packed nor unpacked
        plain = RuntimeError(f"{type(cause).__name__}: {cause}")
        own = error if isinstance(error, DataError) else RuntimeError(text)
        whole = messages.pack((own, plain))[0]
    return text, whole, frames_of(cause or error)
