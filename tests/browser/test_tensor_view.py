"""The tensor viewer and the walk through a model, in a real notebook."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.views import tensor, twin, view

HOSTILE = "<img src=x onerror=alert(1)>"

SETUP = """
%load_ext nbdl
import nbdl, numpy as np
from nbdl import nn
nbdl.manual_seed(0)
rng = np.random.default_rng(0)
volume = rng.normal(size=(6, 4, 300, 200))
volume[0, 0, 3, 4] = np.nan
net = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
X, Y = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0], [0.0]])
conv = nn.Sequential()
conv.add_module("<img src=x onerror=alert(1)>", nn.Conv2d(1, 4, 3))
conv.add_module("pool", nn.MaxPool2d(2))
"""

PIXELS = "canvas => canvas.toDataURL()"

NAMES_LISTED = """view => {
  const shadow = view.getRootNode();
  const all = [...view.querySelectorAll("button, input, select, [tabindex='0']")];
  return all.filter(e => e.offsetParent || e.tagName === "g").map(e =>
    e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent || "");
}"""


def test_a_tensor_is_sliced_zoomed_and_pinned(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, f"%inspect volume --axes 'time,{HOSTILE},y,x'"])
    notebook.run(0)
    notebook.run(1)
    shown = tensor(notebook, 1)
    expect(shown.locator("aside")).to_contain_text("NaN1")
    expect(shown.locator(".legend")).to_contain_text("a cell is the mean of")
    expect(shown.locator(".controls")).to_contain_text(HOSTILE)
    canvas = shown.locator(".cells canvas")
    before = canvas.evaluate(PIXELS)
    slider = shown.get_by_role("slider", name="time")
    slider.focus()
    slider.press("ArrowRight")
    expect(shown.locator(".controls")).to_contain_text("1 of 6")
    drawn_anew = f"([canvas, before]) => ({PIXELS})(canvas) !== before"
    notebook.page.wait_for_function(drawn_anew, arg=[canvas.element_handle(), before], polling=50)
    slider.press("ArrowLeft")
    expect(shown.locator(".controls")).to_contain_text("0 of 6")

    cells = shown.locator(".cells")
    cells.focus()
    for _ in range(4):
        cells.press("ArrowDown")
    cells.press("+")
    expect(shown.get_by_role("button", name="Show all")).to_be_visible()
    for _ in range(3):
        if "the mean" not in shown.locator(".legend").inner_text():
            break
        cells.press("ArrowRight")
        cells.press("+")
        notebook.page.wait_for_timeout(500)
    cells.press("Enter")
    expect(shown.locator(".pins li")).to_have_count(1)
    shown.get_by_role("button", name="Show all").click()
    expect(shown.get_by_role("button", name="Show all")).to_have_count(0)
    assert all(shown.evaluate(NAMES_LISTED)), "a control has no name"
    assert notebook.page.locator('img[src="x"]').count() == 0
    assert notebook.problems() == []
    assert notebook.dialogs == []


def test_a_small_network_is_taught_step_by_step(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, "%inspect net --on X --target Y"])
    notebook.run(0)
    notebook.run(1)
    shown = view(notebook, 1, "activations")
    place = shown.locator(".stepper [role=status]")
    expect(place).to_have_text("step 1 of 11 · forward", timeout=120_000)
    expect(shown.locator(".lines")).to_contain_text("z⁽¹⁾₁ = w⁽¹⁾₁₁·x₁ + w⁽¹⁾₁₂·x₂ + b⁽¹⁾₁")
    assert shown.locator(".network .d").count() == 0
    shown.get_by_role("button", name="Last step").click()
    expect(shown.locator(".network .d")).to_have_count(6 + 9)
    output = "net(nbdl.tensor(X[:1], dtype=nbdl.float32))"
    loss = notebook.evaluate(f"round(float(({output} - 1) ** 2), 3)")
    expect(shown.locator(".network")).to_contain_text(loss)
    neuron = shown.get_by_role("button", name="layer 0 tanh, neuron 2")
    neuron.focus()
    neuron.press("Enter")
    expect(shown.locator(".lines")).to_contain_text("z⁽¹⁾₂ =")
    neuron.press("ArrowRight")
    expect(shown.locator(".lines")).to_contain_text("z⁽¹⁾₃ =")
    shown.get_by_role("slider", name="example").press("ArrowRight")
    expect(shown.locator(".walk header")).to_contain_text("example 2 of 2")
    assert all(shown.evaluate(NAMES_LISTED)), "a control has no name"
    shown.get_by_role("button", name="Last step").click()
    notebook.page.wait_for_timeout(500)
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown.locator(".walk").screenshot(path=PICTURES / "teaching.png")
    assert notebook.problems() == []


def test_a_layer_is_chosen_in_the_graph_and_its_output_opened(
    open_notebook: OpenNotebook,
) -> None:
    notebook = open_notebook([SETUP, "%inspect conv --on {rng.normal(size=(2, 1, 12, 12))}"])
    notebook.run(0)
    notebook.run(1)
    shown = view(notebook, 1, "activations")
    expect(shown.locator(".lines")).to_contain_text(HOSTILE, timeout=120_000)
    expect(shown.get_by_role("treeitem").first).to_be_attached(timeout=120_000)
    stage = shown.locator(".stage")
    stage.focus()
    for _ in range(3):
        stage.press("ArrowDown")
    expect(shown.locator(".lines")).to_contain_text("the largest x of each window")
    expect(shown.locator(".lines")).to_contain_text("sees 4×4 of the input, every 2×2")
    shown.locator(".looks").get_by_role("button", name="output").click()
    viewer = shown.locator(".tensor")
    expect(viewer.locator("h3")).to_have_text("pool: output")
    expect(viewer.locator(".controls")).to_contain_text("N")
    assert notebook.page.locator('img[src="x"]').count() == 0
    assert notebook.problems() == []
    assert notebook.dialogs == []
    notebook.save()
    notebook.page.evaluate(
        "async () => { await jupyterapp.shell.currentWidget.sessionContext.shutdown(); }"
    )
    notebook.reload()
    expect(twin(notebook, 1)).to_be_visible()
