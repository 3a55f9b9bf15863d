"""LLVM's text as Python values: arithmetic on them writes the instructions down.

A :class:`Value` is a number (``lanes`` 0) or a vector of ``lanes`` numbers; a plain number beside
one is a constant, and a single number beside a vector is spread over its lanes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LLVM = {
    "bool": "i1", "int8": "i8", "uint8": "i8", "int16": "i16", "uint16": "i16", "int32": "i32",
    "uint32": "i32", "int64": "i64", "uint64": "i64", "float32": "float", "float64": "double",
    "float16": "half", "ptr": "ptr",
}  # fmt: skip
_SHORT = {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}
BITS = {
    "bool": 1, "int8": 8, "uint8": 8, "int16": 16, "uint16": 16, "int32": 32, "uint32": 32,
    "int64": 64, "uint64": 64, "float32": 32, "float64": 64, "float16": 16,
}  # fmt: skip


def is_float(dtype: str) -> bool:
    """Whether numbers of that dtype are floating."""
    return dtype.startswith("float")


def is_signed(dtype: str) -> bool:
    """Whether an integer dtype has negative numbers."""
    return dtype.startswith("int")


class Module:
    """The text of one LLVM module: functions and what they call outside."""

    def __init__(self) -> None:
        self.declared: dict[str, str] = {}
        self.functions: dict[str, str] = {}

    def text(self) -> str:
        """The whole module, to be parsed by LLVM."""
        return "\n".join([*self.declared.values(), *self.functions.values()])


class Code:
    """The body of one function as it is written.

    Args:
        module: gets the declarations.
        name: of the function.
        result: its LLVM type, such as ``"void"``.
        arguments: dtypes; their values are in ``arguments``.
        lanes: of each argument.
        attributes: LLVM's words for the function.
    """

    def __init__(
        self, module: Module, name: str, result: str, arguments: list[tuple[str, int]],
        attributes: str = "",
    ) -> None:  # fmt: skip
        self.module, self.name, self.result, self.attributes = module, name, result, attributes
        self.arguments = [
            Value(self, f"%a{i}", dtype, lanes) for i, (dtype, lanes) in enumerate(arguments)
        ]
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self.block = "entry"

    def fresh(self, stem: str = "v") -> str:
        """A name nobody has yet."""
        self._count += 1
        return f"{stem}{self._count}"

    def line(self, text: str) -> None:
        """Write an instruction that has no result."""
        self._lines.append(text)

    def value(self, text: str, dtype: str, lanes: int) -> Value:
        """Write an instruction that has one."""
        self._count += 1
        name = f"%v{self._count}"
        self._lines.append(f"{name} = {text}")
        return Value(self, name, dtype, lanes)

    def constant(self, number: Any, dtype: str, lanes: int = 0) -> Value:
        """A number, or a vector of it."""
        text = literal(number, dtype)
        if lanes:
            text = f"splat ({LLVM[dtype]} {text})"
        return Value(self, text, dtype, lanes)

    def iota(self, dtype: str, lanes: int) -> Value:
        """The vector 0, 1, 2, …"""
        numbers = ", ".join(f"{LLVM[dtype]} {i}" for i in range(lanes))
        return Value(self, f"<{numbers}>", dtype, lanes)

    def call(self, function: str, result: Value | tuple[str, int], *args: Value) -> Value:
        """Call a function; ``result`` has the type of what it gives."""
        dtype, lanes = (result.dtype, result.lanes) if isinstance(result, Value) else result
        self._declare(function, llvm_type(dtype, lanes), args)
        passed = ", ".join(arg.typed for arg in args)
        return self.value(f"call {llvm_type(dtype, lanes)} @{function}({passed})", dtype, lanes)

    def run(self, function: str, *args: Value) -> None:
        """Call a function that gives nothing."""
        self._declare(function, "void", args)
        self.line(f"call void @{function}({', '.join(arg.typed for arg in args)})")

    def _declare(self, function: str, result: str, args: tuple[Value, ...]) -> None:
        if function not in self.module.declared and function not in self.module.functions:
            types = ", ".join(arg.type for arg in args)
            self.module.declared[function] = f"declare {result} @{function}({types})"

    def slot(self, dtype: str, lanes: int = 0) -> Slot:
        """A variable."""
        name = "%" + self.fresh("slot")
        self._slots.append(f"{name} = alloca {llvm_type(dtype, lanes)}")
        return Slot(self, name, dtype, lanes)

    def room(self, dtype: str, count: int) -> Value:
        """The address of memory for some numbers, on the stack."""
        name, kind = "%" + self.fresh("room"), LLVM["uint8" if dtype == "bool" else dtype]
        self._slots.append(f"{name} = alloca [{count} x {kind}], align 64")
        return Value(self, name, "ptr", 0)

    def label(self, name: str) -> None:
        """Begin a block; the one before must have ended with a jump."""
        self._lines.append(f"{name}:")
        self.block = name

    def jump(self, target: str) -> None:
        """Go on at a block."""
        self.line(f"br label %{target}")

    def branch(self, condition: Value, yes: str, no: str) -> None:
        """Go on at one of two blocks."""
        self.line(f"br i1 {condition.text}, label %{yes}, label %{no}")

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """``if condition:``"""
        yes, done = self.fresh("then"), self.fresh("done")
        self.branch(condition, yes, done)
        self.label(yes)
        yield
        self.jump(done)
        self.label(done)

    @contextmanager
    def loop(self, start: Value, stop: Value, step: int = 1) -> Iterator[Value]:
        """``for index in range(start, stop, step):``, int64."""
        head, body, done = self.fresh("head"), self.fresh("body"), self.fresh("done")
        before, index, after = self.block, "%" + self.fresh("i"), "%" + self.fresh("i")
        self.jump(head)
        self.label(head)
        place = len(self._lines)
        self.line("")
        inside = self.value(f"icmp slt i64 {index}, {stop.text}", "bool", 0)
        self.branch(inside, body, done)
        self.label(body)
        yield Value(self, index, "int64", 0)
        self.line(f"{after} = add nsw i64 {index}, {step}")
        self._lines[place] = (
            f"{index} = phi i64 [ {start.text}, %{before} ], [ {after}, %{self.block} ]"
        )
        self.jump(head)
        self.label(done)

    @contextmanager
    def while_(self, condition: Callable[[], Value]) -> Iterator[None]:
        """``while condition():``"""
        head, body, done = self.fresh("head"), self.fresh("body"), self.fresh("done")
        self.jump(head)
        self.label(head)
        self.branch(condition(), body, done)
        self.label(body)
        yield
        self.jump(head)
        self.label(done)

    def end(self, result: Value | None = None) -> None:
        """Return, and give the function to the module."""
        self.line("ret void" if result is None else f"ret {result.typed}")
        types = ", ".join(arg.typed for arg in self.arguments)
        body = "\n".join(["entry:", *self._slots, *self._lines])
        self.module.functions[self.name] = (
            f"define {self.result} @{self.name}({types}) {self.attributes} {{\n{body}\n}}"
        )


class Slot:
    """A variable: LLVM makes it a register."""

    def __init__(self, code: Code, name: str, dtype: str, lanes: int) -> None:
        self.code, self.name, self.dtype, self.lanes = code, name, dtype, lanes

    def get(self) -> Value:
        """Its value."""
        text = f"load {llvm_type(self.dtype, self.lanes)}, ptr {self.name}"
        return self.code.value(text, self.dtype, self.lanes)

    def set(self, value: Value) -> None:
        """Give it a value."""
        self.code.line(f"store {value.typed}, ptr {self.name}")


class Value:
    """A number or a vector of them; see the module."""

    __slots__ = ("code", "dtype", "lanes", "text")

    def __init__(self, code: Code, text: str, dtype: str, lanes: int) -> None:
        self.code, self.text, self.dtype, self.lanes = code, text, dtype, lanes

    @property
    def type(self) -> str:
        """LLVM's name of its type."""
        return llvm_type(self.dtype, self.lanes)

    @property
    def typed(self) -> str:
        """Type and text, as arguments of calls are written."""
        return f"{self.type} {self.text}"

    @property
    def short(self) -> str:
        """The type as it stands in the names of intrinsics."""
        return short_type(self.dtype, self.lanes)

    def like(self, number: Any) -> Value:
        """A constant of the same type."""
        return self.code.constant(number, self.dtype, self.lanes)

    def spread(self, lanes: int) -> Value:
        """The same in every lane."""
        if self.lanes == lanes:
            return self
        kind, scalar = llvm_type(self.dtype, lanes), llvm_type(self.dtype, 0)
        if not self.text.startswith("%"):
            return Value(self.code, f"splat ({scalar} {self.text})", self.dtype, lanes)
        first = self.code.value(
            f"insertelement {kind} poison, {self.typed}, i64 0", self.dtype, lanes
        )
        zeros = f"<{lanes} x i32> zeroinitializer"
        return self.code.value(
            f"shufflevector {kind} {first.text}, {kind} poison, {zeros}", self.dtype, lanes
        )

    def bits(self, dtype: str) -> Value:
        """The same bits as another dtype."""
        if LLVM[dtype] == LLVM[self.dtype]:
            return Value(self.code, self.text, dtype, self.lanes)
        kind = llvm_type(dtype, self.lanes)
        return self.code.value(f"bitcast {self.typed} to {kind}", dtype, self.lanes)

    def _op(self, other: Any, floating: str, signed: str, unsigned: str = "") -> Value:
        one, two = together(self, other)
        name = floating
        if not is_float(one.dtype):
            name = signed if is_signed(one.dtype) or not unsigned else unsigned
        return self.code.value(f"{name} {one.typed}, {two.text}", one.dtype, one.lanes)

    def _test(self, other: Any, floating: str, whole: str) -> Value:
        one, two = together(self, other)
        name = f"fcmp {floating}"
        if not is_float(one.dtype):
            sign = "" if whole in ("eq", "ne") else "s" if is_signed(one.dtype) else "u"
            name = f"icmp {sign}{whole}"
        return self.code.value(f"{name} {one.typed}, {two.text}", "bool", one.lanes)

    def __add__(self, other: Any) -> Value:
        return self._op(other, "fadd", "add")

    def __radd__(self, other: Any) -> Value:
        return self.like(other) + self

    def __sub__(self, other: Any) -> Value:
        return self._op(other, "fsub", "sub")

    def __rsub__(self, other: Any) -> Value:
        return self.like(other) - self

    def __mul__(self, other: Any) -> Value:
        return self._op(other, "fmul", "mul")

    def __rmul__(self, other: Any) -> Value:
        return self.like(other) * self

    def __truediv__(self, other: Any) -> Value:
        return self._op(other, "fdiv", "sdiv", "udiv")

    def __rtruediv__(self, other: Any) -> Value:
        return self.like(other) / self

    def __mod__(self, other: Any) -> Value:
        return self._op(other, "frem", "srem", "urem")

    def __and__(self, other: Any) -> Value:
        return self._op(other, "", "and")

    def __or__(self, other: Any) -> Value:
        return self._op(other, "", "or")

    def __xor__(self, other: Any) -> Value:
        return self._op(other, "", "xor")

    def __lshift__(self, other: Any) -> Value:
        return self._op(other, "", "shl")

    def __rshift__(self, other: Any) -> Value:
        return self._op(other, "", "ashr", "lshr")

    def __invert__(self) -> Value:
        return self ^ (-1 if self.dtype != "bool" else True)

    def __neg__(self) -> Value:
        if is_float(self.dtype):
            return self.code.value(f"fneg {self.typed}", self.dtype, self.lanes)
        return self.like(0) - self

    def __lt__(self, other: Any) -> Value:
        return self._test(other, "olt", "lt")

    def __le__(self, other: Any) -> Value:
        return self._test(other, "ole", "le")

    def __gt__(self, other: Any) -> Value:
        return self._test(other, "ogt", "gt")

    def __ge__(self, other: Any) -> Value:
        return self._test(other, "oge", "ge")

    def equal(self, other: Any) -> Value:
        """Whether they are equal; NaN is not."""
        return self._test(other, "oeq", "eq")

    def differs(self, other: Any) -> Value:
        """Whether they are not equal; NaN is not."""
        return self._test(other, "une", "ne")

    def is_nan(self) -> Value:
        """Whether it is NaN."""
        return self._test(self, "uno", "ne")


