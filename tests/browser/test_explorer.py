"""The graph explorer in a real notebook: two models, a plan, a dead kernel, accessibility."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.views import graph, twin, violations

SETUP = """
%load_ext nbdl
import nbdl, numpy as np
from nbdl import nn
old = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
new = nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.ReLU(), nn.Linear(32, 8))
"""

DIFF = "%inspect old new --diff --input 16"

PLAN = """
x, y = np.ones((64, 16), np.float32), np.arange(64) % 4
run = nbdl.train(old, (x, y), epochs=2, batch_size=8, compile=True, progress=False, store=False)
%inspect {run.plan()}
"""

DIE = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def test_two_models_stand_side_by_side_and_a_change_leads_to_its_layer(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, DIFF])
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    expect(view.locator(".notice")).to_contain_text("1 added, 1 changed.")
    notebook.screenshot(PICTURES / "difference.png", view)
    view.get_by_role("button", name="Linear 3").click()
    expect(view.locator(".details .change")).to_have_text("out_features 4 → 8")
    view.get_by_role("button", name="Linear 2").click()  # its counterpart
    expect(view.locator(".details .path")).to_have_text("old.2")
    stage = view.locator(".stage")
    stage.focus()
    stage.press("u")
    upstream = view.get_by_role("button", name="3 upstream")
    expect(upstream).to_have_attribute("aria-pressed", "true")
    stage.press("u")
    expect(upstream).to_have_attribute("aria-pressed", "false")
    assert notebook.problems() == []


def test_a_plan_is_explored_above_its_picture(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, PLAN])
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    expect(twin(notebook, 1)).to_be_visible()
    expect(view.get_by_role("treeitem").first).to_contain_text("forward")
    view.get_by_label("Colour by").select_option("seconds")
    expect(view.locator(".key")).to_contain_text("s")
    stage = view.locator(".stage")
    stage.focus()
    stage.press("/")
    view.locator(".finder input").fill("linear_weight_grad")
    view.locator(".finder input").press("Enter")
    details = view.locator(".details")
    for words in ("kernel", "computes", "of the limit", "bytes moved", "time"):
        expect(details).to_contain_text(words)
    assert notebook.problems() == []


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_wrong(open_notebook: OpenNotebook, theme: str) -> None:
    notebook = open_notebook([SETUP, DIFF, "%inspect old --input 16"])
    for cell in range(3):
        notebook.run(cell)
    notebook.set_theme(theme)
    for cell in (1, 2):
        view = graph(notebook, cell)
        assert violations(view) == []
        view.locator(".ranking button").first.click()
        expect(view.locator(".details .path")).to_be_visible()
        assert violations(view) == []


def test_a_view_whose_kernel_dies_says_so_and_goes_on_working(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, "%inspect old --input 16", DIE])
    notebook.run(0)
    notebook.run(1)
    view = graph(notebook, 1)
    notebook.start(2)
    notebook.page.get_by_role("button", name="Ok", exact=True).click()  # the host says it, too
    expect(view.locator(".notice")).to_contain_text("The kernel of this view has ended")
    stage = view.locator(".stage")
    stage.focus()
    stage.press("ArrowDown")
    expect(view.locator(".details .path")).to_be_visible()
