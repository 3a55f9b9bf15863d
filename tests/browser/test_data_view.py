"""Data sets side by side, in a real notebook."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PICTURES, OpenNotebook
from tests.browser.views import twin, view

HOSTILE = "<img src=x onerror=alert(1)>"

SETUP = f"""
%load_ext nbdl
import numpy as np
from nbdl import data
train, val = data.wine().split(0.7)
names = [{HOSTILE!r}, *train.features[1:]]
x, y = (part.numpy().copy() for part in train[:])
x[8], y[8] = x[9], 1 - min(y[9], 1)
classes = [{HOSTILE!r}, "b", "c"]
train = data.TensorDataset(x, y, features=names, classes=classes)
val = data.TensorDataset(x[:40], y[:40], features=names, classes=classes)
"""


def test_classes_values_and_pairs_are_looked_through(open_notebook: OpenNotebook) -> None:
    notebook = open_notebook([SETUP, "%inspect train val"])
    notebook.run(0)
    notebook.run(1)
    shown = view(notebook, 1, "data")
    expect(shown.locator(".findings")).to_contain_text("too", timeout=120_000)
    expect(twin(notebook, 1)).to_be_hidden()
    expect(shown.locator(".classes li").first).to_contain_text(HOSTILE)
    shown.get_by_role("button", name="with another class").first.click()
    expect(shown.get_by_role("region", name="Twice").locator("tbody tr")).to_have_count(2)
    field = shown.get_by_role("button", name=HOSTILE)
    field.focus()
    field.press("Enter")
    histogram = shown.get_by_role("slider", name=f"Values of {HOSTILE}")
    histogram.focus()
    histogram.press("End")
    expect(shown.locator(".reading")).to_contain_text("train ")
    PICTURES.mkdir(parents=True, exist_ok=True)
    shown.screenshot(path=PICTURES / "data.png")
    assert notebook.page.locator('img[src="x"]').count() == 0
    assert notebook.problems() == []
    assert notebook.dialogs == []
