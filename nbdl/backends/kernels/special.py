"""Bodies that are no nest of loops over arrays: random numbers, and rows added by index.

Each is ``int32_t body(int64_t *args, int64_t begin, int64_t end)`` as a kernel's is, so that it can
be shared among threads by the same batches.
"""

from __future__ import annotations

from functools import cache

from nbdl.backends import philox
from nbdl.backends.kernels.arithmetic import cast, convert
from nbdl.backends.kernels.compile import compile_functions
from nbdl.backends.kernels.ir import BITS, Code, Module, Value, llvm_type
from nbdl.backends.kernels.machine import function_attributes
from nbdl.backends.kernels.program import WIDTH

PHILOX_BLOCK = 64
"""Numbers in one block of :func:`philox_uniform`."""


@cache
def philox_uniform(dtype: str = "float32") -> int:
    """The address of a body that makes uniform numbers in [0, 1), float32 or float64.

    The same bits as ``RandomUniform`` of nbdl/ops/random.py. args: the address of (seed, draw)
    as uint64[2], the address of the result, how many numbers; counted in blocks of PHILOX_BLOCK.
    """
    name = f"philox uniform {dtype}"
    found = compile_functions({name: lambda module, name: _write_philox(module, name, dtype)})
    return found[name]


@cache
def scatter_add_rows(dtype: str = "float32", index: str = "int64") -> int:
    """The address of a body that does ``dst[idx[i], :] += src[i, :]`` for i in order.

    An index that is no row of ``dst`` is passed over. args: rows of dst, rows of src, columns, the
    addresses of dst, idx and src, the row strides of dst and src; counted in blocks of WIDTH
    columns, so that no two threads write to one place.
    """
    name = f"scatter_add_rows {dtype} {index}"
    found = compile_functions({
        name: lambda module, name: _write_scatter(module, name, dtype, index)
    })  # fmt: skip
    return found[name]


def body_of(module: Module, name: str) -> Code:
    """The beginning of a body."""
    return Code(module, name, "i32", [("ptr", 0), ("int64", 0), ("int64", 0)],
                function_attributes())  # fmt: skip


def words_of(code: Code, count: int, pointers: set[int]) -> list[Value]:
    """The first numbers of ``args``, some of them addresses."""
    found = []
    for i in range(count):
        place = place_of(code, "int64", code.arguments[0], code.constant(i, "int64"))
        found.append(load(code, place, "ptr" if i in pointers else "int64", 0))
    return found


def place_of(code: Code, dtype: str, pointer: Value, index: Value) -> Value:
    """The address of an element."""
    text = f"getelementptr {llvm_type(dtype, 0)}, {pointer.typed}, {index.typed}"
    return code.value(text, "ptr", index.lanes)


def load(code: Code, place: Value, dtype: str, lanes: int) -> Value:
    """The elements there, one (``lanes`` 0) or several."""
    size = 8 if dtype == "ptr" else BITS[dtype] // 8
    return code.value(f"load {llvm_type(dtype, lanes)}, {place.typed}, align {size}", dtype, lanes)