def together(one: Value, other: Any) -> tuple[Value, Value]:
    """Both as values of one type."""
    two = other if isinstance(other, Value) else one.like(other)
    lanes = max(one.lanes, two.lanes)
    return one.spread(lanes), two.spread(lanes)


def select(condition: Value, yes: Any, no: Any) -> Value:
    """``yes`` where ``condition`` is true, else ``no``; one of them may be a plain number."""
    first = yes if isinstance(yes, Value) else no.like(yes)
    first, second = together(first, no)
    lanes = max(condition.lanes, first.lanes)
    first, second, chosen = first.spread(lanes), second.spread(lanes), condition.spread(lanes)
    text = f"select {chosen.typed}, {first.typed}, {second.typed}"
    return condition.code.value(text, first.dtype, lanes)


def intrinsic(name: str, *args: Value) -> Value:
    """One of LLVM's functions of numbers of one type, such as ``"floor"``."""
    return args[0].code.call(f"llvm.{name}.{args[0].short}", args[0], *args)


def llvm_type(dtype: str, lanes: int) -> str:
    """LLVM's name of a type."""
    return f"<{lanes} x {LLVM[dtype]}>" if lanes else LLVM[dtype]


def short_type(dtype: str, lanes: int) -> str:
    """LLVM's name of a type in the names of intrinsics."""
    short = _SHORT.get(LLVM[dtype], LLVM[dtype])
    return f"v{lanes}{short}" if lanes else short


def literal(number: Any, dtype: str) -> str:
    """A number as LLVM writes it."""
    if dtype == "bool":
        return "true" if number else "false"
    if not is_float(dtype):
        bits = BITS[dtype]
        whole = int(number) & ((1 << bits) - 1)
        return str(whole - (1 << bits) if whole >> (bits - 1) else whole)
    value = float(number)
    if dtype == "float32":
        beyond = abs(value) >= 2.0**128 - 2.0**103  # rounds to infinity
        value = value * math.inf if beyond else struct.unpack("<f", struct.pack("<f", value))[0]
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
