"""Whether a kernel makes sense: what each instruction may be given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nbdl.backends.kernels.levels import dependencies, moving
from nbdl.errors import ArgumentError

if TYPE_CHECKING:
    from nbdl.backends.kernels.program import Instruction, Kernel

FLOATS = {"float32", "float64"}
INTEGERS = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
HALVES = {"float16", "bfloat16"}
DTYPES = {"bool"} | HALVES | FLOATS | INTEGERS

_NUMBERS = FLOATS | INTEGERS
_ALL = _NUMBERS | {"bool"}
_SAME = {  # name: (how many arguments, their dtypes); the result has the arguments' dtype
    "float": (1, FLOATS, """acos acosh asin asinh atan atanh cbrt cos cosh erf erfc exp exp2 expm1
        log log10 log1p log2 rsqrt sigmoid sin sinh sqrt tan tanh"""),
    "float2": (2, FLOATS, "atan2 copysign divide hypot"),
    "float3": (3, FLOATS, "fma"),
    "number": (1, _NUMBERS, "negative reciprocal"),
    "number2": (2, _NUMBERS, "floor_divide fmod pow remainder subtract"),
    "all": (1, _ALL, "abs ceil floor rint sign square trunc"),
    "all2": (2, _ALL, "add fmax fmin maximum minimum multiply"),
    "bits": (1, INTEGERS | {"bool"}, "not"),
    "bits2": (2, INTEGERS | {"bool"}, "and or xor"),
}  # fmt: skip
_TESTS = {  # the same; the result is a bool
    "all": (1, _ALL, "isfinite isinf isnan signbit"),
    "all2": (2, _ALL, "equal greater greater_equal less less_equal not_equal"),
}
_REDUCTIONS = {
    "sum": _NUMBERS, "max": _NUMBERS, "min": _NUMBERS, "any": {"bool"}, "all": {"bool"},
}  # fmt: skip


def _table(rows: dict[str, tuple[int, set[str], str]]) -> dict[str, tuple[int, set[str]]]:
    return {name: (n, dtypes) for n, dtypes, names in rows.values() for name in names.split()}


SAME, TESTS = _table(_SAME), _table(_TESTS)

FUNCTIONS = {*SAME, *TESTS, "where"}
"""Functions of values: everything but loads, stores, constants, axes, casts and reductions."""

SPECIAL = {"load": 0, "load_at": 1, "store": 1, "constant": 0, "axis": 0, "cast": 1, "reduce": 1}


def register(dtype: str) -> str:
    """What a number of that dtype is while it is computed with."""
    return "float32" if dtype in HALVES else dtype


def check(kernel: Kernel) -> None:
    """Raise ArgumentError, naming the instruction, if ``kernel`` is not one."""
    _check_box(kernel)
    for number, array in enumerate(kernel.arrays):
        _need(array.dtype in DTYPES, f"array {number} has the unknown dtype {array.dtype!r}")
        _need(
            len(array.axes) == kernel.axes and set(array.axes) <= set("01s"),
            f"array {number} moves as {array.axes!r}; needed is one of '0', '1', 's' for each "
            f"of {kernel.axes} axes",
        )
        ones = [axis for axis, letter in enumerate(array.axes) if letter == "1"]
        _need(
            set(ones) <= {kernel.lane},
            f"array {number} has '1' along axis {ones}; only the lane axis {kernel.lane} may",
        )
    for place, step in enumerate(kernel.code):
        try:
            _check_step(kernel, place, step)
        except ArgumentError as error:
            raise ArgumentError(f"instruction {place}, {step.name}: {error.message}") from None
    _check_stores(kernel)


def _check_stores(kernel: Kernel) -> None:
    """A value that changes along an axis needs a place for each of its numbers."""
    depends = dependencies(kernel)
    for place, step in enumerate(kernel.code):
        if step.name == "store":
            lost = sorted(depends[step.args[0]] - moving(kernel, step.attribute))
            _need(
                not lost,
                f"instruction {place}, store: the value changes along axes {lost}, along which "
                f"array {step.attribute} does not move",
            )


def _need(condition: bool, message: str) -> None:
    if not condition:
        raise ArgumentError(message)


def _check_box(kernel: Kernel) -> None:
    _need(
        kernel.outer >= 1 and kernel.inner >= 0,
        f"a kernel needs at least one outer axis, got outer={kernel.outer}, inner={kernel.inner}",
    )
    _need(
        kernel.lanes in ("outer", "inner"),
        f"lanes must be 'outer' or 'inner', got {kernel.lanes!r}",
    )
    _need(
        kernel.lanes == "outer" or kernel.inner > 0,
        "lanes='inner' needs an inner axis, got inner=0",
    )


def _check_step(kernel: Kernel, place: int, step: Instruction) -> None:
    _need(
        all(0 <= arg < place and kernel.code[arg].name != "store" for arg in step.args),
        f"its arguments {step.args} are not earlier values",
    )
    _need(step.dtype in DTYPES, f"unknown dtype {step.dtype!r}")
    got = [register(kernel.code[arg].dtype) for arg in step.args]
    if step.name in SPECIAL:
        if step.name != "load":
            _count(got, SPECIAL[step.name])
        _CHECKS[step.name](kernel, step, got)
    elif step.name == "where":
        _count(got, 3)
        _dtypes(got, ["bool", register(step.dtype), register(step.dtype)])
    elif step.name in SAME:
        _check_function(step, got, *SAME[step.name])
        _dtypes(got, [register(step.dtype)] * len(got))
    elif step.name in TESTS:
        _check_function(step, got, *TESTS[step.name])
        _dtypes(got, got[:1] * len(got))
        _need(step.dtype == "bool", f"the result is bool, not {step.dtype}")
    else:
        raise ArgumentError("there is no such instruction")


def _count(got: list[str], count: int) -> None:
    _need(len(got) == count, f"{count} arguments needed, got {len(got)}")


def _dtypes(got: list[str], wanted: list[str]) -> None:
    _need(got == wanted, f"arguments of dtypes {wanted} needed, got {got}")


def _check_function(step: Instruction, got: list[str], count: int, allowed: set[str]) -> None:
    _count(got, count)
    _need(set(got) <= allowed, f"arguments of dtypes {sorted(allowed)} allowed, got {got}")


def _array(kernel: Kernel, number: Any) -> str:
    known = isinstance(number, int) and 0 <= number < len(kernel.arrays)
    _need(known, f"there is no array {number!r}; there are {len(kernel.arrays)}")
    return register(kernel.arrays[number].dtype)


def _axis(kernel: Kernel, number: Any) -> None:
    known = isinstance(number, int) and 0 <= number < kernel.axes
    _need(known, f"there is no axis {number!r}; there are {kernel.axes}")


def _check_load(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    _dtypes(got, ["int64"] * min(len(got), 1))
    found = _array(kernel, step.attribute)
    _need(register(step.dtype) == found, f"the array gives {found}, not {step.dtype}")


def _check_load_at(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    pair = isinstance(step.attribute, tuple) and len(step.attribute) == 2
    _need(pair, f"attribute (array, axis) needed, got {step.attribute!r}")
    number, axis = step.attribute
    found = _array(kernel, number)
    _axis(kernel, axis)
    _dtypes(got, ["int64"])
    _need(register(step.dtype) == found, f"the array gives {found}, not {step.dtype}")


def _check_store(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    _dtypes(got, [_array(kernel, step.attribute)])


def _check_constant(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    number = step.attribute
    _need(isinstance(number, (bool, int, float)), f"attribute: a number needed, got {number!r}")
    whole = step.dtype in INTEGERS
    _need(not whole or math.isfinite(number), f"{number} is no {step.dtype}")


def _check_axis(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    _axis(kernel, step.attribute)
    _need(step.dtype == "int64", f"an index is int64, not {step.dtype}")


def _check_cast(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    """Every dtype can be cast to every other."""


def _check_reduce(kernel: Kernel, step: Instruction, got: list[str]) -> None:
    _need(kernel.inner > 0, "there is no inner axis to reduce over")
    _need(step.attribute in _REDUCTIONS, f"attribute: one of {list(_REDUCTIONS)} needed, got "
          f"{step.attribute!r}")  # fmt: skip
    _need(got[0] in _REDUCTIONS[step.attribute], f"{step.attribute} of {got[0]} is not defined")
    _dtypes(got, [register(step.dtype)])


_CHECKS = {
    "load": _check_load, "load_at": _check_load_at, "store": _check_store,
    "constant": _check_constant, "axis": _check_axis, "cast": _check_cast,
    "reduce": _check_reduce,
}  # fmt: skip
