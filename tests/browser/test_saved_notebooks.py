"""A saved notebook where no script runs: its views are pictures, on the screen and on paper."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, expect

import nbdl
from nbdl import nn, widgets
from nbdl.inspection.graph import model_graph
from nbdl.magics.show import graph_view
from nbdl.shapes import Spec

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    """Three cells as they are saved: each holds a dead widget, and after it the twin."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
    net.add_module(HOSTILE, nn.Linear(8, 3))
    examples = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 1])
    run = nbdl.train(net, examples, val=examples, epochs=5, name=HOSTILE, progress=False)
    record = model_graph(net, {"": Spec((1, 4), "float32")}, title=HOSTILE)
    views = [graph_view(record), widgets.dashboard(run), widgets.gradient_flow(run)]
    made = nbformat.v4.new_notebook()
    for view in views:
        dead = {"model_id": "gone", "version_major": 2, "version_minor": 0}
        data = {"text/plain": repr(view), "application/vnd.jupyter.widget-view+json": dead}
        outputs = [nbformat.v4.new_output("display_data", d) for d in (data, view.twin())]
        made.cells.append(nbformat.v4.new_code_cell("view", outputs=outputs))
        view.close()
    return made


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page()
    yield opened
    opened.close()


def test_pictures_stand_where_the_views_were(
    notebook: nbformat.NotebookNode, page: Page, tmp_path: Path
) -> None:
    html, _ = HTMLExporter().from_notebook_node(notebook)
    html = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    path = tmp_path / "notebook.html"
    path.write_text(html)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(path.as_uri())
    pictures = page.locator('img[src^="data:image/svg+xml;base64,"]')
    expect(pictures).to_have_count(3)
    for picture in pictures.all():
        expect(picture).to_be_visible()
        source = base64.b64decode((picture.get_attribute("src") or "").split(",", 1)[1])
        assert HOSTILE in "".join(ElementTree.fromstring(source).itertext())
        box = picture.bounding_box()
        assert box is not None
        assert box["width"] > 600
        assert box["height"] > 200
    assert page.locator('img[src="x"]').count() == 0
    assert dialogs == []
    assert page.pdf().startswith(b"%PDF")
