"""Looking back and going on with an edited model, in a real notebook."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.test_training import MODEL, SETUP
from tests.browser.views import dashboard, wait_for_status

EDITED = """
%%model net --input 1,8,8 --quiet --keep
Sequential(Flatten(), Linear(None, 32), BatchNorm1d(32), ReLU(), Linear(None, 10))
""".strip()


def test_the_slider_shows_a_step_and_an_edited_model_goes_on(open_notebook: OpenNotebook) -> None:
    cells = [SETUP, MODEL, "%train net train --val val --epochs 4 --history 12", EDITED,
             "%train net --resume --epochs 8"]  # fmt: skip
    notebook = open_notebook(cells)
    for cell in range(3):
        notebook.run(cell)
    board = dashboard(notebook, 2)
    wait_for_status(board, "Finished")
    slider = board.locator(".past input")
    slider.focus()
    for _ in range(6):
        slider.press("ArrowLeft")
    expect(board.locator(".past code")).to_have_text(re.compile(r"run\.branch\(\d+\)"))
    expect(board.locator(".past tbody tr")).to_have_count(4)
    expect(board.locator(".chart-step").first).to_contain_text("step")
    notebook.run(3)
    assert "4 Linear       from 3" in notebook.text(3)
    notebook.run(4)
    edited = dashboard(notebook, 4)
    wait_for_status(edited, "Finished")
    edited.locator(".body").scroll_into_view_if_needed()  # what nobody sees is not drawn again
    expect(edited.locator(".plot-mark").first).to_have_attribute(
        "title", re.compile("^step 92: the model was edited, 4 of 9 weights kept")
    )
