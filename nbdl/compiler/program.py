"""A traced function as a graph, with what surrounds it: state, random draws, results."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl.compiler.ir import Graph, Value
from nbdl.compiler.passes.dead_code import eliminate_dead_code
from nbdl.compiler.trace import Trace, Traced
from nbdl.compiler.update import Cell, Cells
from nbdl.core import modes
from nbdl.core.random import Generator
from nbdl.core.tensor import Tensor
from nbdl.core.tree import leaves, map_leaves, map_tensors
from nbdl.errors import TraceError
from nbdl.shapes import Spec


class State:
    """Something outside that the program reads and may replace: a tensor's array, or one that
    an optimizer keeps.

    Attributes:
        name: for reading.
        tensor: whose it is.
        optimizer, key: ``optimizer.state[tensor][key]`` is meant; None: the tensor's own value.
        input: the value at the start.
        output: the value at the end; None: it is not changed.
    """

    __slots__ = ("input", "key", "name", "optimizer", "output", "tensor")

    def __init__(
        self, name: str, tensor: Tensor, input: Value, optimizer: Any = None, key: str = ""
    ) -> None:
        self.name, self.tensor, self.input = name, tensor, input
        self.optimizer, self.key = optimizer, key
        self.output: Value | None = None

    def get(self) -> Any:
        """The array of now; None where the optimizer has forgotten it."""
        if self.optimizer is None:
            return self.tensor.value
        slots = self.optimizer.state.get(self.tensor)
        return None if slots is None else slots.get(self.key)

    def put(self, array: np.ndarray) -> None:
        """Let it be this array."""
        if self.optimizer is None:
            self.tensor.value = array
        else:
            self.optimizer.state[self.tensor][self.key] = array


@dataclass
class Rule:
    """How the numbers of an optimizer's rule are found before each step.

    Attributes:
        optimizer: whose rule.
        group: the number of the group whose options it takes.
        members: the parameters that go through the rule with the same numbers.
        inputs: for each of them the graph's inputs that get the numbers, in order.
        calls: what the rule did when it was traced.
    """

    optimizer: Any
    group: int
    members: list[Tensor]
    inputs: list[list[Value]]
    calls: list[str]
    _xp: Cells = field(default_factory=Cells, init=False)
    _cells: dict[str, Cell] = field(default_factory=dict, init=False)

    def numbers(self) -> tuple[list[float], dict[str, Any]] | None:
        """The next step's numbers, and the counts that the state has after it.

        None: the rule does other things now than when it was traced, or not the same for all.
        """
        slots = [self.optimizer.state.get(p) for p in self.members]
        first = slots[0]
        if first is None or any(s is None or s["step"] != first["step"] for s in slots):
            return None
        xp = self._xp
        xp.begin()
        slots_of_now = {k: self._cell(k, v) for k, v in first.items()}
        value, g = self._cell("", self.members[0].value), self._cell("", self.members[0].value)
        group = self.optimizer.param_groups[self.group]
        self.optimizer._apply(value, g, slots_of_now, group)
        if xp.calls != self.calls or len(xp.numbers) != len(self.inputs[0]):
            return None
        return xp.numbers, {k: v for k, v in slots_of_now.items() if type(v) is not Cell}

    def _cell(self, name: str, value: Any) -> Any:
        """What stands for an array of the rule's, made once; a number stands for itself."""
        if not isinstance(value, np.ndarray):
            return value
        found = self._cells.get(name)
        if found is None:
            found = self._cells[name] = self._xp.cell(value.shape, value.dtype)
        return found

    def advance(self, counts: dict[str, Any]) -> None:
        """A step was made."""
        for p in self.members:
            self.optimizer.state[p].update(counts)


