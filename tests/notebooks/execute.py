"""Execute a notebook as batch tools do, in a copy of its folder, and look at what it said."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

CELL_LIMIT = 600


def execute(path: Path, place: Path) -> Any:
    """Run the notebook `path` in `place`, with the other files of its folder beside it.

    Returns the executed notebook. Raises nbclient's CellExecutionError if a cell fails.
    """
    for neighbour in path.parent.iterdir():
        if neighbour.is_dir() and not neighbour.name.startswith("."):
            shutil.copytree(neighbour, place / neighbour.name, dirs_exist_ok=True)
        elif neighbour.is_file() and neighbour.suffix != ".ipynb":
            shutil.copy(neighbour, place)
    notebook = nbformat.read(path, as_version=4)
    return execute_notebook(notebook, place)


def execute_notebook(notebook: Any, place: Path) -> Any:
    """Run a notebook object with `place` as the kernel's working directory."""
    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        kernel_name="python3",
        resources={"metadata": {"path": str(place)}},
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )
    client.execute()
    return notebook


def errors_said(notebook: Any) -> list[str]:
    """Everything the cells wrote to stderr: warnings, mostly. Empty for a clean notebook."""
    return [
        f"cell {number}: {output.text.strip()}"
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == "stderr"
    ]
