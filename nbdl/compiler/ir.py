"""The graph of a traced function: operations in order, each result assigned once (SSA)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from nbdl.core.op import Op
from nbdl.shapes import Shape, Spec


class Value:
    """One tensor of the graph: a result of a node, an input, or a constant.

    Attributes:
        spec: shape and dtype.
        node: what computes it; None for inputs and constants.
        name: what it is called when the graph is printed: inputs have the names of what they are.
    """

    __slots__ = ("name", "node", "spec")

    def __init__(self, spec: Spec, node: Node | None = None, name: str = "") -> None:
        self.spec = spec
        self.node = node
        self.name = name

    @property
    def shape(self) -> Shape:
        """Sizes of the axes."""
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self.spec.dtype

    def __repr__(self) -> str:
        return f"Value({self.name or '?'}: {described(self.spec)})"


class Node:
    """One operation of the graph.

    Attributes:
        op: the operation, the same instance as the eager call's.
        inputs: the values it reads.
        outputs: the values it makes.
        scope: path of the layer that called it, or "", with " backward" behind it in gradients.
        phase: 0 for what only computes, 1 for what comes after the results were found good: the
            update of parameters and other state.
        again: whether it repeats another node, to be done as late as its result is needed.
    """

    __slots__ = ("again", "inputs", "op", "outputs", "phase", "scope")

    def __init__(
        self, op: Op, inputs: Iterable[Value], specs: Iterable[Spec], scope: str, phase: int = 0
    ) -> None:
        self.op = op
        self.phase = phase
        self.again = False
        self.inputs = list(inputs)
        self.outputs = [Value(spec, self) for spec in specs]
        self.scope = scope

    @property
    def flops(self) -> int:
        """Floating-point operations, as the operation counts them."""
        return int(self.op.flops(*[x.spec for x in self.inputs]))

    def __repr__(self) -> str:
        return f"Node({self.op!r})"


@dataclass
class Graph:
    """Operations in an order in which they can be computed.

    Attributes:
        inputs: values that every run is given.
        outputs: values that every run gives back.
        nodes: the operations; every input of one is computed before it.
        constants: the arrays of values that are the same in every run.
    """

    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    constants: dict[Value, np.ndarray] = field(default_factory=dict)

    def input(self, spec: Spec, name: str) -> Value:
        """A new input."""
        value = Value(Spec(tuple(spec.shape), spec.dtype), name=name)
        self.inputs.append(value)
        return value

    def constant(self, array: np.ndarray) -> Value:
        """A new constant."""
        value = Value(Spec(array.shape, array.dtype))
        self.constants[value] = array
        return value

    def add(
        self, op: Op, inputs: Iterable[Value], scope: str = "", phase: int = 0
    ) -> list[Value]:
        """Append an operation; its shape rule gives the outputs."""
        inputs = list(inputs)
        inferred: Any = op.infer(*[x.spec for x in inputs])
        specs = (inferred,) if isinstance(inferred, Spec) else inferred
        node = Node(op, inputs, specs, scope, phase)
        self.nodes.append(node)
        return node.outputs

    def users(self) -> dict[Value, list[Node]]:
        """For each value the nodes that read it, in order."""
        found: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for x in dict.fromkeys(node.inputs):
                found.setdefault(x, []).append(node)
        return found

    def substitute(self, changes: dict[Value, Value]) -> None:
        """Let everything that read a key read its value instead."""
        if not changes:
            return

        def final(x: Value) -> Value:
            while x in changes:
                x = changes[x]
            return x

        for node in self.nodes:
            node.inputs = [final(x) for x in node.inputs]
        self.outputs = [final(x) for x in self.outputs]

    def check(self) -> None:
        """Raise ValueError if some value is read before it is computed, or made twice."""
        known = {*self.inputs, *self.constants}
        for node in self.nodes:
            for x in node.inputs:
                if x not in known:
                    raise ValueError(f"{node.op!r} reads {x!r}, which nothing before it makes")
            for y in node.outputs:
                if y in known or y.node is not node:
                    raise ValueError(f"{y!r} is made twice")
                known.add(y)
        for y in self.outputs:
            if y not in known:
                raise ValueError(f"the output {y!r} is made by nothing")

    @property
    def flops(self) -> int:
        """Floating-point operations of all nodes."""
        return sum(node.flops for node in self.nodes)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def described(spec: Spec) -> str:
    """``float32[128, 10]``."""
    return f"{spec.dtype.name}[{', '.join(map(str, spec.shape))}]"


def _lines(graph: Graph) -> Iterator[str]:
    names: dict[Value, str] = {}
    for x in graph.inputs:
        names[x] = f"%{x.name}"
        yield f"input {names[x]}: {described(x.spec)}"
    for x, array in graph.constants.items():
        small = array.size == 1
        names[x] = f"{array.reshape(-1)[0]:g}" if small else f"%c{len(names)}"
        if not small:
            yield f"constant {names[x]}: {described(x.spec)}"
    for i, node in enumerate(graph.nodes):
        for k, y in enumerate(node.outputs):
            names[y] = f"%{i}" if len(node.outputs) == 1 else f"%{i}.{k}"
        left = ", ".join(f"{names[y]}: {described(y.spec)}" for y in node.outputs)
        read = ", ".join(names.get(x, "%?") for x in node.inputs)
        where = f"    # {node.scope}" if node.scope else ""
        yield f"{left} = {_called(node.op)}({read}){where}"
    yield "return " + ", ".join(names.get(y, "%?") for y in graph.outputs)


def _called(op: Op) -> str:
    """``sum[axis=(0,)]``: the operation and its static parameters."""
    listed = ", ".join(f"{f.name}={getattr(op, f.name)}" for f in fields(op))
    return f"{op.name}[{listed}]" if listed else op.name
