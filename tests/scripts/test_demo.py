"""`make demo` never overwrites what a person changed in their copy."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from scripts import demo


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one demo notebook and one data file."""
    (tmp_path / "demo_notebooks" / "data").mkdir(parents=True)
    (tmp_path / "nbdl").mkdir()
    (tmp_path / "demo_notebooks" / "data" / "text.txt").write_text("once upon a time")
    write(tmp_path / "demo_notebooks" / "01_first.ipynb", "first")
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    monkeypatch.setattr(demo, "SOURCE", tmp_path / "demo_notebooks")
    monkeypatch.setattr(demo, "PLACE", tmp_path / ".demo")
    monkeypatch.setattr(demo, "STAMP", tmp_path / ".demo" / ".executed.json")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.write_text(json.dumps({"cells": [], "metadata": {"title": text}}))


def pretend_executed(path: Path) -> None:
    """What `execute` leaves behind, without the kernel."""
    write(path, "executed")
    inputs = demo.inputs_of(demo.SOURCE / path.name)
    demo.write_stamp({path.name: {"inputs": inputs, "result": demo.digest(path)}})


def test_an_executed_copy_is_kept_until_something_changes(place: Path):
    demo.copy_notebooks()
    copy = demo.find("01")
    assert (place / ".demo" / "data" / "text.txt").exists()
    pretend_executed(copy)
    demo.copy_notebooks()
    assert "executed" in copy.read_text()
    (place / "nbdl" / "core.py").write_text("changed = True")
    demo.copy_notebooks()
    assert "first" in copy.read_text(), "old outputs would lie about the new code"
    assert demo.read_stamp() == {}


def test_an_edited_copy_is_kept_and_said(place: Path, capsys: pytest.CaptureFixture[str]):
    demo.copy_notebooks()
    copy = demo.find("01")
    pretend_executed(copy)
    write(copy, "mine")
    (place / "nbdl" / "core.py").write_text("changed = True")
    demo.copy_notebooks()
    demo.execute(copy)
    assert "mine" in copy.read_text()
    assert "kept as you edited it" in capsys.readouterr().out


def test_a_notebook_runs_in_the_folder_it_is_told_with_few_threads(tmp_path: Path):
    source = "import os; print(os.getcwd(), os.environ['OMP_NUM_THREADS'])"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    demo.run(notebook, tmp_path)
    folder, threads = notebook.cells[0].outputs[0].text.split()
    assert Path(folder) == tmp_path.resolve()
    assert threads == demo.FEW_THREADS["OMP_NUM_THREADS"]


def test_the_lab_of_the_demo_does_not_ask_about_news(
    place: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    own, mine = demo.lab_settings()["JUPYTER_CONFIG_PATH"].split(":")
    assert mine == "/mine"
    settings = json.loads((Path(own) / "labconfig" / "page_config.json").read_text())
    assert settings["disabledExtensions"]["@jupyterlab/apputils-extension:announcements"]


def test_a_missing_demo_is_an_error_that_says_where(place: Path):
    demo.copy_notebooks()
    with pytest.raises(SystemExit, match="demo_notebooks"):
        demo.find("02")


def test_the_server_that_does_not_come_up_is_said(monkeypatch: pytest.MonkeyPatch, place: Path):
    class Ended:
        returncode = 7

        def poll(self) -> int:
            return 7

    monkeypatch.setattr(demo, "LOG", place / "log")
    (place / "log").write_text("port in use")
    with pytest.raises(SystemExit, match="exit code 7"):
        demo.wait_until_up(Ended(), port=1)  # type: ignore[arg-type]
