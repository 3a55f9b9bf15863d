"""The README's six cells are run as they stand, in a real kernel, without a network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.notebooks.execute import errors_said, execute_notebook

README = Path(__file__).resolve().parents[1] / "README.md"

NO_NETWORK = """
import socket
_connect = socket.socket.connect
def connect(self, address):
    if self.family != socket.AF_UNIX and not str(address[0]).startswith("127."):
        raise OSError(f"the README's cells must work offline, but {address} was asked")
    return _connect(self, address)
socket.socket.connect = connect
"""

ACCURACY = """
import numpy as np
images, labels = val[:]
float((np.asarray(lenet(images).numpy()).argmax(-1) == np.asarray(labels)).mean())
"""


def six_cells() -> list[str]:
    """The python blocks of the section 'Six cells'."""
    section = README.read_text().split("## Six cells", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


def test_there_are_six():
    cells = six_cells()
    assert len(cells) == 6
    assert cells[0].strip() == "%load_ext nbdl"


@pytest.mark.slow
def test_the_six_cells_run_offline_and_the_model_learns(tmp_path: Path):
    sources = [NO_NETWORK, *six_cells(), ACCURACY]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    done = execute_notebook(notebook, tmp_path)
    assert errors_said(done) == []
    _, _, _, model, train, inspect, graph, accuracy = done.cells
    for cell in (model, train, inspect, graph):
        assert has_picture(cell), f"no static picture under: {cell.source.splitlines()[0]}"
    assert float(accuracy.outputs[-1].data["text/plain"]) > 0.9


def has_picture(cell: Any) -> bool:
    """Whether a saved notebook shows something true under the cell, without any script."""
    return any(
        kind in output.get("data", {})
        for output in cell.outputs
        for kind in ("image/svg+xml", "image/png")
    )
