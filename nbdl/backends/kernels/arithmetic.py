"""Arithmetic, comparisons, rounding and conversions of vectors, as NumPy defines them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.backends.kernels.checks import register
from nbdl.backends.kernels.ir import (
    BITS,
    Value,
    intrinsic,
    is_float,
    is_signed,
    llvm_type,
    select,
    short_type,
)


def limits(dtype: str) -> tuple[Any, Any]:
    """The least and the greatest number of a dtype."""
    if is_float(dtype):
        return -math.inf, math.inf
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def maximum(x: Value, y: Value) -> Value:
    """The greater one; NaN wins."""
    greater = select(x > y, x, y)  # y where one of them is NaN
    return select(x.is_nan(), x, greater) if is_float(x.dtype) else greater


def minimum(x: Value, y: Value) -> Value:
    """The lesser one; NaN wins."""
    lesser = select(x < y, x, y)
    return select(x.is_nan(), x, lesser) if is_float(x.dtype) else lesser


def fmax(x: Value, y: Value) -> Value:
    """The greater one; NaN loses."""
    greater = select(x > y, x, y)
    return select(y.is_nan(), x, greater) if is_float(x.dtype) else greater


def fmin(x: Value, y: Value) -> Value:
    """The lesser one; NaN loses."""
    lesser = select(x < y, x, y)
    return select(y.is_nan(), x, lesser) if is_float(x.dtype) else lesser


def absolute(x: Value) -> Value:
    """Without its sign."""
    if is_float(x.dtype):
        return intrinsic("fabs", x)
    return select(x < 0, -x, x) if is_signed(x.dtype) else x


def copysign(x: Value, y: Value) -> Value:
    """``x`` with the sign of ``y``."""
    return intrinsic("copysign", x, y)


def sign(x: Value) -> Value:
    """-1, 0 or 1; NaN stays."""
    positive = select(x > 0, x.like(1), x.like(0))
    if not is_float(x.dtype) and not is_signed(x.dtype):
        return positive
    signed = select(x < 0, x.like(-1), positive)
    return select(x.is_nan(), x, signed) if is_float(x.dtype) else signed


def signbit(x: Value) -> Value:
    """Whether the sign bit is set, also of -0 and NaN."""
    return x.bits(f"int{BITS[x.dtype]}") < 0 if is_float(x.dtype) else x < 0


def isnan(x: Value) -> Value:
    """Whether it is NaN."""
    return x.differs(x) if is_float(x.dtype) else x < x


def isinf(x: Value) -> Value:
    """Whether it is infinite."""
    return absolute(x).equal(math.inf) if is_float(x.dtype) else x < x


def isfinite(x: Value) -> Value:
    """Whether it is neither infinite nor NaN."""
    return absolute(x) < math.inf if is_float(x.dtype) else x.equal(x)


def rounding(name: str) -> Callable[[Value], Value]:
    """One of LLVM's functions that give whole numbers; integers are such already."""
    return lambda x: intrinsic(name, x) if is_float(x.dtype) else x


def reciprocal(x: Value) -> Value:
    """1 / x; of an integer 0 it is the least one, as NumPy says on x86."""
    if is_float(x.dtype):
        return 1.0 / x
    return select(x.equal(0), x.like(limits(x.dtype)[0]), 1 / select(x.equal(0), x.like(1), x))


def fmod(x: Value, y: Value) -> Value:
    """The remainder with the sign of ``x``: C's, lane by lane, or of integers, 0 if ``y`` is 0."""
    if not is_float(x.dtype):
        bad, safe = _divisor(x, y)
        return select(bad, x.like(0), x % safe)
    return each_lane("fmod" if x.dtype == "float64" else "fmodf", x, y)


def remainder(x: Value, y: Value) -> Value:
    """The remainder with the sign of ``y``; of integers by 0 it is 0."""
    if is_float(x.dtype):
        rest = fmod(x, y)
        away = rest.differs(0.0) & ((rest < 0.0) ^ (y < 0.0))
        return select(rest.equal(0.0), copysign(rest, y), select(away, rest + y, rest))
    bad, safe = _divisor(x, y)
    rest = x % safe
    if is_signed(x.dtype):
        rest = select(rest.differs(0) & ((rest ^ y) < 0), rest + y, rest)
    return select(bad, x.like(0), rest)


