"""The table: samples for every operation, gathered from the rows_*.py beside this file."""

from __future__ import annotations

import importlib
from pathlib import Path

from tests.ops.sample import Sample


def collect() -> dict[str, list[Sample]]:
    """Samples of each operation by its name."""
    table: dict[str, list[Sample]] = {}
    for path in sorted(Path(__file__).parent.glob("rows_*.py")):
        for s in importlib.import_module(f"tests.ops.{path.stem}").ROWS:
            table.setdefault(s.op.name, []).append(s)
    return table
