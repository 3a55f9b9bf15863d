"""An optimizer's rule in the graph: its NumPy code, run on cells that note what is done to them.

``Optimizer._apply`` works on arrays through ``xp``. Here ``xp`` is a namespace whose arrays are
cells: each holds a value of the graph, and writing into one (``out=``, ``+=``) puts another value
into it. Numbers that the rule computes in Python, such as a learning rate or a bias correction,
become inputs of the graph in the order in which they are used. Before each step the rule is run
again on cells without values, which gives that step's numbers, and whether the rule still does
the same things.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nbdl.compiler.trace import Trace
from nbdl.core.tensor import Tensor
from nbdl.errors import TraceError
from nbdl.ops.arithmetic import add, divide, exp, log, multiply, negative, subtract
from nbdl.ops.comparison import greater, greater_equal, less, less_equal
from nbdl.ops.powers import sqrt, square
from nbdl.ops.rounding import abs as absolute
from nbdl.ops.rounding import sign
from nbdl.ops.selection import maximum, minimum, where
from nbdl.shapes import Shape, Spec


class RuleError(TraceError):
    """An optimizer's rule does what cannot be noted; the rest of the step may still be compiled."""


_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "add": add, "subtract": subtract, "multiply": multiply, "divide": divide, "sqrt": sqrt,
    "square": square, "exp": exp, "log": log, "negative": negative, "abs": absolute, "sign": sign,
    "maximum": maximum, "minimum": minimum, "where": where, "less": less,
    "less_equal": less_equal, "greater": greater, "greater_equal": greater_equal,
}  # fmt: skip

Number = (int, float, np.number, np.bool_)


class Cell:
    """An array of the rule: shape, dtype, and in a trace the tensor that it holds now."""

    __slots__ = ("dtype", "shape", "tensor", "xp")

    def __init__(self, xp: Cells, shape: Shape, dtype: np.dtype, tensor: Tensor | None) -> None:
        self.xp, self.shape, self.dtype, self.tensor = xp, shape, dtype, tensor

    def __array_namespace__(self, **_: Any) -> Cells:
        return self.xp

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return Spec(self.shape, self.dtype).size

    def put(self, other: Any) -> Cell:
        """Hold what ``other`` holds."""
        if self.xp.trace is not None:
            self.tensor = self.xp.as_cell(other, self).tensor
        elif type(other) is not Cell:
            self.xp.numbers.append(other)
        return self

    def __setitem__(self, index: Any, other: Any) -> None:
        if index is not Ellipsis:
            raise RuleError(f"an optimizer's rule writes into [{index!r}] of an array")
        self.put(other)

    def __getattr__(self, name: str) -> Any:
        raise RuleError(f"an optimizer's rule uses .{name} of an array, which is not compiled")

    def __neg__(self) -> Cell:
        return self.xp.call("negative", self)

    def __float__(self) -> float:
        raise RuleError("an optimizer's rule asks for an array's values")

    __bool__ = __float__


def _operator(name: str, swapped: bool = False) -> Callable[[Cell, Any], Any]:
    def method(self: Cell, other: Any) -> Any:
        return self.xp.call(name, *((other, self) if swapped else (self, other)))

    return method


def _in_place(name: str) -> Callable[[Cell, Any], Cell]:
    def method(self: Cell, other: Any) -> Cell:
        return self.put(self.xp.call(name, self, other))

    return method


for _symbol, _name in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"),
                       ("truediv", "divide")):  # fmt: skip
    setattr(Cell, f"__{_symbol}__", _operator(_name))
    setattr(Cell, f"__r{_symbol}__", _operator(_name, swapped=True))
    setattr(Cell, f"__i{_symbol}__", _in_place(_name))
for _symbol, _name in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
                       ("ge", "greater_equal")):  # fmt: skip
    setattr(Cell, f"__{_symbol}__", _operator(_name))


class Cells:
    """The namespace ``xp`` of cells.

    Attributes:
        trace: where operations are noted; None: only numbers are.
        numbers: those that the rule used, in order.
        inputs: the graph's inputs that stand for them.
        calls: the functions that it called, in order.
    """

    def __init__(self, trace: Trace | None = None) -> None:
        self.trace = trace
        self.numbers: list[float] = []
        self.inputs: list[Tensor] = []
        self.calls: list[str] = []

    def begin(self) -> None:
        """Forget what was noted: the rule is gone through once more."""
        self.numbers, self.calls = [], []

    def cell(self, shape: Shape, dtype: np.dtype, tensor: Tensor | None = None) -> Cell:
        """A new cell."""
        return Cell(self, shape, dtype, tensor)

    def empty(self, shape: Any, dtype: Any) -> Cell:
        """A cell that holds nothing yet."""
        return self.cell(shape, dtype)

    def as_cell(self, x: Any, like: Cell) -> Cell:
        """``x`` as a cell: a number becomes an input."""
        if isinstance(x, Cell):
            return x
        if not isinstance(x, Number):
            raise RuleError(f"an optimizer's rule computes with {x!r:.60}, which is not compiled")
        self.numbers.append(float(x))
        if self.trace is None:
            return like
        number = self.trace.input(Spec((), like.dtype), f"number{len(self.numbers) - 1}")
        self.inputs.append(number)
        return self.cell((), like.dtype, number)

    def call(self, name: str, *args: Any, out: Cell | None = None) -> Cell:
        """One function of arrays."""
        self.calls.append(name)
        if self.trace is None:
            return self._noted(args, out)
        like = next(x for x in reversed(args) if isinstance(x, Cell))
        tensors = [self._held(self.as_cell(x, like)) for x in args]
        y = _FUNCTIONS[name](*tensors)
        if out is None:
            return self.cell(y.shape, y.dtype, y)
        out.tensor = y
        return out

    def _noted(self, args: tuple[Any, ...], out: Cell | None) -> Cell:
        """Only the numbers of a call: this is done before every step."""
        for x in args:
            if type(x) is not Cell:
                self.numbers.append(x)
            elif out is None:
                out = x
        assert out is not None
        return out

    def _held(self, cell: Cell) -> Tensor:
        if cell.tensor is None:
            raise RuleError("an optimizer's rule reads an array that it has not written")
        return cell.tensor

    def clip(self, x: Any, low: Any, high: Any, out: Cell | None = None) -> Cell:
        """``x`` between two numbers."""
        return self.call("minimum", self.call("maximum", x, low), high, out=out)

    def zeros_like(self, x: Cell) -> Cell:
        """A zero, which broadcasts."""
        return self.as_cell(0.0, x)

    def __getattr__(self, name: str) -> Any:
        if name not in _FUNCTIONS:
            raise RuleError(f"an optimizer's rule uses {name}, which is not compiled")

        def function(*args: Any, out: Cell | None = None) -> Cell:
            return self.call(name, *args, out=out)

        def noted(*args: Any, out: Cell | None = None) -> Cell:
            self.calls.append(name)
            for x in args:
                if type(x) is not Cell:
                    self.numbers.append(x)
                elif out is None:
                    out = x
            assert out is not None
            return out

        found = noted if self.trace is None else function
        self.__dict__[name] = found  # asked for once
        return found
