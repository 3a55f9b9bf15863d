"""Chains: the nodes that make a value of others that lie in memory, and copies of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nbdl.compiler.ir import Node, Value


def chain(
    x: Value, among: Sequence[Node], lies: Callable[[Value], bool],
    allowed: Callable[[Node], bool], most: int | None = None,
) -> tuple[list[Node], set[Value]] | None:  # fmt: skip
    """The nodes ``among`` some, in their order, that make ``x``, and the values that they read.

    None: one is not among them, is not allowed, or there are more than ``most``.
    """
    order = {id(node): i for i, node in enumerate(among)}
    nodes: list[Node] = []
    sources: set[Value] = set()
    waiting = [x]
    while waiting:
        y = waiting.pop()
        if y is not x and lies(y):
            sources.add(y)
            continue
        node = y.node
        if node in nodes:
            continue
        if node is None or id(node) not in order or not allowed(node) or len(nodes) == most:
            return None
        nodes.append(node)
        waiting += node.inputs
    return sorted(nodes, key=lambda node: order[id(node)]), sources


def copied(nodes: Sequence[Node], phase: int) -> tuple[list[Node], dict[Value, Value]]:
    """Copies of nodes that read each other's results, and the new value for each old one."""
    changes: dict[Value, Value] = {}
    made = []
    for node in nodes:
        inputs = [changes.get(y, y) for y in node.inputs]
        copy = Node(node.op, inputs, [y.spec for y in node.outputs], node.scope, phase)
        changes.update(zip(node.outputs, copy.outputs, strict=True))
        made.append(copy)
    return made, changes
