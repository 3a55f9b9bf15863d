"""A tree of calls as the nodes and edges of a graph's record."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl.inspection import describe
from nbdl.inspection.recording import Call, Step
from nbdl.inspection.records import (
    GraphNode,
    ParameterStats,
    SourceLine,
    TensorSpec,
    TensorStats,
)
from nbdl.inspection.statistics import GLANCE, tensor_stats
from nbdl.nn import Module

MANY = 3
"""So many identical blocks in a row are drawn as one."""


@dataclass(eq=False)
class Box:
    """A group or a single thing, on its way to a node.

    Attributes:
        step: what happened, None for a group.
        layer: the layer whose call this is.
        name: its name within the group around it.
        family: its colour, if not the layer's; it makes a group closed at first.
        folded: a run of identical layers, which the model itself has no name for.
    """

    step: Step | None = None
    layer: Module | None = None
    name: str = ""
    kind: str = "group"
    type: str = ""
    repeat: int = 0
    failed: str = ""
    members: list[Box] = field(default_factory=list)
    folded: bool = False
    family: str = ""


Describe = Callable[[Step], tuple[TensorStats | None, TensorStats | None]]
Locate = Callable[[tuple[str, int] | None], SourceLine | None]


def boxes(call: Call) -> list[Box]:
    """What happened in a call, as boxes: layers of one operation are that operation."""
    made = [_step_box(m) if isinstance(m, Step) else _call_box(m) for m in call.members]
    return _fold(_contain(made))


def _step_box(step: Step) -> Box:
    name = step.label or (describe.op_title(step.op) if step.op is not None else "")
    kind = describe.op_title(step.op) if step.op is not None else ""
    return Box(step, step.layer, name, step.kind, kind, failed=step.failed)


def _call_box(call: Call) -> Box:
    layer = call.layer
    name = layer._name if layer is not None else ""
    if call.number > 1:
        name = f"{name} (call {call.number})"
    inner = boxes(call)
    kind = type(layer).__name__
    single = inner[0] if len(inner) == 1 else None
    if single is not None and single.kind == "op" and layer is not None and not layer._modules:
        return Box(single.step, layer, name, "op", kind, failed=call.failed or single.failed)
    return Box(None, layer, name, "group", kind, _repeats(inner), call.failed, inner)


def _contain(made: list[Box]) -> list[Box]:
    """Neighbours that lie in one list of layers (h.0, h.1, …) go into a group of its name."""
    result: list[Box] = []
    run: list[Box] = []

    def finish() -> None:
        if len(run) > 1:
            group = Box(name=_container(run[0]), type="ModuleList", members=list(run))
            for box in run:
                box.name = box.name[len(group.name) + 1 :]
            group.members = list(run)
            group.repeat = _repeats(group.members)
            if group.repeat:
                group.type = run[0].type
            result.append(group)
        else:
            result.extend(run)
        run.clear()

    for box in made:
        if run and _container(box) != _container(run[0]):
            finish()
        if _container(box):
            run.append(box)
        else:
            result.append(box)
    finish()
    return result


def _container(box: Box) -> str:
    """``h`` of a layer that is called ``h.0`` because it lies in the list ``h``."""
    return box.name.rpartition(".")[0] if box.layer is not None else ""


def _repeats(members: list[Box]) -> int:
    """How many identical groups the members are; 0: they are something else."""
    if len(members) < MANY or any(box.kind != "group" for box in members):
        return 0
    return len(members) if len({_likeness(box) for box in members}) == 1 else 0


def _fold(made: list[Box]) -> list[Box]:
    """Put runs of identical groups among others into one group."""
    result: list[Box] = []
    start = 0
    while start < len(made):
        end = start + 1
        if made[start].kind == "group":
            like = _likeness(made[start])
            while end < len(made) and made[end].kind == "group" and _likeness(made[end]) == like:
                end += 1
        run = made[start:end]
        if MANY <= len(run) < len(made):
            name = f"{run[0].name} … {run[-1].name}"
            result.append(
                Box(name=name, type=run[0].type, repeat=len(run), members=run, folded=True)
            )
        else:
            result.extend(run)
        start = end
    return result


def _likeness(box: Box) -> Any:
    """Equal for blocks that look the same when drawn: layers, operations, shapes, inner edges."""
    order: dict[int, int] = {}
    _number(box, order)
    return _shape_of(box, order)


def _number(box: Box, order: dict[int, int]) -> None:
    if box.step is not None:
        order[id(box.step)] = len(order)
    for member in box.members:
        _number(member, order)


def _shape_of(box: Box, order: dict[int, int]) -> Any:
    if box.step is None:
        inner = tuple(_shape_of(member, order) for member in box.members)
        return (box.type, bool(box.failed), inner)
    sources = tuple((order.get(id(s), -1), index) for s, index in box.step.sources)
    detail = describe.layer_detail(box.layer) if box.layer is not None else ""
    return (box.type, box.step.outputs, detail, sources, bool(box.failed))


class Flattener:
    """Writes boxes as nodes, a group before its members, and counts what lies in a group.

    Args:
        describe_step: values and gradient statistics of a step.
        locate: a filename and line as a person knows them.
    """

    def __init__(self, describe_step: Describe, locate: Locate) -> None:
        self.nodes: list[GraphNode] = []
        self._index: dict[int, int] = {}
        self._steps: list[Step] = []
        self._ids: Counter[str] = Counter()
        self._describe = describe_step
        self._locate = locate

    def add(self, made: Iterable[Box], parent: int = -1, path: str = "") -> None:
        """Write the boxes below ``parent``."""
        for box in made:
            at = len(self.nodes)
            name = box.name or box.type
            unique = self._unique(f"{path}.{name}" if path else name)
            if box.step is not None:
                self._index[id(box.step)] = at
                self._steps.append(box.step)
                box.step.node = unique
                self.nodes.append(self._single(box, box.step, parent, unique))
            else:
                self.nodes.append(self._group(box, parent, unique))
                # A run of layers that was folded is no part of their paths.
                self.add(box.members, at, path if box.folded else unique)
                self._sum_up(at)

    def _unique(self, wanted: str) -> str:
        self._ids[wanted] += 1
        return wanted if self._ids[wanted] == 1 else f"{wanted}#{self._ids[wanted]}"

    def _single(self, box: Box, step: Step, parent: int, unique: str) -> GraphNode:
        layer, op = box.layer, step.op
        about = [*_attributes(layer, step), *step.about]
        values, gradient = self._describe(step)
        source = step.line or (layer._source if layer is not None else None)
        return GraphNode(
            id=unique, kind=box.kind, parent=parent, label=box.name, type=box.type,
            family=_family(box, step),
            detail=describe.layer_detail(layer) if layer is not None else _op_detail(step),
            outputs=tuple(TensorSpec(s.shape, str(s.dtype)) for s in step.outputs),
            params=sum(p.size for _, p in step.reads),
            flops=_flops(step), memory=sum(s.nbytes for s in step.outputs) if op else 0,
            seconds=step.seconds,
            status="failed" if box.failed else "", note=box.failed,
            attributes=tuple(about), source=self._locate(source),
            values=values, gradient=gradient, parameters=_parameters(step) if op else (),
        )  # fmt: skip

    def _group(self, box: Box, parent: int, unique: str) -> GraphNode:
        layer = box.layer
        return GraphNode(
            id=unique, kind="group", parent=parent, label=box.name, type=box.type,
            family=box.family or (describe.family(layer) if layer is not None else ""),
            detail=describe.layer_detail(layer) if layer is not None else "",
            repeat=box.repeat,
            attributes=tuple(describe.layer_attributes(layer)) if layer is not None else (),
            source=self._locate(layer._source) if layer is not None else None,
        )  # fmt: skip

    def _sum_up(self, at: int) -> None:
        """What lies in a group, and whether the failure does."""
        members = [node for node in self.nodes[at + 1 :] if node.parent == at]
        ends = [n for n in members if n.outputs and self.nodes[at].family != "gradient"]
        last = ends[-1] if ends else None
        self.nodes[at] = dataclasses.replace(
            self.nodes[at],
            outputs=last.outputs if last is not None else (),
            params=sum(node.params for node in members),
            flops=sum(node.flops for node in members),
            memory=sum(node.memory for node in members),
            seconds=sum(node.seconds for node in members),
            status="partial" if any(node.status for node in members) else "",
            values=last.values if last is not None else None,
            gradient=last.gradient if last is not None else None,
        )

    def linked(self) -> tuple[GraphNode, ...]:
        """The nodes; those on the way back and those on the way forth know each other."""
        nodes = list(self.nodes)
        for step in self._steps:
            if step.mirror is not None and id(step.mirror) in self._index:
                at, other = self._index[id(step)], self._index[id(step.mirror)]
                nodes[at] = dataclasses.replace(nodes[at], twin=other)
                nodes[other] = dataclasses.replace(nodes[other], twin=at)
        return tuple(nodes)

    def edges(self) -> np.ndarray:
        """(n, 3) int32: from, to, which output of from; in the order of the readers."""
        rows = [
            (self._index[id(source)], self._index[id(step)], index)
            for step in self._steps
            for source, index in step.sources
            if id(source) in self._index
        ]
        unique = dict.fromkeys(rows)
        return np.array(list(unique), np.int32).reshape(-1, 3)


def _parameters(step: Step) -> tuple[ParameterStats, ...]:
    """What the parameters that an operation reads look like, where they have values."""
    found = []
    for name, p in step.reads:
        values = tensor_stats(p, GLANCE)
        if values is not None:
            of_gradient = tensor_stats(step.gradients.get(id(p)), GLANCE)
            spec = TensorSpec(p.shape, str(p.dtype))
            found.append(ParameterStats(name, spec, values, of_gradient))
    return tuple(found)


def _attributes(layer: Module | None, step: Step) -> list[tuple[str, str]]:
    """Settings of the layer or of the operation, what it reads, and the shapes it was given."""
    if layer is not None:
        about = describe.layer_attributes(layer)
    else:
        about = describe.op_attributes(step.op) if step.op is not None else []
        about += [(f"reads {name}", _sizes(p.shape)) for name, p in step.reads]
    made = {source.outputs[index] for source, index in step.sources if index < len(source.outputs)}
    given = [spec for spec in step.inputs if spec in made] if step.kind == "op" else []
    for i, spec in enumerate(given):
        name = "input" if len(given) == 1 else f"input {i}"
        about.append((name, f"{_sizes(spec.shape)} {spec.dtype}"))
    return about


def _family(box: Box, step: Step) -> str:
    if step.kind != "op":
        return step.kind
    of_layer = describe.family(box.layer) if box.layer is not None else ""
    return of_layer or (describe.family(step.op) if step.op is not None else "")


def _op_detail(step: Step) -> str:
    return describe.op_detail(step.op) if step.op is not None else ""


def _flops(step: Step) -> int:
    if step.op is None or step.failed or step.backward:
        return 0
    return int(step.op.flops(*step.inputs))


def _sizes(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
