"""Views written to files of their own."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from nbdl import nn, widgets
from nbdl.errors import ArgumentError, FileError
from nbdl.inspection.graph import model_graph
from nbdl.inspection.records import GraphRecord
from nbdl.magics.show import Picture, graph_view
from nbdl.shapes import Spec
from nbdl.widgets import bundle as bundles

HOSTILE = "</script><!--<script>alert(1)</script>\u2028\ud800&\"'"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><path d="M0 0h9"/></svg>'


@pytest.fixture(autouse=True)
def built(monkeypatch, tmp_path):
    """A front-end of a few letters, so that these tests need no Node."""
    folder = tmp_path / "static"
    folder.mkdir()
    for name in {*bundles.BUNDLES.values(), "loader", "page"}:
        (folder / f"{name}.js").write_text("export function mount() {} // </script>"[:26])
    monkeypatch.setattr(bundles, "STATIC", folder)
    bundles.bundle.cache_clear()
    bundles.loader.cache_clear()
    yield
    bundles.bundle.cache_clear()
    bundles.loader.cache_clear()


@pytest.fixture
def view():
    net = nn.Sequential(nn.Linear(4, 8))
    net.add_module(HOSTILE.replace(".", ""), nn.Linear(8, 3))
    made = graph_view(model_graph(net, {"": Spec((1, 4), "float32")}, title=HOSTILE))
    yield made
    made.close()


def saved_in(path) -> dict:
    found = re.findall(
        r'<script type="application/json" id="nbdl-saved">(.*?)</script>', path.read_text(), re.S
    )
    assert len(found) == 1
    return json.loads(found[0])


def test_a_page_has_the_record_and_the_code_and_no_label_breaks_out(view, tmp_path):
    path = view.save(tmp_path / "x.html")
    page = path.read_text()
    assert page.count("<script") == page.count("</script>") == 2
    assert "<!--" not in page
    assert "\u2028" not in page
    assert "alert(1)</" not in page
    assert re.findall(r"https?://", page) == []
    assert "default-src 'none'" in page
    saved = saved_in(path)
    assert set(saved["bundles"]) == {"graphs"}
    (only,) = saved["views"]
    assert only["view"] == "graph"
    assert only["message"]["kind"] == GraphRecord.__name__
    assert only["message"]["record"]["title"] == HOSTILE.replace("\ud800", "\ufffd")
    places = re.findall(r'"\$array": (\d+)', json.dumps(only))
    assert sorted(map(int, places)) == list(range(len(only["buffers"])))


def test_several_things_are_one_page_and_a_picture_stays_a_picture(view, tmp_path):
    picture = Picture(SVG, "a line")
    path = widgets.save([view, picture, view], tmp_path / "x.html")
    assert [each["view"] for each in saved_in(path)["views"]] == ["graph", "graph"]
    page = path.read_text()
    assert page.count('src="data:image/svg+xml;base64,') == 1
    assert page.index('"nbdl-view-0"') < page.index("<img") < page.index('"nbdl-view-1"')
    assert "<script" not in widgets.save([picture], tmp_path / "y.html").read_text()


def test_the_twin_is_saved_as_svg_and_png(view, tmp_path):
    assert view.save(str(tmp_path / "x.svg")).read_text().startswith("<svg ")
    assert view.save(tmp_path / "x.PNG").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ArgumentError, match="one thing, not 2"):
        widgets.save([view, view], tmp_path / "y.svg")


@pytest.mark.parametrize("name", ["x.pdf", "x", "x.ipynb"])
def test_another_ending_is_refused(view, tmp_path, name):
    with pytest.raises(ArgumentError, match=r"saved as \.html, \.svg, \.png"):
        view.save(tmp_path / name)


@pytest.mark.parametrize("path", ["", None, 3, b"x.html", "a\0.html"])
def test_what_is_no_path_is_refused(view, path):
    with pytest.raises(ArgumentError, match="a path to write to is a text"):
        view.save(path)


def test_what_cannot_be_written_leaves_everything_as_it_was(view, tmp_path, monkeypatch):
    with pytest.raises(FileError, match="cannot be written"):
        view.save(tmp_path / "nowhere" / "x.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(FileError, match="is a folder"):
        view.save(tmp_path / "folder.html")
    kept = tmp_path / "x.html"
    kept.write_text("before")
    (bundles.STATIC / "page.js").unlink()
    with pytest.raises(FileError, match="has not been built"):
        view.save(kept)
    assert kept.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.html", "static", "x.html"]


def test_numbers_that_json_cannot_say_arrive(tmp_path):
    from nbdl.inspection.tensors import Seen

    view = widgets.tensor(Seen(np.array([np.nan, np.inf, 1.0]), "x"))
    saved = saved_in(view.save(tmp_path / "x.html"))
    view.close()
    assert "NaN" not in json.dumps(saved["views"][0]["message"])
