"""``%runs`` in a page: tables and comparisons are seen, and names stay text."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook

HOSTILE = "<img src=x onerror=alert(1)>"

CELLS = [
    "%load_ext nbdl\nimport nbdl, numpy as np\nfrom nbdl import nn",
    f"""
examples = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 1])
for name, lr in (("plain", 0.1), ({HOSTILE!r}, 0.01)):
    nbdl.train(nn.Sequential(nn.Linear(4, 3)), examples, val=examples, lr=lr, epochs=30, name=name,
               progress=False)
""".strip(),
    "%runs",
    "%runs compare --where lr>0",
    "%runs tag plain good",
    "nbdl.runs()['plain']",
]


def test_lists_and_comparisons_are_seen_and_names_stay_text(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook(CELLS)
    for cell in range(len(CELLS)):
        notebook.run(cell)
    table = notebook.output(2).locator("table")
    expect(table).to_contain_text(HOSTILE)
    expect(table.locator("tbody tr")).to_have_count(2)
    comparison = notebook.output(3)
    expect(comparison.locator("svg").first).to_be_visible()
    expect(comparison).to_contain_text("Configuration")
    expect(notebook.output(5)).to_contain_text("Environment")
    notebook.page.wait_for_timeout(300)
    assert notebook.page.locator('img[src="x"]').count() == 0
    assert notebook.dialogs == []
