"""All passes in their order."""

from __future__ import annotations

from collections.abc import Callable

from nbdl.compiler.ir import Graph
from nbdl.compiler.passes.common_subexpressions import eliminate_common_subexpressions
from nbdl.compiler.passes.dead_code import eliminate_dead_code
from nbdl.compiler.passes.decompose import decompose
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


def optimize(program: Program) -> list[tuple[str, str]]:
    """Put the program's graph through all passes; its text after each that changed it."""
    dumps = [("traced", str(program.graph))]
    for rewrite in PASSES:
        before = list(program.graph.outputs)
        graph = rewrite(program.graph)
        program.replace(graph, before)
        graph.check()
        text = str(graph)
        if text != dumps[-1][1]:
            dumps.append((rewrite.__name__, text))
    return dumps
