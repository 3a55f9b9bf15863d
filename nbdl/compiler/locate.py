"""Where compiled and eager results part: the first operation whose result is another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nbdl.backends.floating import restore, silence
from nbdl.compiler.executable import Executable
from nbdl.compiler.ir import Node, Value
from nbdl.compiler.lower.steps import Step
from nbdl.compiler.verify import excess, longest_sum, root_mean_square


def first_difference(executable: Executable, arguments: Sequence[np.ndarray]) -> str | None:
    """``"tanh of layer 3"``: run call by call, beside each operation's own forward rule.

    Only what is computed before state changes is looked at, so all state stays as it is.
    """
    _, draws = executable.enter(list(arguments))
    for generator, draw in draws:
        generator.draw = draw
    known = _interpreted(executable)
    plan, terms = executable.plan, longest_sum(executable.program.graph)
    for step in plan.steps:
        if step.phase:
            break
        plan.alone(step)()
        for node in step.nodes:
            for y in node.outputs:
                if y in known and _written(executable, step, y):
                    found = plan.array(executable.places[y])
                    if excess(found, known[y], root_mean_square(known[y]) + 1e-30, terms) > 1:
                        return f"{node.op.name} of layer {node.scope or 'none'!r}"
    return None


def _written(executable: Executable, step: Step, y: Value) -> bool:
    place = executable.places.get(y)
    return place is not None and any(place.buffer is view.buffer for view in step.writes)


def _interpreted(executable: Executable) -> dict[Value, np.ndarray]:
    """All values of the graph by the operations' forward rules, one after the other."""
    graph = executable.program.graph
    known: dict[Value, Any] = dict(graph.constants)
    for x in graph.inputs:
        known[x] = executable.plan.array(executable.views[x]).copy()
    before = silence()
    try:
        for node in graph.nodes:
            if not node.phase:
                _interpret(node, known)
    finally:
        restore(before)
    return known


def _interpret(node: Node, known: dict[Value, Any]) -> None:
    op: Any = node.op
    results = op.forward(np, *[known[x] for x in node.inputs])
    several = results if isinstance(results, tuple) else (results,)
    known.update(zip(node.outputs, map(np.asarray, several), strict=True))
