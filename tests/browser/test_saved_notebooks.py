"""A saved notebook where no script runs: its views are pictures, on the screen and on paper."""

from __future__ import annotations

import base64
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
from nbconvert import HTMLExporter, LatexExporter
from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader
from traitlets.config import Config

import nbdl
from nbdl import nn, widgets
from nbdl.inspection.graph import model_graph
from nbdl.magics.show import graph_view
from nbdl.shapes import Spec
from tests.widgets.saved_views import notebook_of, ten_kinds

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    """Three cells with a hostile name, saved: each holds a dead widget, and after it the twin."""
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU())
    net.add_module(HOSTILE, nn.Linear(8, 3))
    examples = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 1])
    run = nbdl.train(net, examples, val=examples, epochs=5, name=HOSTILE, progress=False)
    record = model_graph(net, {"": Spec((1, 4), "float32")}, title=HOSTILE)
    views = [graph_view(record), widgets.dashboard(run), widgets.gradient_flow(run)]
    return notebook_of(views)


@pytest.fixture(scope="module")
def ten() -> nbformat.NotebookNode:
    """Ten cells with a view of each kind, saved."""
    return notebook_of(ten_kinds())


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
        assert box["width"] >= 400
        assert box["height"] > 200
    assert page.locator('img[src="x"]').count() == 0
    assert dialogs == []


WORDS = (
    "Conv2d", "val_loss", "Norms lie between", "Dropout", "N 31", "looks like", "ndarray",
    "32×32×8×8", "in each neuron its value", "10 classes",
)  # fmt: skip
"""Something that each of the ten pictures says."""


def test_each_of_ten_views_is_on_paper(
    ten: nbformat.NotebookNode, page: Page, tmp_path: Path
) -> None:
    html, _ = HTMLExporter().from_notebook_node(ten)
    path = tmp_path / "notebook.html"
    path.write_text(html)
    page.goto(path.as_uri())
    pictures = page.locator('img[src^="data:image/svg+xml;base64,"]')
    expect(pictures).to_have_count(10)
    for picture in pictures.all():
        assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
    page.emulate_media(media="print")
    paper = PdfReader(io.BytesIO(page.pdf(print_background=True)))
    said = unicodedata.normalize("NFKC", "\n".join(p.extract_text() for p in paper.pages))
    assert [words for words in WORDS if words not in said] == []


def test_latex_takes_the_png_of_each_of_ten_views(ten: nbformat.NotebookNode) -> None:
    config = Config({"SVG2PDFPreprocessor": {"enabled": False}})  # it would start Inkscape
    body, resources = LatexExporter(config=config).from_notebook_node(ten)
    taken = set(re.findall(r"\{(output_\d+_\d+\.\w+)\}", body))
    assert len(taken) == 10
    for name in taken:
        assert resources["outputs"][name].startswith(b"\x89PNG"), name
