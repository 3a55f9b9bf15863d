"""Steps of a plan before it is bound to addresses: what is called, what it reads and writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nbdl.compiler.ir import Node
from nbdl.compiler.lower.kernels import Loop
from nbdl.compiler.lower.views import Buffer, View


@dataclass(eq=False)
class Step:
    """One call.

    Attributes:
        nodes: the operations it computes.
        reads, writes: what it needs and what it makes.
        phase: 0, or 1 for what comes after the results were found good.
    """

    nodes: list[Node]
    reads: list[View]
    writes: list[View]
    phase: int

    @property
    def title(self) -> str:
        """What reports call it."""
        names = [node.op.name for node in self.nodes]
        more = f" +{len(names) - 3}" if len(names) > 3 else ""
        return " ".join(names[:3]) + more

    @property
    def scope(self) -> str:
        """Path of the layer of its first operation that has one."""
        return next((node.scope for node in self.nodes if node.scope), "")

    @property
    def flops(self) -> int:
        """Floating-point operations."""
        return sum(node.flops for node in self.nodes)

    @property
    def traffic(self) -> int:
        """Bytes read and written, each array once."""
        return sum(view.touched for view in {*self.reads, *self.writes})

    @property
    def scratch(self) -> Buffer | None:
        """Memory that is needed during the call only."""
        return None


@dataclass(eq=False)
class LoopStep(Step):
    """A fused loop."""

    loop: Loop


@dataclass(eq=False)
class BodyStep(Step):
    """A kernel written by hand, such as the random numbers'.

    Attributes:
        body: the address of its machine code.
        values: its arguments: numbers, and views whose addresses they are.
        blocks: how much work there is, in the body's own units.
    """

    body: int
    values: list[int | View]
    blocks: int


@dataclass(eq=False)
class PrimitiveStep(Step):
    """A primitive of oneDNN.

    Attributes:
        primitive: which.
        roles: its arguments by role; scratchpads are buffers.
    """

    primitive: Any
    roles: dict[str, View | Buffer] = field(default_factory=dict)

    @property
    def is_reorder(self) -> bool:
        """Whether it only puts something into another layout for its node's own primitive."""
        return bool(self.primitive.name == "reorder")

    @property
    def title(self) -> str:
        """The operation, or that it is a reorder for it."""
        return f"reorder for {super().title}" if self.is_reorder else super().title

    @property
    def flops(self) -> int:
        """Floating-point operations."""
        return 0 if self.is_reorder else super().flops

    @property
    def traffic(self) -> int:
        """Bytes read and written, copies in layouts of oneDNN's own included."""
        places = {place for role, place in self.roles.items() if role != "scratchpad"}
        return sum(x.nbytes if isinstance(x, Buffer) else x.touched for x in places)

    @property
    def scratch(self) -> Buffer | None:
        """The scratchpad."""
        found = self.roles.get("scratchpad")
        return found if isinstance(found, Buffer) else None


@dataclass(eq=False)
class PythonStep(Step):
    """NumPy: a function of the arrays read that fills the arrays written."""

    function: Callable[[list[np.ndarray], list[np.ndarray]], None]
