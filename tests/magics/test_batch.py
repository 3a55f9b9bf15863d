"""Notebooks executed by batch tools: the cells after ``%train`` find the trained model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from tests.magics.conftest import LENET
from tests.notebooks.execute import errors_said, execute_notebook

CELLS = [
    "%load_ext nbdl\nfrom nbdl import data\ntrain, val = data.digits().split(0.8)",
    LENET.replace(" --quiet", ""),
    "%train lenet train --val val --epochs 6 --lr 0.01",
    "import nbdl\nprint(run.status, run.epoch, nbdl.evaluate(lenet, val)['accuracy'] > 0.8)",
]


def notebook(*cells: str) -> Any:
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "language": "python",
                                 "display_name": "Python 3"}},
    )  # fmt: skip


def printed(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def check(done: Any) -> None:
    """The last cell saw the trained model, and each picture shows the end."""
    assert errors_said(done) == []
    *_, train, after = done.cells
    assert printed(after) == "finished 6 True\n"
    [twin] = [o.data for o in train.outputs if "image/svg+xml" in o.get("data", {})]
    assert "lenet · finished" in twin["text/plain"]
    assert "epoch 6 / 6" in twin["text/plain"]
    assert "Finished" in twin["image/svg+xml"]


def test_nbclient(tmp_path: Path):
    check(execute_notebook(notebook(*CELLS), tmp_path))


def test_papermill_with_parameters(tmp_path: Path):
    papermill = pytest.importorskip("papermill")
    cells = notebook("epochs = 1", *CELLS)
    cells.cells[0].metadata["tags"] = ["parameters"]
    cells.cells[3].source = CELLS[2].replace("--epochs 6", "--epochs epochs")
    nbformat.write(cells, tmp_path / "in.ipynb")
    papermill.execute_notebook(
        str(tmp_path / "in.ipynb"), str(tmp_path / "out.ipynb"), cwd=str(tmp_path),
        parameters={"epochs": 6}, progress_bar=False,
    )  # fmt: skip
    done = nbformat.read(tmp_path / "out.ipynb", as_version=4)
    done.cells = [cell for cell in done.cells if "injected-parameters" not in
                  cell.metadata.get("tags", [])]  # fmt: skip
    check(done)


def test_nbconvert_on_the_command_line(tmp_path: Path):
    nbformat.write(notebook(*CELLS), tmp_path / "in.ipynb")
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "out",
         "in.ipynb"],
        cwd=tmp_path, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    check(nbformat.read(tmp_path / "out.ipynb", as_version=4))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("--loss {lambda o, t: 1 / 0} --no-check", "ZeroDivisionError"),
        ("--optim sgdd", "did you mean 'sgd'"),
    ],
)
def test_a_training_that_fails_ends_the_notebook_at_its_cell(tmp_path: Path, words, error):
    cells = [*CELLS[:2], f"%train lenet train {words}", "print('not run')"]
    made = notebook(*cells)
    with pytest.raises(CellExecutionError, match=error):
        execute_notebook(made, tmp_path)
    assert not made.cells[-1].outputs