def _write_philox(module: Module, name: str, dtype: str) -> None:
    """Sixteen or thirty-two counters at a time; each gives four words of 32 bits."""
    code = body_of(module, name)
    key, target, size = words_of(code, 3, {0, 1})
    one = code.constant(1, "int64")
    seed = load(code, key, "uint64", 0)
    draw = load(code, place_of(code, "int64", key, one), "uint64", 0)
    words = 4 if dtype == "float32" else 2  # numbers of one counter
    lanes = PHILOX_BLOCK // words
    with code.loop(code.arguments[1], code.arguments[2]) as block:
        first = block * PHILOX_BLOCK
        counter = (block * lanes).spread(lanes) + code.iota("int64", lanes)
        bits = _philox(counter.bits("uint64"), seed, draw)
        numbers = [_uniform(part, dtype) for part in _grouped(bits, dtype)]
        made = _interleave(code, numbers)
        place = place_of(code, dtype, target, first)
        full = first + PHILOX_BLOCK <= size
        left = (size - first).spread(PHILOX_BLOCK)
        mask = (code.iota("int64", PHILOX_BLOCK) < left) | full.spread(PHILOX_BLOCK)
        alignment = code.constant(BITS[dtype] // 8, "int32")
        code.run(f"llvm.masked.store.{made.short}.p0", made, place, alignment, mask)
    code.end(code.constant(0, "int32"))


def _philox(counter: Value, seed: Value, draw: Value) -> list[Value]:
    """Four words for each counter, as nbdl/backends/philox.py."""
    lanes, low, shift = counter.lanes, 0xFFFFFFFF, 32
    c0, c1 = counter & low, counter >> shift
    c2, c3 = (draw & low).spread(lanes), (draw >> shift).spread(lanes)
    k0, k1 = seed & low, seed >> shift
    for _ in range(philox.ROUNDS):
        p0, p1 = c0 * int(philox.M0), c2 * int(philox.M1)
        c0, c1, c2, c3 = (p1 >> shift) ^ c1 ^ k0, p1 & low, (p0 >> shift) ^ c3 ^ k1, p0 & low
        k0, k1 = (k0 + int(philox.W0)) & low, (k1 + int(philox.W1)) & low
    return [c0, c1, c2, c3]


def _grouped(bits: list[Value], dtype: str) -> list[list[Value]]:
    """The words of each number: one, or of float64 two."""
    return [[word] for word in bits] if dtype == "float32" else [bits[:2], bits[2:]]


def _uniform(words: list[Value], dtype: str) -> Value:
    if dtype == "float32":
        whole = cast(words[0] >> 8, "int32")
        return convert(whole, "sitofp", "float32") * 2.0**-24
    both = (words[0] << 21) | (words[1] >> 11)
    return convert(both.bits("int64"), "sitofp", "float64") * 2.0**-53


def _interleave(code: Code, parts: list[Value]) -> Value:
    """The first lanes of all parts, then the second ones, …"""
    while len(parts) > 1:
        half = len(parts) // 2
        parts = [_zip(code, parts[i], parts[i + half]) for i in range(half)]
    return parts[0]


def _zip(code: Code, one: Value, two: Value) -> Value:
    lanes = one.lanes
    order = ", ".join(f"i32 {i}, i32 {i + lanes}" for i in range(lanes))
    text = f"shufflevector {one.typed}, {two.typed}, <{2 * lanes} x i32> <{order}>"
    return code.value(text, one.dtype, 2 * lanes)


def _write_scatter(module: Module, name: str, dtype: str, index: str) -> None:
    code = body_of(module, name)
    rows, count, columns, dst, idx, src, dst_stride, src_stride = words_of(code, 8, {3, 4, 5})
    zero = code.constant(0, "int64")
    start = code.arguments[1] * WIDTH
    stop = code.call("llvm.smin.i64", start, code.arguments[2] * WIDTH, columns)
    with code.loop(zero, count) as i:
        row = cast(load(code, place_of(code, index, idx, i), index, 0), "int64")
        with code.when((row >= 0) & (row < rows)):
            target = place_of(code, dtype, dst, row * dst_stride)
            source = place_of(code, dtype, src, i * src_stride)
            _add_row(code, dtype, target, source, (start, stop))
    code.end(code.constant(0, "int32"))


def _add_row(
    code: Code, dtype: str, target: Value, source: Value, span: tuple[Value, Value]
) -> None:
    """``target += source`` over a span of columns: whole vectors, then single numbers."""
    start, stop = span
    lanes = 16
    whole = start + ((stop - start) / lanes) * lanes
    for first, last, width in ((start, whole, lanes), (whole, stop, 0)):
        with code.loop(first, last, width or 1) as column:
            to, of = (place_of(code, dtype, pointer, column) for pointer in (target, source))
            total = load(code, to, dtype, width) + load(code, of, dtype, width)
            code.line(f"store {total.typed}, ptr {to.text}, align {BITS[dtype] // 8}")
