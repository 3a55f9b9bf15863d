"""A graph as a table: what a terminal shows of a model or of a tensor's history."""

from __future__ import annotations

from collections.abc import Iterator

from nbdl.inspection.layout.words import one_line
from nbdl.inspection.records import GraphNode, GraphRecord, TensorStats
from nbdl.inspection.static import formats

MOST_ROWS = 200
"""Longer tables are shortened to the outer groups, and then cut."""

NAME_WIDTH = 46
MARKS = {"good": "+", "note": "i", "warning": "!", "bad": "x"}


def summary_text(record: GraphRecord) -> str:
    """A table of layers and operations: output shape, parameters, FLOPs, memory.

    Groups are indented; of identical blocks one is shown. With activations (``--on``) there
    are columns for the values and the gradient of each output.
    """
    lines = [" · ".join(part for part in (record.title, record.subtitle) if part)]
    lines = [one_line(line, 120) for line in lines]
    listed = list(_listed(record))
    rows = [_row(node, depth, record) for node, depth in listed[:MOST_ROWS]]
    columns = _columns(record)
    if rows:
        lines += ["", *_table(rows, columns)]
    if len(listed) > MOST_ROWS:
        lines.append(f"… and {len(listed) - MOST_ROWS:,} more")
    lines += ["", _totals(record)]
    lines += [f"{MARKS[f.level]} {f.title} {f.text}" for f in record.findings]
    if record.error:
        lines += ["", f"The forward pass ended here: {record.error}"]
    return "\n".join(lines)


def _listed(record: GraphRecord) -> Iterator[tuple[GraphNode, int]]:
    """Nodes with their depth; of repeated blocks the first, of a layer no inner operations."""
    deepest = 99
    while deepest > 1 and sum(1 for _ in _walk(record, deepest)) > MOST_ROWS:
        deepest = min(deepest, 8) - 1
    return _walk(record, deepest)


def _walk(record: GraphRecord, deepest: int) -> Iterator[tuple[GraphNode, int]]:
    depth: dict[int, int] = {-1: -1}
    entered: set[int] = {-1}
    seen_in: set[int] = set()
    for index, node in enumerate(record.nodes):
        parent = node.parent
        if parent not in entered:
            continue
        repeated = parent >= 0 and record.nodes[parent].repeat > 1
        if repeated and parent in seen_in:
            continue
        seen_in.add(parent)
        depth[index] = depth[parent] + 1
        inner = not node.family or node.status
        if node.kind == "group" and inner and depth[index] + 1 < deepest:
            entered.add(index)
        yield node, depth[index]


def _columns(record: GraphRecord) -> list[str]:
    columns = ["Layer", "Output", "Parameters", "FLOPs", "Memory"]
    if record.seconds:
        columns.append("Time")
    if any(node.values is not None for node in record.nodes):
        columns += ["Mean ± std", "Zeros"]
    if any(node.gradient is not None for node in record.nodes):
        columns.append("Gradient")
    return columns


def _row(node: GraphNode, depth: int, record: GraphRecord) -> list[str]:
    cells = [
        _name(node, depth),
        "×".join(map(str, node.outputs[0].shape)) or "scalar" if node.outputs else "",
        f"{node.params:,}" if node.params else "",
        formats.count(node.flops) if node.flops else "",
        formats.nbytes(node.memory) if node.memory else "",
    ]
    columns = _columns(record)
    if "Time" in columns:
        cells.append(formats.short_time(node.seconds) if node.seconds else "")
    if "Zeros" in columns:
        cells += _value_cells(node.values)
    if "Gradient" in columns:
        cells.append(formats.value(node.gradient.norm, 3) if node.gradient is not None else "")
    return cells


def _value_cells(stats: TensorStats | None) -> list[str]:
    if stats is None:
        return ["", ""]
    if stats.nans or stats.infinities:
        return [f"{stats.nans:,} NaN, {stats.infinities:,} Inf", ""]
    spread = f"{formats.value(stats.mean, 3)} ± {formats.value(stats.std, 3)}"
    return [spread, f"{100 * stats.zeros:.0f} %"]


def _name(node: GraphNode, depth: int) -> str:
    mark = "✗ " if node.status == "failed" else ""
    count = f"{node.repeat}× " if node.repeat > 1 else ""
    kind = node.type if node.type != node.label else ""
    parts = [node.label, f"{count}{kind}".strip(), node.detail if node.kind == "op" else ""]
    words = "  ".join(one_line(part, 40) for part in parts if part)
    return one_line("  " * depth + mark + words, NAME_WIDTH)


def _table(rows: list[list[str]], columns: list[str]) -> list[str]:
    """Aligned columns: words to the left, numbers to the right; empty columns are left out."""
    used = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    widths = {i: max(len(columns[i]), *(len(row[i]) for row in rows)) for i in used}

    def line(cells: list[str]) -> str:
        said = [cells[i].ljust(widths[i]) if i < 2 else cells[i].rjust(widths[i]) for i in used]
        return "  ".join(said).rstrip()

    rule = "─" * (sum(widths.values()) + 2 * (len(used) - 1))
    return [line(columns), rule, *(line(row) for row in rows), rule]


def _totals(record: GraphRecord) -> str:
    frozen = record.params - record.trainable
    parts = [f"{record.params:,} parameters" + (f", {frozen:,} of them frozen" if frozen else "")]
    if record.flops:
        parts.append(f"{formats.count(record.flops)} FLOPs")
    if record.memory:
        parts.append(f"{formats.nbytes(record.memory)} of outputs")
    if record.seconds:
        parts.append(f"{formats.short_time(record.seconds)} forward")
    return " · ".join(parts)
