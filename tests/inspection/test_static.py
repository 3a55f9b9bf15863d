"""Static twins: well-formed, opaque, safe with any label, and readable as PNG without fonts."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from nbdl.inspection import static, text
from nbdl.inspection.dashboard import dashboard_record
from nbdl.inspection.gradient_flow import gradient_flow_record
from nbdl.inspection.records import (
    Confusion,
    GradientFlowRecord,
    GradientPart,
    LogLine,
    SeriesPart,
)
from nbdl.inspection.static import formats
from nbdl.inspection.static.confusion import right_of_all
from nbdl.inspection.static.heat import encode_png
from nbdl.inspection.static.raster import few_colors
from nbdl.inspection.static.scales import log_range, ticks, viridis
from nbdl.inspection.static.svg import BAD, TRAIN, VAL, escape, number, wrap
from tests.widgets.pretend import PretendRun

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<img src=x onerror=alert(1)> & "\ud800\x07'


@pytest.fixture(scope="module")
def run() -> PretendRun:
    made = PretendRun(epochs=3, steps=40).go()
    assert made.join(30)
    return made


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_the_dashboard_says_state_curves_and_findings(run):
    svg = static.dashboard_svg(dashboard_record(run))
    said = texts(svg)
    for words in ("Finished", "lenet", "loss", "accuracy", "Gradient flow", "120 / 120"):
        assert words in said
    root = ET.fromstring(svg)
    assert len(list(root.iter(f"{SVG}path"))) >= 4
    paper = root.find(f"{SVG}rect")
    assert (paper.get("fill"), paper.get("width")) == ("#ffffff", root.get("width"))


def test_the_gradient_flow_has_one_pixel_a_cell(run):
    record = gradient_flow_record(run)
    image = ET.fromstring(static.gradient_flow_svg(record)).find(f".//{SVG}image")
    data = image.get("href").removeprefix("data:image/png;base64,")
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (len(record.gradients.steps), len(record.gradients.layers))


@pytest.mark.parametrize("classes", [1, 2, 10, 50])
def test_a_confusion_matrix_is_drawn_cell_by_cell_while_cells_can_be_read(run, classes):
    counts = np.eye(classes) * 30 + 1.0
    confusion = Confusion(tuple(f"class {i}" for i in range(classes)), counts)
    record = replace(dashboard_record(run), confusion=confusion)
    said = texts(static.dashboard_svg(record))
    assert right_of_all(confusion) in said
    assert said.count("31") == (classes if classes <= 20 else 0)
    assert right_of_all(confusion) in text.dashboard_text(record)


def test_still_pictures_say_the_latest_notes_and_warnings(run):
    log = [LogLine(run.started + 1.5, "note", f"remark {number}") for number in range(9)]
    log += [LogLine(run.started + 70, "warning", EVIL), LogLine(run.started + 71, "status", "over")]
    record = replace(dashboard_record(run), log=tuple(log))
    said = texts(static.dashboard_svg(record))
    assert "remark 4" in said
    assert "1:10" in said
    assert not {"remark 3", "over"} & set(said)
    lines = text.dashboard_text(record).splitlines()
    assert "i remark 4" in lines
    assert not any("remark 3" in line or "over" in line for line in lines)


def test_a_confusion_matrix_of_nothing_divides_by_nothing(run):
    record = replace(dashboard_record(run), confusion=Confusion(("a",), np.zeros((1, 1))))
    assert "0 of 0 right" in texts(static.dashboard_svg(record))


def test_labels_are_text_whatever_they_hold(run):
    record = dashboard_record(run)
    state = replace(record.state, name=EVIL, message=EVIL, error=EVIL, facts=((EVIL, EVIL),))
    gradients = replace(record.gradients, layers=(EVIL,) * len(record.gradients.layers))
    series = tuple(replace(part, name=f"{EVIL}{i}") for i, part in enumerate(record.series))
    svg = static.dashboard_svg(replace(record, state=state, gradients=gradients, series=series))
    root = ET.fromstring(svg.encode())
    assert not list(root.iter(f"{SVG}img"))
    assert not list(root.iter("img"))
    assert any("<img src=x onerror" in words for words in texts(svg))
    assert static.png(svg)


@pytest.mark.parametrize(
    "values",
    [[], [1.0], [np.nan] * 5, [1, np.inf, 3], [2.0, 2.0], [1e-30, 1e30]],
    ids=["nothing", "one", "nan", "inf", "constant", "huge"],
)
def test_any_series_can_be_drawn(run, values):
    values = np.asarray(values, np.float64)
    part = SeriesPart("loss", 0, len(values), np.arange(float(len(values))), values)
    record = replace(dashboard_record(run), series=(part,))
    ET.fromstring(static.dashboard_svg(record))
    assert text.dashboard_text(record)


@pytest.mark.parametrize(("rows", "layers"), [(0, 0), (1, 1), (3, 400), (5000, 2)])
def test_any_gradients_can_be_drawn(rows, layers):
    norms = np.abs(np.random.default_rng(0).normal(size=(rows, layers))).astype(np.float32)
    if norms.size:
        norms[0, 0] = np.nan
    names = tuple(f"layer{i}" for i in range(layers))
    part = GradientPart(names, 0, rows, np.arange(float(rows)), norms, norms, norms)
    record = GradientFlowRecord("net", "running", part)
    svg = static.gradient_flow_svg(record)
    assert float(ET.fromstring(svg).get("height")) < 800
    assert text.gradient_flow_text(record)


def test_the_png_is_opaque_has_text_and_is_not_large(run):
    svg = static.dashboard_svg(dashboard_record(run))
    data = static.png(svg)
    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    assert picture.getextrema()[3] == (255, 255)
    # The run's name stands in the first line; without a font there would be only paper.
    name = picture.crop((150, 20, 300, 50)).convert("L")
    assert name.getextrema()[0] < 100
    assert len(data) < 60_000
    assert len(svg) < 70_000


def test_rare_colours_survive_in_the_png(run):
    data = static.png(static.dashboard_svg(dashboard_record(run)))
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    for colour in (TRAIN, VAL, BAD):  # the legend has all three
        wanted = list(bytes.fromhex(colour[1:]))
        assert (picture == wanted).all(axis=2).sum() > 20, colour


def test_few_colours_are_those_of_areas_and_the_strongest_of_the_rest():
    draw = np.random.default_rng(0)
    pixels = np.full((60, 80, 3), 255, np.uint8)
    pixels[:20] = 234, 243, 239
    pixels[20:40, :40] = 236, 236, 238  # near the one above, and not to be mixed with it
    pixels[50, 3:6] = 200, 30, 40
    pixels[55:] = draw.integers(100, 140, (5, 80, 3))
    palette, places = few_colors(pixels, most=12)
    assert palette.shape == (12, 3)
    seen = palette[places].astype(int)
    assert np.array_equal(seen[:55], pixels[:55])
    assert np.abs(seen[55:] - pixels[55:]).max() < 40
    assert len(few_colors(pixels[:40])[0]) == 3


def test_a_bad_cell_is_red_and_a_zero_is_grey_in_the_picture():
    norms = np.array([[np.nan, 0.0, 1.0]], np.float32)
    part = GradientPart(("a", "b", "c"), 0, 1, np.zeros(1), norms, norms, norms)
    svg = static.gradient_flow_svg(GradientFlowRecord("net", "running", part))
    picture = Image.open(io.BytesIO(static.png(svg, 1.0))).convert("RGB")
    red, grey = picture.getpixel((500, 60)), picture.getpixel((500, 80))
    assert red[0] > 150 > 80 > red[1]
    assert max(grey) - min(grey) < 12


def test_the_terminal_twins_say_the_same(run):
    lines = text.dashboard_text(dashboard_record(run)).splitlines()
    assert lines[0] == "lenet · finished"
    assert any(line.startswith("val_loss") and "→" in line for line in lines)
    flow = text.gradient_flow_text(gradient_flow_record(run))
    assert "head.2.bias |" in flow


def test_a_curve_of_blocks_goes_from_low_to_high_and_marks_nan():
    assert text.spark(np.arange(8.0), 8) == "▁▂▃▄▅▆▇█"
    assert text.spark(np.array([1.0, np.nan]), 8) == "▁x"
    assert text.spark(np.zeros(0), 8) == ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"), (0.031251, "0.03125"), (1204.4, "1,204"), (3.1e-8, "3.1e−8"), (-2.5, "−2.5"),
        (1e9, "1e9"), (float("nan"), "NaN"), (float("-inf"), "−∞"), (None, "–"), (99.9999, "100"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_in_the_browser(value, said):
    assert formats.value(value) == said


def test_counts_and_spans_are_written_short():
    assert formats.count(12_345) == "12.3k"
    assert formats.count(999_950) == "1M"
    assert [formats.duration(s) for s in (0.42, 12, 187, 3750)] == [
        "0.4 s",
        "12 s",
        "3:07",
        "1:02:30",
    ]


def test_scales():
    assert ticks(0, 2.4, 4) == [0, 1, 2]
    assert ticks(1, 1, 4) == [1]
    assert ticks(1, 10, 4, whole=True) == [5, 10]
    assert ticks(0, 100, 4, whole=True) == [0, 25, 50, 75, 100]
    assert formats.tick_texts([2.25, 2.275, 2.3]) == ["2.25", "2.275", "2.3"]
    assert formats.tick_texts([102_000, 102_500]) == ["102k", "102.5k"]
    assert formats.tick_texts([1.25e-4, 1.5e-4]) == ["1.25e−4", "1.5e−4"]
    assert log_range(np.array([0, np.nan, -1])) == (-1, 0)
    assert log_range(np.array([1e-30, 100])) == (-10, 2)
    light = viridis(np.linspace(0, 1, 21)).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > 0).all()


def test_png_of_our_own_is_read_back_by_others():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode_png(pixels)))), pixels)


def test_svg_pieces():
    assert escape('a<b>"&\x00') == "a&lt;b&gt;&quot;&amp;\ufffd"
    assert (number(3.0), number(2.504), number(-1.5)) == ("3", "2.5", "-1.5")
    assert wrap("one two three", 8) == ["one two", "three"]
    assert wrap("x" * 20, 8) == ["x" * 8, "x" * 8, "x" * 4]


@pytest.mark.parametrize("kind", ["note", "warning", "edit", "branch"])
def test_every_kind_of_remark_has_a_picture_and_a_line(kind):
    run = PretendRun(epochs=1, steps=3).go()
    assert run.join(30)
    run.history.note(kind, "something happened")
    record = dashboard_record(run)
    assert "something happened" in static.dashboard_svg(record)
    assert any(line.endswith("something happened") for line in
               text.dashboard_text(record).splitlines())  # fmt: skip
