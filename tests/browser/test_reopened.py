"""Notebooks saved with views and opened again without a kernel: pictures stand in their place."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.views import LIMIT, activations, dashboard, gradients, graph, tensor

CELLS = [
    "%load_ext nbdl\nfrom nbdl import data\ntrain, val = data.digits().split(0.8)\nx, y = val[:32]",
    "%%model net --input 1,8,8\nSequential(Flatten(), Linear(None, 32), ReLU(), Linear(None, 10))",
    "%train net train --val val --epochs 4 --wait",
    "%inspect run --gradients",
    "%inspect x",
    "%inspect net --on x --target y",
    "%inspect train val",
    "net",
    "x[:4]",
]
DRAWN = {1: graph, 2: dashboard, 3: gradients, 4: tensor, 5: activations}
SAVE_STATE = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"
STILL = (6, 7, 8)


def saved(open_notebook: OpenNotebook, *, state: bool) -> Path:
    """The file of a notebook whose views were seen, with or without the widgets' state in it."""
    notebook = open_notebook(CELLS)
    notebook.run_all()
    notebook.wait_done(len(CELLS) - 1)
    for cell, drawn in DRAWN.items():
        drawn(notebook, cell)
    notebook.wait_idle()
    if state:
        notebook.toggle(SAVE_STATE, on=True)
    notebook.save()
    if state:
        notebook.toggle(SAVE_STATE, on=False)
    kept = nbformat.read(notebook.path, 4)
    assert ("widgets" in kept.metadata) == state
    return notebook.path


@pytest.mark.parametrize("state", [False, True], ids=["without-state", "with-state"])
def test_pictures_stand_where_views_were(open_notebook: OpenNotebook, state: bool) -> None:
    path = saved(open_notebook, state=state)
    assert path.stat().st_size < 200_000
    for host in ("lab", "notebook"):
        notebook = open_notebook(path, host=host, kernel=False)
        assert not notebook.has_kernel()
        for cell in (*DRAWN, *STILL):
            picture = notebook.output(cell).locator(".jp-RenderedSVG img, .jp-RenderedImage img")
            expect(picture).to_be_visible(timeout=LIMIT)
            assert picture.evaluate("image => image.complete && image.naturalWidth > 300")
            expect(notebook.output(cell).locator(".nbdl")).to_have_count(0)
        name = f"reopened-{host}-{'with' if state else 'without'}-state.png"
        notebook.screenshot(PICTURES / name)
