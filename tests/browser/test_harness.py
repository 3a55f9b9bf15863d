"""The harness itself, tried on a small widget: what it cannot see, no browser test can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook
from tests.browser.measuring import least, most

WIDGET = '''
import anywidget, traitlets, threading, time

class Counter(anywidget.AnyWidget):
    _esm = """
    function render({ model, el }) {
      const button = document.createElement("button");
      button.className = "counter";
      const show = () => { button.textContent = "n = " + model.get("n"); };
      button.onclick = () => model.send({ kind: "add" });
      model.on("change:n", show);
      show();
      el.append(button);
    }
    export default { render };
    """
    n = traitlets.Int(0).tag(sync=True)

counter = Counter()
def clicked(widget, message, buffers):
    counter.n += 100
counter.on_msg(clicked)
counter
'''

TICKING = """
def tick():
    for _ in range(120):
        counter.n += 1
        time.sleep(0.1)
ticker = threading.Thread(target=tick, daemon=True)
ticker.start()
"""


def test_a_widget_draws_hears_clicks_and_changes_live(open_notebook: OpenNotebook):
    notebook = open_notebook([WIDGET, TICKING])
    notebook.run(0)
    button = notebook.output(0).locator("button.counter")
    expect(button).to_have_text("n = 0")

    still = notebook.watch(button, 1.0)
    assert still.changes == 0, "nothing moves before the thread runs"

    took = notebook.latency(button, button, "e => e.textContent.includes('n = 100')")
    assert 0 < took < 5000

    notebook.start(1)
    moving = most(lambda: notebook.watch(notebook.output(0), 3.0).changes_per_second, enough=4)
    assert moving >= 4
    assert notebook.problems() == []


def test_run_all_the_stop_button_and_what_cells_say(open_notebook: OpenNotebook, tmp_path: Path):
    notebook = open_notebook(["print('first')", "import time; time.sleep(300)", "print('last')"])
    notebook.run_all()
    notebook.wait_done(0)
    notebook.page.wait_for_timeout(1000)
    assert notebook.is_running(1)
    notebook.stop()
    notebook.wait_done(1)
    assert notebook.text(0).strip() == "first"
    assert notebook.text(1).startswith("KeyboardInterrupt")
    with pytest.raises(AssertionError, match="cell 2 did not run; the cells say:\nfirst"):
        notebook.wait_done(2)  # Run All ends at an interrupted cell
    assert notebook.evaluate("6 * 7") == "42"
    notebook.save()
    picture = notebook.screenshot(tmp_path / "page.png")
    assert picture.stat().st_size > 5_000
    saved = json.loads(next(notebook.server.folder.rglob("test_run_all*/test.ipynb")).read_text())
    assert saved["cells"][0]["outputs"][0]["text"] == ["first\n"]


def test_errors_dialogs_and_themes_are_noticed(open_notebook: OpenNotebook):
    notebook = open_notebook(["1 + 1"])
    notebook.run(0)
    assert notebook.text(0) == "2"
    assert notebook.problems() == []
    notebook.page.evaluate("console.error('a planted error')")
    notebook.page.evaluate("setTimeout(() => { throw new Error('a planted throw') })")
    notebook.page.wait_for_timeout(200)
    assert any("a planted error" in problem for problem in notebook.problems())
    assert any("a planted throw" in problem for problem in notebook.problems())
    notebook.page.evaluate("alert('a planted alert')")
    assert notebook.dialogs == ["a planted alert"]
    notebook.set_theme("JupyterLab Dark")
    expect(notebook.page.locator("body")).to_have_attribute("data-jp-theme-light", "false")


def test_the_best_of_a_few_measurements_counts():
    values = iter([5.0, 3.0, 1.0, 9.0])
    assert least(lambda: next(values), enough=2) == 1
    values = iter([5.0, 3.0, 4.0, 9.0, 0.0])
    assert least(lambda: next(values), enough=2) == 3
    values = iter([1.0, 4.0, 0.0])
    assert most(lambda: next(values), enough=4) == 4
