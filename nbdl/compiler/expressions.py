"""Kernel texts as instructions: what an elementwise operation does to one element."""

from __future__ import annotations

import ast
import functools
import inspect
from dataclasses import fields
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.backends.kernels.program import Instruction
from nbdl.compiler.ir import Node
from nbdl.core.op import Op
from nbdl.ops.broadcasting import BroadcastTo
from nbdl.ops.conversion import Cast, Clone
from nbdl.ops.movement import PermuteDims, Reshape

Register = tuple[int, str]
"""The place of an instruction, and the dtype of what it gives."""

STORED = ("float32", "float64", "int64", "int32", "uint32", "uint8", "bool", "float16", "bfloat16")
"""Dtypes that kernels load and store."""

_BINARY = {
    ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide",
    ast.Mod: "remainder", ast.FloorDiv: "floor_divide", ast.Pow: "pow",
    ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
}  # fmt: skip
_COMPARE = {
    ast.Eq: "equal", ast.NotEq: "not_equal", ast.Lt: "less", ast.LtE: "less_equal",
    ast.Gt: "greater", ast.GtE: "greater_equal",
}  # fmt: skip
_QUESTIONS = ("isnan", "isinf", "isfinite", "signbit")


@functools.cache
def is_stored(dtype: np.dtype) -> bool:
    """Whether loops can read and write elements of this dtype. (NumPy works names out anew.)"""
    return dtype.name in STORED


@functools.cache
def working(dtype: np.dtype) -> str:
    """The dtype in which elements are computed: half precision is in float32."""
    return "float32" if dtype in dtypes.HALVES else dtype.name


def has_expression(node: Node) -> bool:
    """Whether a loop can compute the operation."""
    values = (*node.inputs, *node.outputs)
    if len(node.outputs) != 1 or not all(is_stored(x.dtype) for x in values):
        return False
    if isinstance(node.op, (Cast, Reshape, PermuteDims, BroadcastTo, Clone)):
        return True
    kind: Any = type(node.op)
    return node.op.kernel is not None and _compiles(kind, node.op.kernel)


@functools.cache
def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@functools.cache
def _names(kind: Any) -> list[str]:
    """What ``forward`` calls its arrays."""
    return list(inspect.signature(kind.forward).parameters)[2:]


@functools.cache
def _compiles(kind: Any, text: str) -> bool:
    """Whether the text speaks of inputs and fields only."""
    known = {*_names(kind), *(f.name for f in fields(kind))}
    used = {n.id for n in ast.walk(_parsed(text)) if isinstance(n, ast.Name)}
    called = {n.func.id for n in ast.walk(_parsed(text))
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    return used - called <= known


class Code:
    """Instructions of one loop, each written once."""

    def __init__(self) -> None:
        self.listed: list[Instruction] = []
        self._known: dict[tuple[Instruction, str], Register] = {}

    def emit(self, name: str, *args: int, dtype: str, attribute: Any = None) -> Register:
        """The register of an instruction, a new one unless it is there already."""
        instruction = Instruction(name, args, dtype, attribute)
        key = instruction, repr(attribute)  # 0.0 and -0.0 are equal, and two constants
        found = self._known.get(key)
        if found is None:
            self.listed.append(instruction)
            found = self._known[key] = len(self.listed) - 1, dtype
        return found

    def constant(self, number: Any, dtype: str) -> Register:
        """A number."""
        kind = bool if dtype == "bool" else float if dtype.startswith("float") else int
        return self.emit("constant", dtype=dtype, attribute=kind(number))

    def cast(self, x: Register, dtype: str) -> Register:
        """``x`` as ``dtype``."""
        return x if x[1] == dtype else self.emit("cast", x[0], dtype=dtype)

    def operation(self, op: Op, inputs: list[Register], result: np.dtype) -> Register:
        """What ``op`` makes of the registers of its inputs."""
        wanted = working(result)
        if op.kernel is None:
            return self.cast(inputs[0], wanted)
        names: dict[str, Any] = {f.name: getattr(op, f.name) for f in fields(op)}
        kind: Any = type(op)
        names |= dict(zip(_names(kind), inputs, strict=True))
        return self.cast(_Reader(self, names, inputs[-1][1]).read(_parsed(op.kernel)), wanted)


class _Reader:
    """Turns one expression into instructions."""

    def __init__(self, code: Code, names: dict[str, Any], dtype: str) -> None:
        self.code, self.names, self.dtype = code, names, dtype

    def read(self, e: ast.expr) -> Register:
        """The register of an expression."""
        if isinstance(e, ast.BinOp):
            return self._same(_BINARY[type(e.op)], e.left, e.right)
        if isinstance(e, ast.Compare):
            return self._same(_COMPARE[type(e.ops[0])], e.left, e.comparators[0], result="bool")
        if isinstance(e, ast.UnaryOp):
            return self._unary(e)
        if isinstance(e, ast.Call):
            return self._call(e)
        found = self._number(e)
        return self.code.constant(found, self.dtype) if found is not None else self.names[e.id]  # type: ignore[attr-defined]

    def _number(self, e: ast.expr) -> Any:
        """The number that an expression is known to be, or None."""
        if isinstance(e, ast.Constant):
            return e.value
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            inner = self._number(e.operand)
            return None if inner is None else -inner
        if isinstance(e, ast.Name) and not isinstance(self.names[e.id], tuple):
            return self.names[e.id]
        return None

    def _operands(self, *parts: ast.expr) -> list[Register]:
        """Registers of one dtype: numbers take that of the others."""
        found = [self._number(p) for p in parts]
        read = [None if n is not None else self.read(p) for n, p in zip(found, parts, strict=True)]
        dtype = next((r[1] for r in read if r is not None and r[1] != "bool"), None)
        dtype = dtype or next((r[1] for r in read if r is not None), self.dtype)
        if dtype == "bool" and any(n is not None and type(n) is not bool for n in found):
            dtype = self.dtype
        return [
            self.code.constant(n, dtype) if r is None else self.code.cast(r, dtype)
            for n, r in zip(found, read, strict=True)
        ]

    def _same(self, name: str, *parts: ast.expr, result: str = "") -> Register:
        registers = self._operands(*parts)
        dtype = result or registers[0][1]
        return self.code.emit(name, *[r[0] for r in registers], dtype=dtype)

    def _unary(self, e: ast.UnaryOp) -> Register:
        number = self._number(e)
        if number is not None:
            return self.code.constant(number, self.dtype)
        x = self.read(e.operand)
        name = "negative" if isinstance(e.op, ast.USub) else "not"
        return self.code.emit(name, x[0], dtype=x[1])

    def _call(self, e: ast.Call) -> Register:
        assert isinstance(e.func, ast.Name)
        name = e.func.id
        if name == "where":
            asked = self.code.cast(self.read(e.args[0]), "bool")
            x, y = self._operands(*e.args[1:])
            return self.code.emit("where", asked[0], x[0], y[0], dtype=x[1])
        result = "bool" if name in _QUESTIONS else ""
        return self._same(name, *e.args, result=result)
