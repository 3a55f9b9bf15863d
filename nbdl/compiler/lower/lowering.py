"""Lowering: each region a loop, each other operation the best call there is for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from nbdl.backends.floating import restore, silence
from nbdl.compiler.ir import Graph, Node, Value
from nbdl.compiler.lower.copies import reorder_step
from nbdl.compiler.lower.kernels import loop_of
from nbdl.compiler.lower.steps import LoopStep, PythonStep, Step
from nbdl.compiler.lower.views import VIEWS, Buffer, View, dense_strides, new_view, views_of
from nbdl.compiler.passes.fuse import RENAMES, Region, fuse, region_of
from nbdl.compiler.passes.rematerialize import rematerialize
from nbdl.core.op import Op
from nbdl.ops.conversion import Clone
from nbdl.ops.movement import PermuteDims

Rule = Callable[["Lowering", Node], bool]
"""Emits the steps of a node; False: cannot, for these layouts or on this platform."""

PREPARATIONS: list[Callable[[Lowering], None]] = []
"""Called before anything is lowered."""

RULES: dict[type[Op], list[Rule]] = {}
"""For each operation how it may be lowered, the best first; in the end NumPy does it."""


def lowers(*kinds: type[Op]) -> Callable[[Rule], Rule]:
    """Register a rule for some kinds of operations."""

    def register(rule: Rule) -> Rule:
        for kind in kinds:
            RULES.setdefault(kind, []).append(rule)
        return rule

    return register


class Lowering:
    """A graph on its way to a list of steps.

    Attributes:
        graph: what is lowered.
        views: where values lie.
        steps: the calls so far.
        targets: values that must come to lie in a given place: the new state.
        finals: all pairs of new state and its place; one value may become several states.
        kept: values that are read after the run.
        joined: values that others are going to be joined to, where they do not lie apart.
        parts: those others, and where in the joined one they are to lie.
        reordered: copies of views in layouts of oneDNN's.
    """

    def __init__(
        self, graph: Graph, views: dict[Value, View], finals: Sequence[tuple[Value, View]],
        kept: Iterable[Value],
    ) -> None:  # fmt: skip
        self.graph = graph
        self.views = dict(views)
        self.finals, self.kept = finals, list(kept)
        self.targets = dict(reversed(finals))
        self.joined: dict[Value, View] = {}
        self.parts: dict[Value, View] = {}
        self._sources = {view.buffer: x for x, view in views.items()}
        self._done: set[int] = set()
        self.steps: list[Step] = []
        self.users = graph.users()
        self.wanted = set(graph.outputs)
        self.reordered: dict[tuple[View, Any], Buffer] = {}
        self._copies: dict[tuple[View, tuple[int, ...]], View] = {}
        self._numbers = {
            x: array for x, array in graph.constants.items() if array.size == 1
        }
        for x, array in graph.constants.items():
            self.views[x] = _constant(array)

    def run(self) -> list[Step]:
        """Lower everything; the steps in the order in which they run."""
        for prepare in PREPARATIONS:
            prepare(self)
        units = rematerialize(fuse(self.graph), self.graph.outputs)
        self.users = _users(units)
        for unit in units:
            if isinstance(unit, Region):
                self._region(unit)
                self._done.update(map(id, unit.nodes))
            else:
                self._node(unit)
                self._done.add(id(unit))
        self._finish()
        return sorted(self.steps, key=lambda step: step.phase)

    def _finish(self) -> None:
        """Put new state into its places, and what is read after the run out of them: until the
        next run a state may change, and move."""

        def put_aside(values: Iterable[Value]) -> None:
            for y in values:
                if self.views[y].buffer.kind == "state":
                    self.views[y] = self.copied(self.views[y], None, 1)

        new = {y for y, place in self.finals if self.views[y] == place}
        put_aside(y for y in self.kept if y not in new)
        left = [(y, place) for y, place in self.finals if self.views[y] != place]
        moved = [
            (self.copied(v, None, 1) if (v := self.views[y]).buffer.kind == "state" else v, place)
            for y, place in left
        ]
        for source, place in moved:
            self.copy(source, place, 1)
        put_aside(y for y in self.kept if y in new)

    # ----- what rules use -------------------------------------------------------------------

    def view(self, value: Value) -> View:
        """Where ``value`` lies."""
        return self.views[value]

    def dense(self, view: View, order: tuple[int, ...] | None = None, phase: int = 0) -> View:
        """``view``, or a copy of it, without gaps and with its axes in ``order``."""
        if view.is_dense(order):
            return view
        key = view, order or ()
        if key not in self._copies:
            self._copies[key] = self.copied(view, order, phase)
        return self._copies[key]

    def copied(self, view: View, order: tuple[int, ...] | None = None, phase: int = 0) -> View:
        """A copy of ``view``."""
        target = new_view(view.spec, order)
        self.copy(view, target, phase)
        return target

    def copy(self, source: View, target: View, phase: int = 0) -> None:
        """Copy the elements of one view into another of the same shape."""
        x = Value(source.spec)
        node = Node(Clone(), [x], [target.spec], "", phase)
        reorder = reorder_step(node, source, target, phase)
        if reorder is not None:
            self.steps.append(reorder)
            return
        region = region_of(node)
        assert region is not None
        loop = loop_of(region, {x: source}, {}, {node.outputs[0]: target})
        self.steps.append(LoopStep([node], [source], [target], phase, loop))

    def fresh(self, value: Value, order: tuple[int, ...] | None = None) -> View:
        """A new place for ``value``; it may be the one that it must lie in at the end.

        Without ``order`` the axes lie as the only reader, if it renames them, wants to see them.
        """
        place = self._target(value)
        if place is not None and (order is None or place.is_dense(order)):
            self.views[value] = place
            return place
        if order is None:
            order = self._preferred(value)
        self.views[value] = new_view(value.spec, order)
        return self.views[value]

    def _target(self, value: Value, region: Region | None = None) -> View | None:
        """Where new state may be written at once: in the place of the old, if that has been read.

        Nothing is written before the results were found good.
        """
        place = self.targets.get(value)
        if place is None or value.node is None or value.node.phase == 0:
            return None
        source = self._sources[place.buffer]
        for x in self._same_place(source):
            if x in self.wanted:
                return None
            if not all(self._has_read(n, x, value, region) for n in self.users.get(x, [])):
                return None
        self._copies = {k: v for k, v in self._copies.items() if k[0].buffer is not place.buffer}
        for key in [k for k in self.reordered if k[0].buffer is place.buffer]:
            del self.reordered[key]
        return place

    def _same_place(self, source: Value) -> list[Value]:
        """A value and all that may be views of it."""
        found = [source]
        for x in found:
            for n in self.users.get(x, []):
                if isinstance(n.op, VIEWS):
                    found += n.outputs
        return found

    def _has_read(self, node: Node, x: Value, value: Value, region: Region | None) -> bool:
        """Whether ``node`` does not need ``x`` any more once ``value`` is written in its place: it
        is done, or reads each element in the loop before that one is written."""
        if id(node) in self._done or isinstance(node.op, VIEWS):
            return True
        if region is None or node not in region.nodes:
            return False
        if region.inner:  # what is read before a reduction is read once more after it
            return False
        same = self.views.get(x) == self.targets[value]
        return same and region.axes.get(x) == region.axes[value]

    def _preferred(self, value: Value) -> tuple[int, ...] | None:
        readers = self.users.get(value, [])
        if len(readers) == 1 and isinstance(readers[0].op, PermuteDims):
            return readers[0].op.axes
        return None

    def emit(self, step: Step) -> None:
        """Append a step."""
        self.steps.append(step)

    def post(self, node: Node) -> tuple[tuple[Any, ...], ...]:
        """What a primitive does to its result before it is stored."""
        return ()

    # ----- regions --------------------------------------------------------------------------

    def _region(self, region: Region) -> None:
        if region.only_renames:
            for node in region.nodes:
                self._node(node)
            return
        stored, renamed = self._stored(region)
        places = {x: self._target(x, region) or self.parts.get(x) for x in stored}
        numbers = {x: array for x, array in self._numbers.items()}
        loop = loop_of(region, self.views, numbers, places)
        for x, view in places.items():
            assert view is not None
            self.views[x] = view
        reads = [op.view for op in loop.operands[: len(loop.operands) - len(places)]]
        writes = [op.view for op in loop.operands[len(reads) :]]
        self.emit(LoopStep(list(region.nodes), reads, writes, region.phase, loop))
        for node in renamed:
            self._node(node)

    def _stored(self, region: Region) -> tuple[list[Value], list[Node]]:
        """What of a region is used outside of it, and what is then only another name of that."""
        inside = set(map(id, region.nodes))
        stored: dict[Value, None] = {}
        renamed: dict[int, Node] = {}
        for node in region.nodes:
            y = node.outputs[0]
            if y in self.wanted or any(id(n) not in inside for n in self.users.get(y, [])):
                while isinstance(node.op, RENAMES) and y.node is node and y not in self.targets:
                    renamed[id(node)] = node
                    y = node.inputs[0]
                    if y not in region.made or y.node is None:
                        break
                    node = y.node
                if y in region.made:
                    stored[y] = None
        order = {id(n): i for i, n in enumerate(region.nodes)}
        return list(stored), sorted(renamed.values(), key=lambda n: order[id(n)])

    # ----- single operations ----------------------------------------------------------------

    def _node(self, node: Node) -> None:
        if len(node.inputs) >= 1 and self._as_view(node):
            return
        for rule in RULES.get(type(node.op), ()):
            if rule(self, node):
                return
        self._numpy(node)

    def _as_view(self, node: Node) -> bool:
        """Whether the results are views of the input."""
        if not isinstance(node.op, VIEWS) or len(node.inputs) != 1:
            return False
        source = self.views[node.inputs[0]]
        found = views_of(node.op, source)
        if found is None:
            source = self.dense(source, None, node.phase)
            found = views_of(node.op, source)
        if found is None:
            return False
        self.views.update(zip(node.outputs, found, strict=True))
        return True

    def _numpy(self, node: Node) -> None:
        """The operation's own forward rule."""
        reads = [self.views[x] for x in node.inputs]
        writes = [self.fresh(y) for y in node.outputs]
        op: Any = node.op

        def call(inputs: list[np.ndarray], outputs: list[np.ndarray]) -> None:
            before = silence()
            try:
                results = op.forward(np, *inputs)
            finally:
                restore(before)
            several = results if isinstance(results, tuple) else (results,)
            for y, result in zip(outputs, several, strict=True):
                y[...] = result

        self.emit(PythonStep([node], reads, writes, node.phase, call))


def _users(units: Iterable[Region | Node]) -> dict[Value, list[Node]]:
    """For each value the nodes that read it."""
    found: dict[Value, list[Node]] = {}
    for unit in units:
        for node in unit.nodes if isinstance(unit, Region) else [unit]:
            for x in dict.fromkeys(node.inputs):
                found.setdefault(x, []).append(node)
    return found


def _constant(array: np.ndarray) -> View:
    dense = np.ascontiguousarray(array).reshape(array.shape)
    buffer = Buffer(dense.nbytes, "constant", dense)
    return View(buffer, array.shape, array.dtype, dense_strides(array.shape))

