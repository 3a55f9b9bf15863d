"""Where nbdl's views are in a notebook's page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.notebook import PATIENCE, NotebookPage

LIMIT = PATIENCE * 1000

AXE = Path(__file__).resolve().parents[2] / "js/node_modules/axe-core/axe.min.js"

# How many pixels of a canvas differ from its first one, which is background or nothing.
INKED = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 4; i < data.length; i += 4) {
    if ([0, 1, 2, 3].some(channel => data[i + channel] !== data[channel])) count++;
  }
  return count;
}"""


def view(notebook: NotebookPage, cell: int, name: str) -> Locator:
    """The view of that name in a cell's output, whether it is there yet or not."""
    return notebook.output(cell).locator(f'.nbdl[data-view="{name}"]')


def dashboard(notebook: NotebookPage, cell: int) -> Locator:
    """The dashboard in a cell's output, once it is drawn."""
    board = view(notebook, cell, "dashboard")
    expect(board.locator(".status")).not_to_be_empty(timeout=LIMIT)
    return board


def graph(notebook: NotebookPage, cell: int) -> Locator:
    """The graph in a cell's output, once it is drawn."""
    picture = view(notebook, cell, "graph")
    expect(picture.locator(".stage > canvas")).to_be_visible(timeout=LIMIT)
    expect(picture.locator("[role=treeitem]").first).to_be_attached(timeout=LIMIT)
    return picture


def gradients(notebook: NotebookPage, cell: int) -> Locator:
    """The gradient flow in a cell's output, once it is drawn."""
    flow = view(notebook, cell, "gradients")
    expect(flow.locator(".heat-area canvas")).to_be_visible(timeout=LIMIT)
    return flow


def tensor(notebook: NotebookPage, cell: int) -> Locator:
    """The tensor viewer in a cell's output, once it is drawn."""
    shown = view(notebook, cell, "tensor")
    expect(shown.locator(".cells canvas")).to_be_visible(timeout=LIMIT)
    expect(shown.locator("aside")).to_contain_text("mean")
    return shown


def activations(notebook: NotebookPage, cell: int) -> Locator:
    """The walk through a model in a cell's output, once it is drawn."""
    walk = view(notebook, cell, "activations")
    expect(walk.get_by_role("status").filter(has_text="step 1 of")).to_be_visible(timeout=LIMIT)
    return walk


def twin(notebook: NotebookPage, cell: int) -> Locator:
    """The static picture in a cell's output."""
    return notebook.output(cell).locator(".jp-RenderedSVG")


def button(part: Locator, name: str) -> Locator:
    """The button of that name."""
    return part.get_by_role("button", name=name)


def wait_for_status(board: Locator, word: str) -> None:
    """Wait until the dashboard says that state of the run."""
    expect(board.locator(".status")).to_contain_text(word, timeout=LIMIT)


def inked(canvas: Locator) -> int:
    """How many pixels of a canvas are drawn."""
    return int(canvas.evaluate(INKED))


def active(picture: Locator) -> Locator:
    """The node of a graph that a screen reader would read now."""
    name = picture.locator(".stage").get_attribute("aria-activedescendant")
    return picture.locator(f"#{name}")


def wait_for_change(canvas: Locator, before: int) -> None:
    """Wait until ``inked`` of a canvas is no longer what it was before."""
    script = f"([canvas, before]) => ({INKED})(canvas) !== before"
    canvas.page.wait_for_function(script, arg=[canvas.element_handle(), before], polling=50)


def violations(view: Locator) -> list[str]:
    """What axe finds wrong in a view."""
    view.page.evaluate(AXE.read_text("utf-8"))
    script = """async (element) => {
      const { host } = element.getRootNode();
      host.id = "axe-host";
      const found = await axe.run({ include: [{ fromShadowDom: ["#axe-host", ".nbdl"] }] });
      host.removeAttribute("id");
      if (found.passes.length < 5) throw new Error("axe saw nothing");
      return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`);
    }"""
    return list(view.evaluate(script))
