"""A model on a given input for a terminal: a table of layers, or every number of a small one."""

from __future__ import annotations

from nbdl.inspection.static import formats
from nbdl.inspection.summary import summary_text
from nbdl.inspection.walk_records import ActivationRecord

MOST_LINES = 120


def walk_text(record: ActivationRecord) -> str:
    """The table with values and gradients; below it the lesson of a small network, or what each
    position of a convolution sees."""
    lines = [summary_text(record.graph), record.objective]
    network = record.network
    if network is None:
        seen = [(step.title, line) for step in record.walk for line in step.lines
                if step.phase == "forward" and line.startswith("each position sees")]  # fmt: skip
        return "\n".join([*lines, *(f"{title}: {line}" for title, line in seen)])
    loss = f"L = {network.objective} = {formats.value(network.loss)}"
    lines += ["", f"example {network.example + 1} of {network.examples} · {loss}"]
    written: list[str] = []
    for step in record.walk:
        written += ["", f"{step.phase}: {step.title}", *(f"  {line}" for line in step.lines)]
    if len(written) > MOST_LINES:
        written = [*written[:MOST_LINES], "…"]
    return "\n".join([*lines, *written])
