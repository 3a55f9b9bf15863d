"""Tracing: running Python code on tensors that have a shape and no data, and noting what it does.

A traced tensor is a value in a tensor's box, as those of ``vmap`` and ``jvp`` are: the same code
of layers, losses, backward and optimizers runs on it, and each operation appends itself to a
graph.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterable
from typing import Any

import numpy as np

from nbdl import backends
from nbdl.compiler.ir import Graph, Value, described
from nbdl.core import modes
from nbdl.core.lifted import Lifted, World
from nbdl.core.lines import user_line
from nbdl.core.op import Op
from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.errors import TraceError
from nbdl.shapes import Shape, Spec

BACKWARD = "backward"
"""The last word of the scope of what computes a gradient: "lenet.3 backward"."""


class Traced(Lifted):
    """A value of the graph, in a tensor's box."""

    __slots__ = ("symbol",)

    transform = "a compiled function"

    def __init__(self, world: Trace, symbol: Value) -> None:
        self.world = world
        self.symbol = symbol

    @property
    def shape(self) -> Shape:
        """Sizes of the axes."""
        return self.symbol.spec.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.symbol.spec.dtype

    @property
    def device(self) -> backends.Device:
        """Where the elements will live."""
        return backends.CPU

    def detached(self) -> Traced:
        """Itself: what it was computed from is the tape's business."""
        return self

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """Append ``op`` to the graph."""
        self.check_open()
        world: Any = self.world
        return world.apply(op, inputs)

    def refuse(self) -> Any:
        """Raise TraceError: somebody asked for the values."""
        raise TraceError(
            f"the values of a tensor {described(self.symbol.spec)} were asked for while the "
            f"function was being traced for compilation{_here()}",
            hint=".item(), print of values, `if` on a tensor, x.numpy() and NumPy calls cannot be "
            "compiled; where(condition, a, b) chooses without a Python `if`",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self.refuse()

    def words(self) -> str:
        """None while values are still to come: they cannot be printed."""
        return self.refuse() if self.world.open else super().words()

    def __array_function__(self, *_: Any, **__: Any) -> Any:
        self.refuse()


def _here() -> str:
    """The line of the user's code that is under way."""
    where = user_line()
    line = "" if where is None else linecache.getline(*where).strip()
    return f", in line {where[1]}, `{line}`" if where is not None and line else ""


class Trace(World):
    """One tracing under way; use it in a ``with`` block.

    Attributes:
        graph: what was noted so far.
        captured: tensors that are no inputs but were read, by the graph's value that stands for
            them: the closure of the traced function.
        draws: for each random draw its generator and the input that gets ``(seed, number)``.
        phase: of the nodes that are appended now.
    """

    traces = True
    phase = 0

    def __init__(self) -> None:
        super().__init__()
        self.graph = Graph()
        self.captured: dict[Value, Tensor] = {}
        self.draws: list[tuple[Generator, Value]] = []
        self._arrays: dict[int, tuple[Any, Value]] = {}
        self._eager: list[Tensor] = []

    def __enter__(self) -> Trace:
        super().__enter__()
        state = modes.local.state
        self._observers = state.observers
        state.observers = (*state.observers, self._observe)
        return self

    def __exit__(self, *args: object) -> None:
        modes.local.state.observers = self._observers
        super().__exit__(*args)

    def input(self, spec: Spec, name: str) -> Tensor:
        """A tensor that stands for an input of the graph."""
        return self.wrap(self.graph.input(spec, name))

    def wrap(self, symbol: Value) -> Tensor:
        """A tensor around a value of the graph."""
        return Tensor._wrap(Traced(self, symbol))

    def symbol(self, x: Tensor) -> Value:
        """The value that stands for ``x``; a tensor from outside is captured."""
        value = x.value
        if type(value) is Traced:
            if value.world is not self:
                raise TraceError("a tensor of another compiled function was used in this one")
            return value.symbol
        if type(value) is not np.ndarray:
            raise TraceError(
                f"a tensor on {x.device} met one that is being compiled for the CPU",
                hint="move both to one device",
            )
        known = self._arrays.get(id(value))
        if known is None:
            symbol = self.graph.constant(value)
            self.captured[symbol] = x
            known = self._arrays[id(value)] = value, symbol
        return known[1]

    def apply(self, op: Op, inputs: tuple[Tensor, ...]) -> Any:
        """Append ``op``; the value of its output, or a tuple of them."""
        if not hasattr(op, "infer"):
            raise TraceError(f"{op.title} has no shape rule: it cannot be compiled")
        values = tuple(Traced(self, y) for y in self.append(op, inputs))
        many = len(values) != 1 or type(op.infer(*[x.spec for x in inputs])) is tuple
        return values if many else values[0]

    def append(self, op: Op, inputs: tuple[Tensor, ...]) -> list[Value]:
        """Append ``op`` and give its outputs."""
        state = modes.local.state
        walking = state.walking  # what the gradient of is being computed, in backward
        scope = state.scope if walking is None else walking.scope
        path = scope.path() if scope is not None else ""
        if walking is not None:
            path = f"{path} {BACKWARD}".lstrip()
        return self.graph.add(op, [self.symbol(x) for x in inputs], path, self.phase)

    def key(self, source: Generator) -> Tensor:
        """The input that will hold ``(seed, number)`` of the generator's next draw."""
        key = self.input(Spec((2,), np.dtype(np.uint64)), f"draw{len(self.draws)}")
        self.draws.append((source, self.symbol(key)))
        return key

    def _observe(self, op: Op, inputs: Iterable[Tensor], outputs: Any, node: Any) -> None:
        """Remember tensors that were computed with at once, because none of them is traced."""
        if type(next(iter(outputs)).value) is np.ndarray:
            self._eager += inputs

    def read(self) -> list[Tensor]:
        """Tensors from outside whose values of now are part of the graph."""
        return [*self.captured.values(), *self._eager]
