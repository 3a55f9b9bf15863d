"""Runs as files: whole or not there, and text stays text in other programs."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import nbdl
from nbdl.errors import ArgumentError, FileError
from nbdl.training.archive.store import open_store

NAMES = [
    '<img src=x onerror="alert(1)">', "</script><script>alert(1)</script>", "=1+1", "+cmd|' /C'!A0",
    "-2+3", "@SUM(A1)", "\t=1", "a,b\n\"c\"", "../../etc/passwd", "nul\x00byte", "\ud800", " =1",
]  # fmt: skip


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_one_run_as_csv_has_a_row_for_each_step(enter):
    enter("net", loss=[3, math.nan, 1], val_loss=[2])
    store = open_store()
    store.write("0000", {"val_loss": (["step", "value"], np.array([[3, 0.5], [3, 0.25]]))})
    path = nbdl.runs()[0].export("run.csv")
    assert read_csv(path) == [
        ["step", "loss", "val_loss"],
        ["1", "3.0", "2.0"], ["2", "nan", ""], ["3", "1.0", "0.5"], ["3", "", "0.25"],
    ]  # fmt: skip
    enter("nothing measured")
    assert read_csv(nbdl.runs()[0].export("none.csv")) == [["step"]]


@pytest.mark.parametrize("name", NAMES)
def test_text_that_would_be_a_formula_is_text_in_a_spreadsheet(enter, name):
    enter(name, config={"lr": -0.5}, **{name: [-1, -2]})
    enter("b", config={"lr": name})
    run = nbdl.runs()[1]
    run.note = name
    cells = [c for path in (run.export("a.csv"), nbdl.runs().export("b.csv"))
             for row in read_csv(path) for c in row]  # fmt: skip
    numbers = re.compile(r"-?\d+(\.\d+)?")
    texts = [cell.lstrip(" ") for cell in cells if not numbers.fullmatch(cell)]
    assert not [text for text in texts if text.startswith(("=", "+", "-", "@", "\t"))]
    assert {"-1.0", "-0.5"} <= set(cells), "numbers stay numbers"


@pytest.mark.parametrize("name", NAMES)
def test_json_holds_everything_and_is_strict(enter, name):
    enter(name, config={"loss": name}, loss=[1.5, math.nan, math.inf, -math.inf])
    nbdl.runs()[0].export("run.json")

    def refuse(word):
        raise AssertionError(f"{word} is not JSON")

    with open("run.json", encoding="utf-8") as file:
        found = json.load(file, parse_constant=refuse)
    assert found["name"] == name.replace("\ud800", "?")
    assert found["series"]["loss"] == {
        "steps": [1, 2, 3, 4], "values": [1.5, "NaN", "Infinity", "-Infinity"],
    }  # fmt: skip
    assert found["source"].startswith("%%model")
    enter("b")
    with open(nbdl.runs().export("runs.json"), encoding="utf-8") as file:
        assert json.load(file)[0]["name"] == "b"


def test_event_files_are_what_tensorboard_reads(enter):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    for name in ("net", "../../evil", ""):
        enter(name, loss=[3, 2.5, math.nan], **{"val loss": [1]})
    folder = nbdl.runs().export("board")
    assert sorted(os.listdir(folder)) == ["evil-0001", "net-0000", "run-0002"]
    [file] = os.listdir(folder / "net-0000")
    data = (folder / "net-0000" / file).read_bytes()
    found, place = {}, 0
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        event = Event.FromString(data[place + 12 : place + 12 + size])
        place += 12 + size + 4
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    assert found["loss"][:2] == [(1, 3.0), (2, 2.5)]
    assert math.isnan(found["loss"][2][1])
    nbdl.runs().export("board")
    assert len(os.listdir(folder / "net-0000")) == 1, "written again, not added to"


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("nowhere/run.csv", FileError, "there is no folder nowhere"),
        ("folder.csv", FileError, "folder.csv is a folder"),
        ("run.xlsx", ArgumentError, "runs are not exported as .xlsx"),
        ("", ArgumentError, "a path to write to is a text"),
        (None, ArgumentError, "a path to write to is a text"),
        ("a\0b.csv", ArgumentError, "a path to write to is a text"),
        ("/proc/nbdl.json", FileError, "cannot be written"),
    ],
)
def test_a_path_that_cannot_be_written_is_said(enter, tmp_path, path, kind, said):
    enter("net", loss=[1])
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(kind, match=said):
        nbdl.runs()[0].export(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".nbdl", "folder.csv"]


def test_a_writing_that_fails_half_way_leaves_the_old_file(enter, tmp_path, monkeypatch):
    enter("net", loss=[1])
    run = nbdl.runs()[0]
    for path, writing in (("a.csv", "_write_csv"), ("a.json", "_write_text")):
        (tmp_path / path).write_text("old")

        def fails(file, content):
            file.write_text("half")
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(f"nbdl.experiments.export.{writing}", fails)
        with pytest.raises(FileError, match="No space left on device"):
            run.export(path)
        assert (tmp_path / path).read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == [".nbdl", "a.csv", "a.json"]


def test_no_runs_are_said():
    for write in (lambda r: r.export("a.csv"), lambda r: r.report("a.html")):
        with pytest.raises(ArgumentError, match="there are no runs"):
            write(nbdl.runs())


# ----- the report -----------------------------------------------------------------------------


class Page(HTMLParser):
    """Elements and addresses of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.handlers, self.said = set(), [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action", "srcset", "data"):
                self.links.append(value)
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_data(self, data):
        self.said += data


@pytest.mark.parametrize("name", NAMES)
def test_a_report_is_one_page_without_scripts_and_addresses(enter, name):
    enter(name, config={name: name}, loss=[3, 2, 1], **{name: [1, 2]})
    enter("second", config={"lr": 1}, loss=[3, 2, 2])
    run = nbdl.runs()[1]
    run.note = name
    run.tag("good")
    for path in (run.report("one.html"), nbdl.runs().report("two.html")):
        page = Page(path.read_text(encoding="utf-8"))
        assert not page.links
        assert not page.handlers
        assert not page.tags & {"script", "img", "iframe", "link", "form", "a", "object"}
        assert "svg" in page.tags
        told = ("Curves", "Configuration", "Environment", "Source", "3.11", f"about {run.name}")
        for part in told:
            assert part.replace("\0", "�") in page.said


def test_a_report_has_no_references_in_its_style(enter):
    enter("net", loss=[1, 2])
    text = nbdl.runs()[0].report("a.html").read_text()
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_a_report_goes_to_a_page(enter):
    enter("net")
    with pytest.raises(ArgumentError, match=r"does not end in \.html"):
        nbdl.runs()[0].report("a.pdf")
    with pytest.raises(FileError, match="there is no folder"):
        nbdl.runs()[0].report("no/a.html")
    assert "net" in nbdl.runs()[0].report("a.html").read_text(), "a run without numbers"
