"""The tape: what backward needs to know of each operation, and nothing else."""

from __future__ import annotations

import itertools
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any

from nbdl.core.needs import rules
from nbdl.errors import GradientError
from nbdl.shapes import Spec

if TYPE_CHECKING:
    from nbdl.core.op import Op
    from nbdl.core.tensor import Tensor

count = itertools.count().__next__


class Leaf:
    """Where a gradient ends: the tape's end of a tensor that the user made."""

    __slots__ = ("__weakref__", "added", "extra", "seq", "tensor", "used")

    edges: tuple[()] = ()

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = weakref.ref(tensor)
        self.used = False  # whether an optimizer has made a step with the gradient,
        self.added = False  # and whether another one was added to it since
        self.extra: dict[str, Any] | None = None
        self.seq = count()

    @property
    def next_functions(self) -> tuple[()]:
        """Nothing: here gradients end."""
        return ()

    @property
    def variable(self) -> Tensor | None:
        """The tensor, while it lives."""
        return self.tensor()


class Node:
    """One recorded call of an operation.

    Attributes:
        op: the operation.
        edges: for each input the node its gradient goes to, or None.
        saved: values of (output, *inputs) that the gradient reads, None for the others; the
            whole is None once ``backward`` has freed it.
        specs: Spec of (output, *inputs), which stay as the skeleton that views show.
        scope: the layers that were being called.
        extra: hooks, source line, gradient norm: only when somebody asked for them.
        seq: creation number; an edge always leads to a smaller one.
    """

    __slots__ = ("__weakref__", "edges", "extra", "op", "saved", "scope", "seq", "specs")

    def __init__(self, op: Op, edges: tuple[Any, ...], saved: Any, specs: Any, scope: Any) -> None:
        self.op = op
        self.edges = edges
        self.saved = saved
        self.specs = specs
        self.scope = scope
        self.extra: dict[str, Any] | None = None
        self.seq = count()

    def carries(self, i: int) -> bool:
        """Whether output ``i`` of several has a gradient: a float that is no by-product."""
        return i not in self.op.byproducts and self.specs[0][i].dtype.kind in "fcV"

    def free(self) -> None:
        """Drop the saved values; the skeleton stays."""
        if self.saved:
            self.saved = None

    def require_saved(self) -> tuple[Any, ...]:
        """The saved values; raises GradientError when ``backward`` has freed them."""
        if self.saved is None:
            raise GradientError(
                f"backward came a second time to {self.op.title}, whose saved values were "
                "freed by the first one",
                hint="pass retain_graph=True to the first backward, compute the loss again, or "
                "call .detach() on what is carried from one step to the next",
            )
        return self.saved

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Where the gradients go, as PyTorch says it: a node and which of its outputs, by input."""
        return tuple(
            (edge.edges[0], edge.index) if type(edge) is Pick else (edge, 0) for edge in self.edges
        )

    def __repr__(self) -> str:
        return f"<{self.op.title}>"


class Pick:
    """One output of an operation that has several."""

    __slots__ = ("__weakref__", "edges", "extra", "index", "seq")

    def __init__(self, node: Node, index: int) -> None:
        self.edges = (node,)
        self.index = index
        self.extra: dict[str, Any] | None = None
        self.seq = count()

    def __repr__(self) -> str:
        return f"<{self.edges[0].op.title}[{self.index}]>"

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """Those of the operation."""
        found: tuple[tuple[Any, int], ...] = self.edges[0].next_functions
        return found


SPENT = "spent"
"""In ``extra`` of what backward started from: its graph is used up, and kept for views only."""

AnyNode = Leaf | Node | Pick


def add_hook(node: AnyNode, kind: str, hook: Any) -> RemovableHook:
    """Keep ``hook`` on ``node``; returns the handle whose ``remove()`` takes it away."""
    if node.extra is None:
        node.extra = {}
    hooks: dict[int, Any] = node.extra.setdefault(kind, {})
    return RemovableHook(hooks, hook)


def keep_gradient(x: Tensor) -> None:
    """Add to ``x.grad`` what comes by, though x is no leaf, for as long as x lives."""
    reference = weakref.ref(x)

    def keep(g: Tensor) -> None:
        x = reference()
        if x is not None:
            x.grad = g if x.grad is None else rules.add(x.grad, g)

    add_hook(x.node, "hooks", keep)


class RemovableHook:
    """A handle on a registered hook; also a context manager that removes it at the end."""

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.hooks = hooks
        self.key = count()
        hooks[self.key] = hook

    def remove(self) -> None:
        """Take the hook away; harmless when done twice."""
        self.hooks.pop(self.key, None)

    def __enter__(self) -> RemovableHook:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def node_specs(node: Node) -> tuple[Spec | tuple[Spec, ...], tuple[Spec, ...]]:
    """Spec of the output (a tuple of them if there are several) and of the inputs."""
    return node.specs[0], node.specs[1:]


SKELETON_LIMIT = 100_000
_skeletons: deque[tuple[weakref.ref[Any], int]] = deque()
_skeleton_count = 0


def remember_skeleton(root: AnyNode, size: int) -> None:
    """Bound the freed graphs that are kept for views: the oldest are cut past the limit."""
    global _skeleton_count
    _skeletons.append((weakref.ref(root), size))
    _skeleton_count += size
    while _skeleton_count > SKELETON_LIMIT and len(_skeletons) > 1:
        oldest, its_size = _skeletons.popleft()
        _skeleton_count -= its_size
        node = oldest()
        if isinstance(node, Pick):
            node = node.edges[0]
        if isinstance(node, Node) and not node.saved:
            node.saved = None  # another backward is refused, not silently without gradients
            node.edges = (None,) * len(node.edges)
