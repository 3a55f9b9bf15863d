"""What marimo is told of things; tests/browser/test_marimo.py sees them in its page."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import nbdl
from nbdl import nn, widgets
from nbdl.magics import marimo, marimo_cells, show

HOSTILE = '<img src=x onerror="alert(1)">'

SCRIPT = """
import sys
{first}
import nbdl
from nbdl import nn
print(hasattr(nn.Module, "_display_"), hasattr(nbdl.Tensor, "_display_"), "IPython" in sys.modules)
"""


@pytest.fixture
def displays() -> dict:
    return {kind.__name__: display for kind, display in marimo_cells.DISPLAYS.items()}


@pytest.mark.parametrize(("first", "says"), [("import marimo", "True True"), ("", "False False")])
def test_things_learn_to_show_themselves_only_where_marimo_is(first: str, says: str) -> None:
    code = SCRIPT.format(first=first)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.startswith(says), done.stderr
    assert first or "False False False" in done.stdout, "IPython is not loaded for nothing"


def test_outside_of_a_notebook_nothing_is_shown() -> None:
    assert not marimo.is_here()
    net = nbdl.model("net", nn.Sequential(nn.Linear(2, 1)), input=(2,))
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    run = nbdl.train(net, (x, y), loss="mse", epochs=1, store=False)
    assert run.notice == ""


def test_one_thing_is_its_view_and_pictures_are_images_with_their_text(displays: dict) -> None:
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    shown = displays["Module"](net)
    assert isinstance(shown, show.Views)
    assert isinstance(shown._display_(), widgets.View)
    mime, markup = show.Picture("<svg/>", HOSTILE)._mime_()
    assert mime == "text/html"
    assert ElementTree.fromstring(f"{markup[:-1]}/>").get("alt") == HOSTILE


def test_tensors_have_their_text_below_the_picture(displays: dict) -> None:
    mime, markup = displays["Tensor"](nbdl.arange(6).reshape(2, 3))._mime_()
    assert mime == "text/html"
    assert markup.index("<img") < markup.index("<pre") < markup.index("tensor([[0, 1, 2]")
    _, one = displays["Tensor"](nbdl.tensor(1.5))._mime_()
    assert "<img" not in one
    assert "tensor(1.5" in one


def test_what_cannot_be_drawn_is_text_that_marks_nothing_up(
    displays: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thing: object) -> None:
        raise RuntimeError("no")

    class Odd(nn.Module):
        def __repr__(self) -> str:
            return HOSTILE

    monkeypatch.setattr(marimo_cells, "inspect", fail)
    _, markup = displays["Module"](Odd())._mime_()
    assert "<img" not in markup
    assert "&lt;img src=x" in markup
