"""Names are a person's text: one that is markup is shown letter by letter, wherever it stands."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenNotebook
from tests.browser.notebook import NotebookPage
from tests.browser.views import dashboard, gradients, graph, twin

HOSTILE = "<img src=x onerror=alert(1)>"

CELLS = [
    "%load_ext nbdl\nimport nbdl, numpy as np\nfrom nbdl import nn",
    f"""
net = nn.Sequential(nn.Linear(4, 8))
net.add_module({HOSTILE!r}, nn.Linear(8, 3))
nbdl.model("net", net, input=(4,), quiet=True)
%inspect net
""".strip(),
    f"""
examples = np.eye(4, dtype=np.float32), np.array([0, 1, 2, 1])
run = nbdl.train(net, examples, val=examples, epochs=3, name={HOSTILE!r}, progress=False)
run
""".strip(),
    "%inspect run --gradients",
]

SHUT_DOWN = "async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"


def test_markup_in_names_is_text_in_views_tooltips_lists_and_twins(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook(CELLS)
    for cell in range(len(CELLS)):
        notebook.run(cell)

    picture = graph(notebook, 1)
    expect(picture.get_by_role("treeitem").nth(2)).to_contain_text(HOSTILE)
    point_down(notebook, picture.locator(".stage"), picture.locator(".tooltip"))
    notebook.page.mouse.down()
    notebook.page.mouse.up()
    expect(picture.locator(".details .path")).to_have_text(HOSTILE)
    picture.locator(".finder input").fill("onerror")
    expect(picture.get_by_role("option").first).to_contain_text(HOSTILE)
    nothing_happened(notebook)

    board = dashboard(notebook, 2)
    expect(board.locator(".run-name")).to_have_text(HOSTILE)
    flow = gradients(notebook, 3)
    expect(flow).to_contain_text(HOSTILE)
    point_down(notebook, flow.locator(".heat-area"), flow.locator(".tooltip"))
    nothing_happened(notebook)

    for cell in (1, 2, 3):
        drawn = [o["data"]["image/svg+xml"] for o in notebook.outputs(cell) if svg_in(o)]
        assert len(drawn) == 1
        assert "&lt;img src=x onerror=alert(1)&gt;" in "".join(drawn[0])
        assert "<img" not in "".join(drawn[0])
    notebook.save()
    notebook.page.evaluate(SHUT_DOWN)
    notebook.reload()
    for cell in (1, 2, 3):
        expect(twin(notebook, cell)).to_be_visible()
    nothing_happened(notebook)


def point_down(notebook: NotebookPage, part: Locator, tooltip: Locator) -> None:
    """Move the pointer down the middle of a part until the tooltip says the hostile name."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box is not None
    for down in range(4, int(box["height"]), 6):
        notebook.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + down)
        notebook.page.wait_for_timeout(30)
        if tooltip.is_visible() and HOSTILE in tooltip.inner_text():
            return
    raise AssertionError("no tooltip says the name")


def nothing_happened(notebook: NotebookPage) -> None:
    """No name became an element of the page, and none was run."""
    notebook.page.wait_for_timeout(300)
    assert notebook.page.locator('img[src="x"]').count() == 0
    assert notebook.dialogs == []


def svg_in(output: dict[str, object]) -> bool:
    data = output.get("data", {})
    return isinstance(data, dict) and "image/svg+xml" in data
