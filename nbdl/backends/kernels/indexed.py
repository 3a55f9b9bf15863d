"""Large arrays read and added to by index, at once: what NumPy does one element after the other.

Each function answers whether it did it; where not (dtypes that it does not know, a wrong index),
NumPy has to, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from nbdl.backends.kernels import runtime
from nbdl.backends.kernels.arithmetic import cast
from nbdl.backends.kernels.compile import compile_functions
from nbdl.backends.kernels.ir import BITS, Code, Module, Value, select
from nbdl.backends.kernels.program import WIDTH
from nbdl.backends.kernels.special import body_of, load, place_of, scatter_add_rows, words_of

_SHARED = 1 << 17
"""Elements from which waking other threads is worth it."""

_FLOATS = {"f": "float32", "d": "float64"}


def add_rows(total: np.ndarray, rows: np.ndarray, values: np.ndarray) -> bool:
    """``total[rows[i]] += values[i]`` for i in order.

    total: (n, width), rows: (m,), int64, not negative, values: (m, width), all contiguous.
    """
    arrays = total, rows, values
    if not _fits(total, rows) or values.dtype != total.dtype or not _contiguous(*arrays):
        return False
    width = total.shape[1]
    addresses = [runtime.address_of(a) for a in arrays]
    words = [len(total), len(rows), width, *addresses, width, width]
    _call(scatter_add_rows(_FLOATS[total.dtype.char]), words, -(-width // WIDTH), values.size)
    return True


def gather(x: np.ndarray, index: np.ndarray, y: np.ndarray) -> bool:
    """``y[a, i, b] = x[a, index[a, i, b], b]``; negative indices count from the end."""
    return _along("gather", x, index, y)


def spread(total: np.ndarray, index: np.ndarray, values: np.ndarray) -> bool:
    """``total[a, index[a, i, b], b] += values[a, i, b]`` for i in order."""
    return _along("spread", total, index, values)


def _along(name: str, whole: np.ndarray, index: np.ndarray, part: np.ndarray) -> bool:
    """Work on whole: (a, n, b), index and part: (a, i, b)."""
    arrays = whole, index, part
    if not _fits(whole, index) or part.dtype != whole.dtype or not _contiguous(*arrays):
        return False
    if not whole.shape[1]:
        return False
    wrong = np.zeros(1, np.int64)
    addresses = [runtime.address_of(a) for a in (*arrays, wrong)]
    words = [whole.shape[1], index.shape[1], whole.shape[2], *addresses]
    body = _body(name, _FLOATS[whole.dtype.char], whole.shape[2] == 1)
    _call(body, words, len(whole), index.size)
    return not wrong[0]


def _fits(x: np.ndarray, index: np.ndarray) -> bool:
    return x.dtype.char in _FLOATS and x.dtype.isnative and index.dtype == np.int64


def _contiguous(*arrays: np.ndarray) -> bool:
    return all(a.flags.c_contiguous for a in arrays)


def _call(body: int, words: Sequence[int], blocks: int, elements: int) -> None:
    """Run a body at once, with much to do on all threads."""
    args = np.array(words, np.int64)
    threads = runtime.thread_count() if elements >= _SHARED else 1
    if threads == 1 or blocks == 1:
        runtime.function(body)(runtime.address_of(args), 0, blocks, 0)
        return
    batch = runtime.tasks_for(body, args, blocks, threads)
    runtime.function(runtime.parallel_address())(runtime.address_of(batch), 0, 0, 0)


@cache
def _body(name: str, dtype: str, last: bool) -> int:
    text = f"{name} along {'the last' if last else 'an'} axis {dtype}"
    found = compile_functions({
        text: lambda module, symbol: _write(module, symbol, name, dtype, last)
    })  # fmt: skip
    return found[text]


def _write(module: Module, symbol: str, name: str, dtype: str, last: bool) -> None:
    """args: n, i, b, addresses of whole, index, part, and of what is not 0 after a wrong index;
    counted in a."""
    code = body_of(module, symbol)
    n, count, width, whole, index, part, wrong = words_of(code, 7, {3, 4, 5, 6})
    zero, (_, begin, end) = code.constant(0, "int64"), code.arguments
    if last:
        width = code.constant(1, "int64")
    wrongs = code.slot("int64")
    wrongs.set(zero)
    with code.loop(begin, end) as a:
        first, row = place_of(code, dtype, whole, a * n * width), a * count * width

        def move(i: Value, b: Value) -> None:
            at = row + i * width + b
            k = load(code, place_of(code, "int64", index, at), "int64", 0)
            k = k + ((k >> 63) & n)
            outside = code.value(f"icmp uge {k.typed}, {n.text}", "bool", 0)
            wrongs.set(wrongs.get() | cast(outside, "int64"))
            k = select(outside, zero, k)  # no branch in the loop: what it did is not used then
            there = place_of(code, dtype, first, k * width + b)
            _move(code, name, dtype, there, place_of(code, dtype, part, at))

        if last:
            many = count & ~3
            with code.loop(zero, many, 4) as i:
                for j in range(4):
                    move(i + j, zero)
            with code.loop(many, count) as i:
                move(i, zero)
        else:
            with code.loop(zero, count) as i, code.loop(zero, width) as b:
                move(i, b)
    with code.when(wrongs.get() > 0):
        code.line(f"store i64 1, ptr {wrong.text}")
    code.end(code.constant(0, "int32"))


def _move(code: Code, name: str, dtype: str, there: Value, here: Value) -> None:
    value, target = load(code, there, dtype, 0), here
    if name == "spread":
        value, target = value + load(code, here, dtype, 0), there
    code.line(f"store {value.typed}, ptr {target.text}, align {BITS[dtype] // 8}")