def floor_divide(x: Value, y: Value) -> Value:
    """The quotient rounded down; of integers by 0 it is 0."""
    if is_float(x.dtype):
        return _floor_divide_floats(x, y)
    _, safe = _divisor(x, y)
    quotient = x / safe
    if is_signed(x.dtype):
        rest = x - quotient * safe
        quotient = select(rest.differs(0) & ((rest ^ y) < 0), quotient - 1, quotient)
        quotient = select(y.equal(-1), -x, quotient)
    return select(y.equal(0), x.like(0), quotient)


def _divisor(x: Value, y: Value) -> tuple[Value, Value]:
    """Where the processor would trap (by 0, least / -1), and a divisor that never traps."""
    bad = y.equal(0)
    if is_signed(x.dtype):
        bad = bad | y.equal(-1)
    return bad, select(bad, y.like(1), y)


def _floor_divide_floats(x: Value, y: Value) -> Value:
    """As NumPy's ``npy_divmod``: the exact remainder first, so that the floor is right."""
    rest = fmod(x, y)
    quotient = (x - rest) / y
    away = rest.differs(0.0) & ((rest < 0.0) ^ (y < 0.0))
    quotient = select(away, quotient - 1.0, quotient)
    whole = intrinsic("floor", quotient)
    whole = select(quotient - whole > 0.5, whole + 1.0, whole)
    whole = select(quotient.equal(0.0), copysign(quotient.like(0.0), x / y), whole)
    return select(y.equal(0.0), x / y, whole)


def cast(x: Value, dtype: str) -> Value:
    """As another dtype, the way C converts; a cast to a half type rounds to it."""
    target = register(dtype)
    if dtype == "bool":
        return x if x.dtype == "bool" else x.differs(0)
    if is_float(x.dtype):
        return _cast_float(x, dtype)
    if is_float(target):
        signed = "sitofp" if is_signed(x.dtype) else "uitofp"
        made = convert(x, signed, target)
        return round_to(made, dtype)
    if BITS[target] > BITS[x.dtype]:
        return convert(x, "sext" if is_signed(x.dtype) else "zext", target)
    if BITS[target] < BITS[x.dtype]:
        return convert(x, "trunc", target)
    return x.bits(target)


def _cast_float(x: Value, dtype: str) -> Value:
    target = register(dtype)
    if not is_float(target):
        return _whole(x, target)
    if BITS[target] != BITS[x.dtype]:
        x = convert(x, "fpext" if BITS[target] > BITS[x.dtype] else "fptrunc", target)
    return round_to(x, dtype)


def _whole(x: Value, dtype: str) -> Value:
    """Integers by way of int64, as C compilers convert to narrow ones; too great is the least."""
    wide = dtype if dtype in ("int64", "uint64", "int32") else "int64"
    least, greatest = limits(wide)
    if wide == "uint64":
        name = f"llvm.fptoui.sat.{short_type(wide, x.lanes)}.{x.short}"
        return cast(x.code.call(name, (wide, x.lanes), x), dtype)
    # The machine's own conversion: LLVM's saturating ones go number by number.
    fits = (x > float(least - 1)) & (x < float(greatest + 1))
    return cast(select(fits, convert(x, "fptosi", wide), least), dtype)


def convert(x: Value, how: str, dtype: str) -> Value:
    """LLVM's conversion ``how`` to another dtype."""
    return x.code.value(f"{how} {x.typed} to {llvm_type(dtype, x.lanes)}", dtype, x.lanes)


def round_to(x: Value, dtype: str) -> Value:
    """A float32 rounded to a half type and kept as float32; others stay."""
    return widen(narrow(x, dtype), dtype) if dtype in ("float16", "bfloat16") else x