@dataclass
class Program:
    """What a trace found.

    Attributes:
        graph: the operations.
        arguments: inputs that are the caller's.
        states: what outlives a run.
        draws: random draws: the generator, and the input that gets the key.
        rules: the optimizer's numbers.
        results: what the function returned, with values of the graph for tensors.
        checked: results that must be finite before state is changed, by name.
        watched: tensors from outside whose value of the trace is part of the graph.
    """

    graph: Graph
    arguments: list[Value]
    states: list[State]
    draws: list[tuple[Generator, Value]]
    rules: list[Rule]
    results: Any
    checked: dict[str, Value] = field(default_factory=dict)
    watched: list[tuple[Tensor, Any]] = field(default_factory=list)

    def replace(self, graph: Graph, before: list[Value]) -> None:
        """Go on with another graph of the same inputs, whose outputs stand for those before."""
        now = dict(zip(before, graph.outputs, strict=True))
        self.results = map_leaves(Value, now.__getitem__, self.results)
        self.checked = {name: now[y] for name, y in self.checked.items()}
        for state in self.states:
            if state.output is not None:
                state.output = now[state.output]
        self.graph = graph


class Tracer(Trace):
    """Traces a function whose state are these tensors.

    Args:
        tensors: parameters and buffers by name.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.tensors = dict({id(t): (name, t) for name, t in tensors.items()}.values())
        self.names = {id(t): name for name, t in self.tensors.items()}
        self.originals = {id(t): t.value for t in self.tensors.values()}
        self.states: list[State] = []
        self.rules: list[Rule] = []
        self.checked: dict[str, Value] = {}
        self._gradients: list[Value] = []

    def trace(self, function: Callable[..., Any], arguments: Sequence[Spec]) -> Program:
        """Run ``function`` on traced tensors.

        It may leave gradients and let an optimizer make a step. All state, gradients included,
        is as before afterwards. Raises TraceError for what cannot be traced.
        """
        kept = [(t, t.value, t.grad) for t in self.tensors.values()]
        try:
            with self:
                for name, t in self.tensors.items():
                    x = self.input(t.spec, name)
                    self.states.append(State(name, t, self.symbol(x)))
                    t.value, t.grad = x.value, self._earlier(t, name)
                inputs = [self.input(s, f"argument{i}") for i, s in enumerate(arguments)]
                given = function(*inputs)
                results = map_tensors(self.symbol, given)
                self._changed()
                outputs = [self.symbol(y) for y in leaves(given)]
                self._check_left(outputs)
        finally:
            for t, value, grad in kept:
                t.value, t.grad = value, grad
            for t in self.read():  # what the trace left in tensors of somebody else
                if t.grad is not None and type(t.grad.value) is Traced:
                    t.grad = None
        changed = [s.output for s in self.states if s.output is not None]
        self.graph.outputs = [*outputs, *self.checked.values(), *changed]
        self._check_earlier()
        return Program(
            self.graph, [_symbol(x) for x in inputs], self.states, self.draws, self.rules,
            results, self.checked, _outside(self.read(), self.tensors.values()),
        )  # fmt: skip

    def _earlier(self, t: Tensor, name: str) -> Tensor | None:
        """What stands for a gradient that the call before may have left."""
        if not t.requires_grad:
            return None
        g = self.input(t.spec, f"gradient of {name}")
        self._gradients.append(self.symbol(g))
        return g

    def _check_left(self, outputs: list[Value]) -> None:
        """Raise TraceError for gradients that nobody uses in this call."""
        known = {*outputs, *self._gradients}
        for name, t in self.tensors.items():
            if not self.rules and t.grad is not None and self.symbol(t.grad) not in known:
                raise TraceError(
                    f"it leaves a gradient in {name!r}, a side effect",
                    hint="let the optimizer make its step inside, or return the gradients",
                )

    def _check_earlier(self) -> None:
        """Raise TraceError where the gradients of the call before matter; forget them else."""
        needed = set(self.graph.outputs)
        for node in reversed(self.graph.nodes):
            if not needed.isdisjoint(node.outputs):
                needed.update(node.inputs)
        if not needed.isdisjoint(self._gradients):
            raise TraceError(
                "it adds to the gradients of the call before",
                hint="optimizer.zero_grad() before backward",
            )
        eliminate_dead_code(self.graph)
        self.graph.inputs = [x for x in self.graph.inputs if x not in {*self._gradients}]

    def _changed(self) -> None:
        """Note the values that tensors have at the end, where they are others."""
        for state in self.states:
            if state.optimizer is None and state.output is None:
                now = self.symbol(state.tensor)
                state.output = now if now is not state.input else None

    # ----- the optimizer's part ---------------------------------------------------------------

    def update(self, optimizer: Any) -> None:
        """The gradients' sums of squares, and the optimizer's rule on each parameter."""
        ready = [
            (number, p) for number, group in enumerate(optimizer.param_groups)
            for p in group["params"] if p.grad is not None
        ]  # fmt: skip
        if any(rule.optimizer is optimizer for rule in self.rules):
            raise TraceError("an optimizer makes two steps in one call")
        for _, p in ready:
            if id(p) not in self.names:
                raise TraceError("the optimizer trains a parameter that is not of the model")
            self.checked[self.names[id(p)]] = self.symbol(_squares(p.grad))
        self.phase = 1
        with modes.no_grad():
            for number, p in ready:
                self._rule(optimizer, number, p, self.names[id(p)])

    def _rule(self, optimizer: Any, number: int, p: Tensor, name: str) -> None:
        group = optimizer.param_groups[number]
        slots = optimizer.state.get(p)
        if slots is None:
            slots = optimizer.state[p] = optimizer._new_slots(self.originals[id(p)], group)
        xp = Cells(self)
        cells: dict[str, Any] = {}
        own: list[tuple[State, Cell]] = []
        for key, v in slots.items():
            if isinstance(v, np.ndarray):
                x = self.input(Spec(v.shape, v.dtype), f"{name}.{key}")
                state = State(f"{name}.{key}", p, self.symbol(x), optimizer, key)
                cells[key] = xp.cell(v.shape, v.dtype, x)
                own.append((state, cells[key]))
            else:
                cells[key] = v
        assert p.grad is not None
        new = optimizer._apply(
            xp.cell(p.shape, p.dtype, Tensor._wrap(p.value)),
            xp.cell(p.shape, p.dtype, Tensor._wrap(p.grad.value)), cells, group,
        )  # fmt: skip
        p.value = new.tensor.value
        for state, cell in own:
            assert cell.tensor is not None
            now = self.symbol(cell.tensor)
            state.output = now if now is not state.input else None
            self.states.append(state)
        self._join(optimizer, number, p, xp)

    def _join(self, optimizer: Any, number: int, p: Tensor, xp: Cells) -> None:
        """Put the parameter to those with the same numbers, or begin a new rule."""
        symbols = [_symbol(x) for x in xp.inputs]
        for rule in self.rules:
            first = rule.members[0]
            if rule.optimizer is not optimizer or rule.group != number or rule.calls != xp.calls:
                continue
            counts = _counts(optimizer.state[first]) == _counts(optimizer.state[p])
            if counts and (optimizer.elementwise or first.shape == p.shape):
                rule.members.append(p)
                rule.inputs.append(symbols)
                return
        self.rules.append(Rule(optimizer, number, [p], [symbols], xp.calls))


def _counts(slots: dict[str, Any]) -> dict[str, Any]:
    """The state that is no array."""
    return {k: v for k, v in slots.items() if not isinstance(v, np.ndarray)}


def _symbol(x: Tensor) -> Value:
    value = x.value
    if type(value) is not Traced:
        raise TraceError("a tensor of the trace was replaced by one from outside")
    return value.symbol


def _squares(g: Tensor) -> Tensor:
    """The sum of squares, by rows first, so that several threads can do it."""
    with modes.no_grad():
        squares = g * g
        if g.ndim > 1:
            squares = squares.sum(tuple(range(1, g.ndim)))
        return squares.sum()


def _outside(read: Iterable[Tensor], own: Iterable[Tensor]) -> list[tuple[Tensor, Any]]:
    """Of the tensors that were read those that somebody else can change: with their arrays."""
    mine = {id(t) for t in own}
    return [(t, t.value) for t in dict.fromkeys(read) if id(t) not in mine]
