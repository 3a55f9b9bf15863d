"""The way back: how gradients go from a tensor to its leaves, as steps beside the forward ones."""

from __future__ import annotations

from typing import Any

from nbdl.core.tape import Leaf, Node, Pick
from nbdl.core.tensor import Tensor
from nbdl.inspection.flatten import Box, boxes
from nbdl.inspection.recording import Call, Calls, Step
from nbdl.shapes import Spec

NAME = "backward"


class WayBack:
    """Steps that mirror those of a computation, the last one first.

    Args:
        order: the tape's nodes behind a tensor, oldest first.
        forward: their steps by the identity of the node.
        result: the step of the tensor itself.
        end: its node.
    """

    def __init__(
        self, order: list[Any], forward: dict[int, Step], result: Step, end: Any
    ) -> None:
        self._forward = forward
        self._calls = Calls()
        # For each node the gradients that arrive at it: the step that makes one, and which.
        self._arriving: dict[int, list[tuple[Step, int]]] = {id(_computing(end)): [(result, 0)]}
        last_reader: dict[int, Any] = {}  # on the way back: the first on the way forth
        for node in order:
            for edge in node.edges:
                if type(edge) is Leaf:
                    last_reader.setdefault(id(edge), node)
        for node in reversed(order):
            if type(node) is Node:
                self._back(node)
                for leaf in dict.fromkeys(e for e in node.edges if type(e) is Leaf):
                    if last_reader[id(leaf)] is node:
                        self._arrived(leaf, self._calls.at(node.scope))

    def box(self) -> Box | None:
        """A group of everything, closed at first; None when no gradient goes anywhere."""
        members = boxes(self._calls.root)
        if not members:
            return None
        _rename(members)
        return Box(name=NAME, type="gradients", family="gradient", members=members)

    def _back(self, node: Node) -> None:
        """What an operation's gradient does: of its output's, those of its inputs."""
        given = node.specs[1:]
        pairs = [(e, s) for e, s in zip(node.edges, given, strict=False) if e is not None]
        step = Step("op", op=node.op, outputs=tuple(spec for _, spec in pairs), backward=True)
        step.sources = self._arriving.pop(id(node), [])
        step.mirror = self._forward.get(id(node))
        step.line = step.mirror.line if step.mirror is not None else None
        step.about = _kept(node)
        for index, (edge, _) in enumerate(pairs):
            self._arriving.setdefault(id(_computing(edge)), []).append((step, index))
        self._calls.at(node.scope).members.append(step)

    def _arrived(self, leaf: Leaf, call: Call) -> None:
        """Where a gradient ends: ``grad`` of a parameter."""
        forward = self._forward.get(id(leaf))
        x = leaf.tensor()
        if forward is None or x is None:
            return
        step = Step("output", f"{forward.label}.grad", inputs=(x.spec,), outputs=(x.spec,))
        step.sources = self._arriving.pop(id(leaf), [])
        step.mirror = forward
        step.backward = True
        step.tensors = (x.grad,) if isinstance(x.grad, Tensor) else ()
        call.members.append(step)


def _computing(node: Any) -> Any:
    """The operation itself, where a node stands for one of its outputs."""
    return node.edges[0] if type(node) is Pick else node


def _kept(node: Node) -> list[tuple[str, str]]:
    """What the tape keeps until this step: the values that the gradient reads."""
    op = type(node.op)
    outputs = node.specs[0]
    output = outputs if isinstance(outputs, Spec) else outputs[0]
    kept = [("the output", output)] if op._saves_y else []
    given = node.specs[1:]
    positions = [i for i in map(int, op._saves_x) if i < len(given)]
    several = len(given) > 1
    kept += [(f"input {i}" if several else "the input", given[i]) for i in positions]
    sizes = [(name, f"{'×'.join(map(str, s.shape)) or 'scalar'} {s.dtype}") for name, s in kept]
    return [(f"keeps {name}", size) for name, size in sizes]


def _rename(members: list[Box]) -> None:
    """Types say that this is the way back: ``Conv2d backward``, ``add backward``."""
    for box in members:
        if box.layer is not None or box.kind == "op":
            box.type = f"{box.type} {NAME}"
            if box.layer is None:
                box.name = box.type
        _rename(box.members)