def narrow(x: Value, dtype: str) -> Value:
    """What memory holds of a register's number: bools as bytes, halves as 16 bits."""
    if dtype == "bool":
        return convert(x, "zext", "uint8")
    if dtype == "float16":
        return convert(x, "fptrunc", "float16").bits("uint16")
    if dtype == "bfloat16":
        word = x.bits("uint32")
        even = (word >> 16) & 1  # to nearest, ties to even
        rounded = select(x.is_nan(), word | 0x400000, word + even + 0x7FFF)
        return convert(rounded >> 16, "trunc", "uint16")
    return x


def widen(x: Value, dtype: str) -> Value:
    """The register's number of what memory holds."""
    if dtype == "bool":
        return x.differs(0)
    if dtype == "float16":
        return convert(x.bits("float16"), "fpext", "float32")
    if dtype == "bfloat16":
        return (convert(x, "zext", "uint32") << 16).bits("float32")
    return x


def stored(dtype: str) -> str:
    """The dtype whose numbers memory holds for ``dtype``."""
    return {"bool": "uint8", "float16": "uint16", "bfloat16": "uint16"}.get(dtype, dtype)


def power(x: Value, y: Value) -> Value:
    """An integer to the power of another, by squaring; 1 if that is negative."""
    slots = [x.code.slot(x.dtype, x.lanes) for _ in range(3)]
    result, base, left = slots
    for slot, value in zip(slots, (x.like(1), x, y), strict=True):
        slot.set(value)
    with x.code.while_(lambda: any_lane(left.get() > 0)):
        now = left.get()
        take = (now > 0) & (now & 1).differs(0)
        result.set(select(take, result.get() * base.get(), result.get()))
        base.set(base.get() * base.get())
        left.set(now >> 1)
    return result.get()


def any_lane(condition: Value) -> Value:
    """Whether it is true in some lane."""
    if not condition.lanes:
        return condition
    name = f"llvm.vector.reduce.or.{condition.short}"
    return condition.code.call(name, ("bool", 0), condition)


def each_lane(function: str, *args: Value) -> Value:
    """A function of C's library, called for one lane after the other."""
    code, first = args[0].code, args[0]
    if not first.lanes:
        return code.call(function, first, *args)
    slots = [code.slot(arg.dtype, arg.lanes) for arg in args]
    for slot, arg in zip(slots, args, strict=True):
        slot.set(arg)
    start, stop = code.constant(0, "int64"), code.constant(first.lanes, "int64")
    scalar = llvm_type(first.dtype, 0)
    with code.loop(start, stop) as index:
        places = [
            code.value(f"getelementptr {scalar}, ptr {slot.name}, {index.typed}", "ptr", 0)
            for slot in slots
        ]
        numbers = [
            code.value(f"load {scalar}, ptr {place.text}", first.dtype, 0) for place in places
        ]
        result = code.call(function, (first.dtype, 0), *numbers)
        code.line(f"store {result.typed}, ptr {places[0].text}")
    return slots[0].get()



ARITHMETIC: dict[str, Callable[..., Value]] = {
    "add": lambda x, y: x | y if x.dtype == "bool" else x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "negative": lambda x: -x,
    "square": lambda x: x * x,
    "reciprocal": reciprocal,
    "fma": lambda x, y, z: intrinsic("fma", x, y, z),
    "equal": lambda x, y: x.equal(y),
    "not_equal": lambda x, y: x.differs(y),
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
    "and": lambda x, y: x & y,
    "or": lambda x, y: x | y,
    "xor": lambda x, y: x ^ y,
    "not": lambda x: ~x,
    "where": select,
    "maximum": maximum,
    "minimum": minimum,
    "fmax": fmax,
    "fmin": fmin,
    "abs": absolute,
    "copysign": copysign,
    "sign": sign,
    "signbit": signbit,
    "isnan": isnan,
    "isinf": isinf,
    "isfinite": isfinite,
    "floor": rounding("floor"),
    "ceil": rounding("ceil"),
    "trunc": rounding("trunc"),
    "rint": rounding("rint"),
    "sqrt": lambda x: intrinsic("sqrt", x),
    "rsqrt": lambda x: 1.0 / intrinsic("sqrt", x),
    "fmod": fmod,
    "remainder": remainder,
    "floor_divide": floor_divide,
}

