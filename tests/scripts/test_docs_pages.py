"""The documentation shows the demo notebooks as pages, and a reference page for every room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs_jupyter", reason="the documentation's packages are not installed")

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_documentation_shows_demos_and_reference(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for notebook in (ROOT / "demo_notebooks").glob("*.ipynb"):
        page = (tmp_path / "demo_notebooks" / f"{notebook.stem}.html").read_text()
        assert "data:image/png" in page or "image/png;base64" in page, notebook.name
    rooms = {path.parent.name for path in (ROOT / "nbdl").glob("*/__init__.py")}
    pages = {path.stem for path in (tmp_path / "api").glob("*.html")}
    assert rooms <= pages
    assert "Softmax" in (tmp_path / "api" / "nn.html").read_text()
