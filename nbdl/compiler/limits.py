"""What this machine can do at most: the yardstick of every call of a plan."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nbdl.backends import onednn
from nbdl.backends.kernels import runtime
from nbdl.backends.kernels.compile import compile_kernels
from nbdl.backends.kernels.program import Array, Instruction, Kernel

PRODUCTS = ((512, 20), (1024, 6))
"""Sizes of the square matrices that are multiplied, and how often."""

COPIES = tuple((1 << power, 1 << max(2, 12 - power // 2)) for power in (15, 17, 19, 21, 23, 26))
"""Bytes of the arrays that are copied, from within the first cache to far beyond the last, and how
often."""


@dataclass(frozen=True)
class Limits:
    """What the machine reached when it was measured.

    Attributes:
        flops: floating-point operations a second, in a product of float32 matrices.
        bandwidths: (bytes read and written, bytes a second) of copies, by size: what lies in a
            cache comes much faster than what does not.
    """

    flops: float
    bandwidths: tuple[tuple[int, float], ...]

    @property
    def bandwidth(self) -> float:
        """Bytes a second of the largest copy: that of the memory itself."""
        return self.bandwidths[-1][1]

    def seconds(self, flops: int, nbytes: int) -> float:
        """The least that a call may take: for its arithmetic or its bytes, whichever is longer."""
        sizes, rates = zip(*self.bandwidths, strict=True)
        rate = np.interp(np.log2(max(nbytes, 1)), np.log2(sizes), rates)
        return max(flops / self.flops, nbytes / float(rate))


@functools.cache
def measured_limits() -> Limits:
    """Measure the machine, once: products of matrices, and copies with the threads that plans
    use."""
    rates = [2 * n**3 / _shortest([_product(n)], times) for n, times in PRODUCTS]
    copies = tuple((2 * n, 2 * n / _shortest(_copies(n), times)) for n, times in COPIES)
    return Limits(max(rates), copies)


def timed(run: Callable[[], Any]) -> float:
    """Seconds of a call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _shortest(ways: list[Callable[[], Any]], times: int) -> float:
    return min(timed(run) for run in ways for _ in range(times))


def _product(n: int) -> Callable[[], Any]:
    """The fastest product there is: oneDNN's, or NumPy's."""
    a = np.ones((n, n), np.float32)
    out = np.empty_like(a)
    if not onednn.available():
        return lambda: np.matmul(a, a, out=out)
    layout = onednn.Layout.dense(a.shape)
    made = onednn.matmul(layout, layout, layout)
    scratch = np.empty(made.scratchpad_bytes or 1, np.uint8)
    arrays: dict[str, Any] = {"src": a, "weights": a, "dst": out, "scratchpad": scratch}
    call = made.bind({role: arrays[role].ctypes.data for role in made.roles})

    def run(_: Any = arrays) -> None:  # the arrays live as long as the function
        call()

    return run


def _copies(nbytes: int) -> list[Callable[[], Any]]:
    """Ways to copy: NumPy's, and a loop on all threads."""
    source = np.ones(nbytes // 4, np.float32)
    target = np.empty_like(source)
    ways: list[Callable[[], Any]] = [lambda: np.copyto(target, source)]
    kernel = Kernel(1, 0, "outer", (Array("float32", "1"),) * 2, tuple(_copying()))
    [compiled] = compile_kernels([kernel])
    args = runtime.bind(kernel, [source.size], [[source.ctypes.data], [target.ctypes.data]])
    blocks = runtime.blocks(kernel, [source.size])
    batch = runtime.tasks_for(compiled, args, blocks, runtime.thread_count())
    entry = runtime.parallel_address(), int(batch.ctypes.data), 0, 0, 0
    ways.append(runtime.Walk([entry], (args, batch, source, target)))
    return ways


def _copying() -> Iterator[Instruction]:
    yield Instruction("load", attribute=0)
    yield Instruction("store", (0,), attribute=1)
