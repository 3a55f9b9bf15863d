"""All passes in their order."""

from __future__ import annotations

from collections.abc import Callable

from nbdl.compiler.ir import Graph
from nbdl.compiler.passes.common_subexpressions import eliminate_common_subexpressions
from nbdl.compiler.passes.dead_code import eliminate_dead_code
from nbdl.compiler.passes.decompose import decompose
from nbdl.compiler.passes.recompute import recompute, recompute_cheap
from nbdl.compiler.passes.simplify import simplify
from nbdl.compiler.program import Program

Pass = Callable[[Graph], Graph]

PASSES: tuple[Pass, ...] = (
    decompose,
    simplify,
    eliminate_common_subexpressions,
    simplify,
    eliminate_dead_code,
)


def within(budget: int) -> Pass:
    """The pass that keeps to a memory budget, in bytes."""

    def recomputed(graph: Graph) -> Graph:
        return recompute(graph, budget)

    return recomputed


SHORT = 500
"""Nodes up to which the graph is put down after each pass; writing takes longer than passing."""


def optimize(program: Program, budget: int | None = None) -> list[tuple[str, str | Graph]]:
    """Put the program's graph through all passes; the last one spares memory.

    Its text after each pass that changed it; of a long graph only the traced one and the last.
    """
    traced = program.graph
    dumps: list[tuple[str, str | Graph]] = [("traced", traced)]
    text = str(traced) if len(traced.nodes) <= SHORT else ""
    for rewrite in (*PASSES, recompute_cheap if budget is None else within(budget)):
        before = list(program.graph.outputs)
        graph = rewrite(program.graph)
        program.replace(graph, before)
        graph.check()
        now = str(graph) if len(graph.nodes) <= SHORT else ""
        if now != text:
            dumps.append((rewrite.__name__, now))
            text = now
    if not text:
        dumps.append((PASSES[-1].__name__, program.graph))
    return dumps
