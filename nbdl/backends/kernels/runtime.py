"""Running machine code: tasks on threads, and a list of calls walked without Python.

The threads are those of GNU's libgomp, which oneDNN's kernels use too: one pool for all. Where
there is none, tasks run one after the other.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from nbdl.backends import openmp
from nbdl.backends.kernels import machine
from nbdl.backends.kernels.compile import Compiled, compile_functions
from nbdl.backends.kernels.ir import Code, Module, Value
from nbdl.backends.kernels.program import WIDTH, Kernel
from nbdl.backends.openmp import thread_count
from nbdl.errors import ArgumentError

__all__ = [
    "NEVER", "Entry", "Walk", "address_of", "bind", "blocks", "function", "parallel_address",
    "serial_address", "tasks_for", "thread_count", "walk_address",
]  # fmt: skip

Entry = tuple[int, int, int, int, int]
"""A call of a walk: the function's address and its four 64-bit arguments."""

_GOMP = "GOMP_parallel", "omp_get_thread_num", "omp_get_num_threads"
_WORDS = 4  # of a task: body, args, begin, end
NEVER = np.zeros(1, np.int64)
"""The ``stop`` of walks that nothing stops."""


_HEAD = object.__basicsize__
_word_at = ctypes.c_size_t.from_address


def address_of(a: np.ndarray) -> int:
    """Where the elements begin: the first word of NumPy's C structure after Python's own.

    ``a.ctypes.data`` says the same and takes a microsecond, a fifth of what an operation costs.
    """
    return _word_at(id(a) + _HEAD).value


if address_of(NEVER) != NEVER.ctypes.data:  # another Python or NumPy than we know

    def address_of(a: np.ndarray) -> int:
        """Where the elements begin."""
        return int(a.ctypes.data)


_Function = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_int64] * 4)


@cache
def function(address: int) -> Callable[[int, int, int, int], int]:
    """A function of four 64-bit integers at an address, such as a kernel's body, to call once."""
    return _Function(address)


@cache
def walk_address() -> int:
    """``int64 walk(table, count, stop)``: the calls of a table in order.

    Ends with the first whose int32 result is not 0 and gives its place + 1; 0 if all ran; -1 if
    the int64 at ``stop`` became something else than 0 before.
    """
    return compile_functions({"walk": _write_walk})["walk"]


@cache
def serial_address() -> int:
    """``int32 serial(batch)``: the tasks of a batch one after the other; 0."""
    return compile_functions({"serial": _write_serial})["serial"]


@cache
def parallel_address() -> int:
    """``int32 parallel(batch)``: thread t of n runs the tasks t, t + n, … of a batch; 0."""
    library = openmp.library()
    if library is None:
        return serial_address()
    for name in _GOMP:
        address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
        machine.add_symbol(name, address or 0)
    return compile_functions({"parallel": _write_parallel})["parallel"]


def _word(code: Code, pointer: Value, index: Any, dtype: str = "int64") -> Value:
    """A 64-bit word of a table."""
    at = index.typed if isinstance(index, Value) else f"i64 {index}"
    place = code.value(f"getelementptr i64, {pointer.typed}, {at}", "ptr", 0)
    return code.value(f"load {'ptr' if dtype == 'ptr' else 'i64'}, ptr {place.text}", dtype, 0)


def _write_walk(module: Module, name: str) -> None:
    code = Code(module, name, "i64", [("ptr", 0), ("int64", 0), ("ptr", 0)],
                machine.function_attributes())  # fmt: skip
    table, size, stop = code.arguments
    failed = code.slot("int64")
    failed.set(code.constant(0, "int64"))
    index = code.slot("int64")
    index.set(code.constant(0, "int64"))

    def more() -> Value:
        return (index.get() < size) & (failed.get() | _word(code, stop, 0)).equal(0)

    with code.while_(more):
        here = index.get()
        first = here * 5
        function = _word(code, table, first, "ptr")
        words = [_word(code, table, first + i).typed for i in range(1, 5)]
        result = code.value(f"call i32 {function.text}({', '.join(words)})", "int32", 0)
        index.set(here + 1)
        with code.when(result.differs(0)):
            failed.set(here + 1)
    with code.when((index.get() < size) & failed.get().equal(0)):
        failed.set(code.constant(-1, "int64"))
    code.end(failed.get())


