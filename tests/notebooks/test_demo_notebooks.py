"""Every demo notebook runs from top to bottom in batch execution, without a warning."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from scripts import demo, save_demos
from tests.notebooks.execute import errors_said, execute, execute_notebook

FOLDER = Path(__file__).resolve().parents[2] / "demo_notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_the_four_first_demos_are_there():
    assert [path.name[:2] for path in NOTEBOOKS][:4] == ["01", "02", "03", "04"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_demo_notebook_runs(path: Path, tmp_path: Path):
    notebook = execute(path, tmp_path)
    assert errors_said(notebook) == []
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_demo_notebook_is_fit_to_be_read(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.cells[0].cell_type == "markdown", "a notebook opens with what it is about"
    assert notebook.cells[0].source.startswith("# ")
    assert notebook.metadata.kernelspec.name == "python3", "else the host asks for a kernel"
    assert path.stat().st_size < 300_000, "outputs that large do not belong in the repository"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_saved_demo_shows_its_pictures_to_a_reader_without_a_kernel(path: Path):
    notebook = nbformat.read(path, as_version=4)
    again = "python -m scripts.save_demos"
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        assert cell.execution_count, f"{again}: this cell has not been executed\n{cell.source}"
        assert demo.WIDGET not in kinds, f"{again}: a widget without its kernel is dead"
        if re.search(r"^%%model|^%train|^%inspect", cell.source, flags=re.MULTILINE):
            assert "image/png" in kinds, f"{again}: no picture under\n{cell.source}"


def test_what_is_saved_is_what_a_reader_can_see():
    picture = {"image/png": "iVBORw0KGgo=", "image/svg+xml": "<svg/>", "text/plain": "graph"}
    cell = nbformat.v4.new_code_cell("%inspect net")
    cell.metadata["execution"] = {"iopub.execute_input": "2025-01-01"}
    cell.outputs = [
        nbformat.v4.new_output("display_data", {demo.WIDGET: {}, "text/plain": "<view>"}),
        nbformat.v4.new_output("display_data", picture),
        nbformat.v4.new_output("stream", name="stdout", text="hello"),
    ]
    saved = save_demos.lasting(nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {}}))
    shown, said = saved.cells[0].outputs
    assert set(shown.data) == {"image/png", "text/plain"}
    assert said.text == "hello"
    assert "widgets" not in saved.metadata
    assert saved.cells[0].metadata == {}


def test_a_cell_that_raises_is_noticed(tmp_path: Path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute_notebook(notebook, tmp_path)


def test_a_warning_is_noticed(tmp_path: Path):
    source = "import warnings; warnings.warn('look out')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    said = errors_said(execute_notebook(notebook, tmp_path))
    assert len(said) == 1
    assert "look out" in said[0]
