"""What a kernel means, said with NumPy: every value as an array over the whole box of loops."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from nbdl.backends.kernels.compile import compile_kernels
from nbdl.backends.kernels.program import Array, Instruction, Kernel
from nbdl.backends.kernels.runtime import Walk, bind, blocks, parallel_address, tasks_for
from nbdl.testing.kernels import KERNEL_FUNCTIONS

HALVES = {"float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}

FUNCTIONS: dict[str, Any] = {
    **KERNEL_FUNCTIONS,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "negative": np.negative,
    "square": np.square,
    "reciprocal": np.reciprocal,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "not": np.invert,
    "remainder": np.remainder,
    "floor_divide": np.floor_divide,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "fma": lambda x, y, z: (x.astype(np.float64) * y + z).astype(x.dtype),
}
_REDUCTIONS = {"sum": np.sum, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


def numpy_dtype(name: str) -> np.dtype:
    """Of an array in memory."""
    return HALVES.get(name) or np.dtype(name)


def register(name: str) -> np.dtype:
    """Of a value in a register."""
    return np.dtype("float32") if name in HALVES else np.dtype(name)


def interpret(kernel: Kernel, sizes: tuple[int, ...], arrays: list[np.ndarray]) -> None:
    """Do to ``arrays`` what the kernel does.

    Each has one axis for each of the kernel, of length 1 where it does not move (or the length
    that a load_at looks up in).
    """
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for step in kernel.code:
            values.append(_value(kernel, step, values, sizes, arrays))


def _value(kernel: Kernel, step: Instruction, values: list, sizes: tuple, arrays: list) -> Any:
    args = [values[arg] for arg in step.args]
    kind = register(step.dtype)
    if step.name == "load" and args:
        letters = kernel.arrays[step.attribute].axes
        moving = [n if a != "0" else 1 for n, a in zip(sizes, letters, strict=True)]
        return _further(arrays[step.attribute], args[0], moving).astype(kind)
    if step.name == "load":
        return arrays[step.attribute].astype(kind)
    if step.name == "load_at":
        number, axis = step.attribute
        array = arrays[number]
        index = np.clip(args[0], 0, array.shape[axis] - 1)
        # all axes but the looked-up one as the index and the array have them together
        alone = (*array.shape[:axis], 1, *array.shape[axis + 1 :])
        shape = list(np.broadcast_shapes(index.shape, alone))
        index = np.broadcast_to(index, shape)
        shape[axis] = array.shape[axis]
        return np.take_along_axis(np.broadcast_to(array, shape), index, axis).astype(kind)
    if step.name == "store":
        target = arrays[step.attribute]
        target[...] = np.broadcast_to(args[0], target.shape)
        return None
    if step.name == "constant":
        return np.full((1,) * kernel.axes, step.attribute, kind)
    if step.name == "axis":
        shape = [1] * kernel.axes
        shape[step.attribute] = -1
        return np.arange(sizes[step.attribute]).reshape(shape)
    if step.name == "cast":
        return args[0].astype(numpy_dtype(step.dtype)).astype(kind)
    if step.name == "reduce":
        return _reduce(kernel, step, args[0], sizes)
    return np.asarray(FUNCTIONS[step.name](*args)).astype(kind)


def _further(array: np.ndarray, count: np.ndarray, moving: list[int]) -> np.ndarray:
    """What lies ``count`` elements after each element, in the memory of ``array``."""
    places = np.arange(array.size).reshape(array.shape)
    here = places[tuple(slice(n) for n in moving)]
    return array.reshape(-1)[here + count]


def _reduce(kernel: Kernel, step: Instruction, value: np.ndarray, sizes: tuple) -> np.ndarray:
    inner = tuple(range(kernel.outer, kernel.axes))
    full = np.broadcast_to(value, (*value.shape[: kernel.outer], *sizes[kernel.outer :]))
    wide = full.astype(np.float64) if full.dtype.kind == "f" else full
    initial = {}
    if step.attribute in ("max", "min") and full.dtype.kind == "f":
        initial = {"initial": -np.inf if step.attribute == "max" else np.inf}
    result = _REDUCTIONS[step.attribute](wide, axis=inner, keepdims=True, **initial)
    return result.astype(full.dtype)


def execute(
    kernel: Kernel, sizes: tuple[int, ...], arrays: list[np.ndarray], threads: int = 1
) -> None:
    """Do the same with machine code."""
    compiled = compile_kernels([kernel])[0]
    operands, lengths = [], []
    for array, place in zip(kernel.arrays, arrays, strict=True):
        strides = [s // place.itemsize for s in place.strides]
        moving = [s for s, letter in zip(strides, array.axes, strict=True) if letter == "s"]
        operands.append((place.ctypes.data, *moving))
    for step in kernel.code:
        if step.name == "load_at":
            lengths.append(arrays[step.attribute[0]].shape[step.attribute[1]])
    args = bind(kernel, sizes, operands, lengths)
    batch = tasks_for(compiled, args, blocks(kernel, sizes), threads)
    assert Walk([(parallel_address(), batch.ctypes.data, 0, 0, 0)], [batch, args])() == 0


class Builder:
    """Writes a kernel down, an instruction a call."""

    def __init__(self, outer: int, inner: int, lanes: str) -> None:
        self.outer, self.inner, self.lanes = outer, inner, lanes
        self.arrays: list[Array] = []
        self.code: list[Instruction] = []

    def array(self, dtype: str, axes: str) -> int:
        self.arrays.append(Array(dtype, axes))
        return len(self.arrays) - 1

    def __call__(
        self, name: str, *args: int, dtype: str | None = None, attribute: Any = None
    ) -> int:
        if dtype is None:
            dtype = self.code[args[-1]].dtype if args else "float32"
        self.code.append(Instruction(name, args, dtype, attribute))
        return len(self.code) - 1

    def load(self, array: int) -> int:
        dtype = self.arrays[array].dtype
        return self("load", attribute=array, dtype="float32" if dtype in HALVES else dtype)

    def store(self, value: int, axes: str) -> int:
        self("store", value, attribute=self.array(self.code[value].dtype, axes))
        return len(self.arrays) - 1

    def kernel(self) -> Kernel:
        made = Kernel(
            self.outer, self.inner, self.lanes, tuple(self.arrays), tuple(self.code)
        )  # fmt: skip
        made.check()
        return made


def empty(array: Array, sizes: tuple[int, ...]) -> np.ndarray:
    """Memory for an array of a kernel: sevens, so that what is not written can be seen."""
    shape = [1 if letter == "0" else n for letter, n in zip(array.axes, sizes, strict=True)]
    return lane_last(np.full(shape, 7, numpy_dtype(array.dtype)), array)


def lane_last(x: np.ndarray, array: Array) -> np.ndarray:
    """The same numbers, where the axis "1" goes in steps of one element."""
    if "1" not in array.axes:
        return x
    lane = array.axes.index("1")
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, lane, -1)), -1, lane)


def example(rng: np.random.Generator, array: Array, sizes: tuple[int, ...]) -> np.ndarray:
    """Numbers for an array of a kernel, strided where the kernel allows it."""
    shape = [1 if letter == "0" else n for letter, n in zip(array.axes, sizes, strict=True)]
    roomy = [2 * n + 1 if letter == "s" else n for letter, n in zip(array.axes, shape, strict=True)]
    kind = numpy_dtype(array.dtype)
    if kind.kind == "b":
        whole = rng.integers(0, 2, roomy).astype(kind)
    elif kind.kind in "iu":
        whole = rng.integers(0, 100, roomy).astype(kind)
        if kind.kind == "i":
            whole -= 50
    else:
        whole = rng.normal(0, 2, roomy).astype(kind)
    steps = tuple(slice(1, None, 2) if letter == "s" else slice(None) for letter in array.axes)
    return lane_last(whole, array)[steps]