def _run_tasks(code: Code, batch: Value, start: Value, step: Value) -> None:
    """Every ``step``-th task of a batch from ``start`` on."""
    count = _word(code, batch, 0)
    index = code.slot("int64")
    index.set(start)
    with code.while_(lambda: index.get() < count):
        first = index.get() * _WORDS + 1
        body, args = (_word(code, batch, first + i, "ptr") for i in (0, 1))
        begin, end = (_word(code, batch, first + i) for i in (2, 3))
        code.value(
            f"call i32 {body.text}({args.typed}, {begin.typed}, {end.typed})", "int32", 0
        )
        index.set(index.get() + step)


def _write_serial(module: Module, name: str) -> None:
    code = Code(module, name, "i32", [("ptr", 0)], machine.function_attributes())
    _run_tasks(code, code.arguments[0], code.constant(0, "int64"), code.constant(1, "int64"))
    code.end(code.constant(0, "int32"))


def _write_parallel(module: Module, name: str) -> None:
    attributes = machine.function_attributes()
    work = Code(module, name + "_work", "void", [("ptr", 0)], attributes)
    numbers = [
        work.value(f"sext i32 {work.call(function, ('int32', 0)).text} to i64", "int64", 0)
        for function in _GOMP[1:]
    ]
    _run_tasks(work, work.arguments[0], *numbers)
    work.end()
    code = Code(module, name, "i32", [("ptr", 0)], attributes)
    function = Value(code, f"@{name}_work", "ptr", 0)
    none = code.constant(0, "int32")
    code.run("GOMP_parallel", function, code.arguments[0], none, none)
    code.end(none)


class Walk:
    """A list of calls that is run without Python in between, and without holding its lock.

    Args:
        entries: the calls. Functions take four 64-bit integers and return an int32, 0 if all is
            well; a kernel's body and the functions of this module are such.
        keep: objects whose memory the calls use, kept alive as long as the walk.
        stop: one int64; once it is not 0, no further call is made. None: nothing stops it.
    """

    def __init__(
        self, entries: Iterable[Entry], keep: Sequence[Any] = (), stop: np.ndarray | None = None
    ) -> None:
        self.table = np.array(list(entries), np.int64).reshape(-1, 5)
        stop = NEVER if stop is None else stop
        self._keep = *keep, stop
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p
        )
        self._walk = prototype(walk_address())
        self._place = (
            ctypes.c_void_p(self.table.ctypes.data), ctypes.c_int64(len(self.table)),
            ctypes.c_void_p(stop.ctypes.data),
        )  # fmt: skip

    def __call__(self) -> int:
        """Make the calls: 0, or the place + 1 of the first one that failed, or -1: stopped."""
        return self._walk(*self._place)


def blocks(kernel: Kernel, sizes: Sequence[int]) -> int:
    """How far ``begin`` and ``end`` count for these sizes of all axes."""
    outer = list(sizes[: kernel.outer])
    if kernel.lanes == "outer":
        outer[-1] = -(-outer[-1] // WIDTH)
    return math.prod(outer)


def bind(
    kernel: Kernel,
    sizes: Sequence[int],
    operands: Sequence[Sequence[int]],
    lengths: Sequence[int] = (),
) -> np.ndarray:
    """The ``args`` of a kernel's body, an int64 vector.

    Args:
        sizes: of all axes, outer ones first.
        operands: for each array its address and the strides of its ``"s"`` axes, in elements.
        lengths: for each load_at the size of the axis that it looks up.

    Raises ArgumentError if something is missing.
    """
    lookups = sum(step.name == "load_at" for step in kernel.code)
    wanted = kernel.axes, len(kernel.arrays), lookups
    given = len(sizes), len(operands), len(lengths)
    if wanted != given:
        raise ArgumentError(f"a kernel of {wanted} axes, arrays and load_ats was given {given}")
    for number, (array, operand) in enumerate(zip(kernel.arrays, operands, strict=True)):
        if len(operand) != 1 + array.axes.count("s"):
            raise ArgumentError(
                f"array {number} moves as {array.axes!r}, so an address and "
                f"{array.axes.count('s')} strides are needed, not {operand}"
            )
    words = [*sizes, *(word for operand in operands for word in operand), *lengths]
    return np.array(words, np.int64)


def tasks_for(compiled: Compiled | int, args: np.ndarray, blocks: int, threads: int) -> np.ndarray:
    """A batch, int64, that shares ``blocks`` evenly among at most ``threads`` tasks.

    Args:
        compiled: a kernel, or the address of a body.
        args: of the body; the batch uses its memory, so it must live as long.
    """
    address = compiled if isinstance(compiled, int) else compiled.address
    count = max(1, min(threads, blocks))
    words = [count]
    for i in range(count):
        words += [address, args.ctypes.data]
        words += [blocks * i // count, blocks * (i + 1) // count]
    return np.array(words, np.int64)
