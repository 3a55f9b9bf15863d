"""The picture of a compiled plan: what stands alone, what is summed up, and how it is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from nbdl import nn, train
from nbdl.compiler.limits import Limits
from nbdl.compiler.report import Block, Call, Report
from nbdl.inspection import static
from nbdl.inspection.plan import common_root, live_bytes, parts, stretches
from nbdl.inspection.static import formats
from nbdl.inspection.static.plan import FAMILIES, plan_svg
from nbdl.inspection.static.svg import VAL

SVG = "{http://www.w3.org/2000/svg}"
EVIL = '<img src=x onerror=alert(1)> & "\ud800\x07'
GRAPHS = (
    ("traced", "input %x: f\n%0 = a(%x)\n%1 = b(%0)"),
    ("simplify", "input %x: f\n%0 = a(%x)"),
)
LIMITS = Limits(100e9, ((1 << 16, 80e9), (1 << 26, 20e9)))


def call(title="linear", scope="net.0", phase="forward", seconds=1e-3, kind="loop", limit=0.5e-3):
    return Call(title, (title,), scope, kind, phase, seconds, 1000, 4000, limit)


def plan(calls, blocks=(), arena=0):
    return Report(tuple(calls), tuple(blocks), arena, LIMITS, GRAPHS, 2)


def texts(svg):
    return [element.text or "" for element in ET.fromstring(svg.encode()).iter(f"{SVG}text")]


def bars(svg, colour):
    """Widths of the solid rectangles of this colour."""
    found = ET.fromstring(svg.encode()).iter(f"{SVG}rect")
    return [float(r.get("width")) for r in found
            if r.get("fill") == colour and not r.get("fill-opacity")]  # fmt: skip


# ----- what is shown in full ------------------------------------------------------------------


def test_the_slowest_stand_in_program_order_and_the_rest_is_summed_up_by_kind():
    calls = [
        call("fast", "net.0", seconds=1e-6),
        call("slow", "net.1", seconds=9e-3),
        call("faster", "net.2", seconds=2e-6, kind="oneDNN: brg"),
        call("slower", "net.3", seconds=20e-3),
        call("least", "net.4", seconds=1e-7),
    ]
    [part] = parts(plan(calls), slowest=2)
    assert [row.title for row in part.rows] == ["slow", "slower"]
    assert [(row.family, row.count) for row in part.rest] == [("oneDNN", 1), ("loop", 2)]
    assert part.rest[1].seconds == pytest.approx(1.1e-6)
    assert part.seconds == pytest.approx(sum(c.seconds for c in calls))


def test_phases_stand_apart_in_their_order():
    calls = [call(phase=phase) for phase in ("forward", "backward", "backward", "update")]
    assert [part.phase for part in parts(plan(calls))] == ["forward", "backward", "update"]
    assert [part.phase for part in parts(plan(calls[1:3]))] == ["backward"]
    assert parts(plan([])) == []


def test_the_same_in_several_blocks_is_one_row():
    scopes = ("gpt.blocks.0.mlp.2", "gpt.blocks.1.mlp.2", "gpt.head")
    calls = [call(scope=scope, seconds=1e-3 * place) for place, scope in enumerate(scopes, 1)]
    [part] = parts(plan(calls))
    assert [(row.scope, row.count) for row in part.rows] == [("blocks.*.mlp.2", 2), ("head", 1)]
    assert part.rows[0].seconds == pytest.approx(3e-3)


def test_what_differs_in_work_is_not_one_row():
    big = replace(call(scope="gpt.blocks.1"), flops=9_999)
    [part] = parts(plan([call(scope="gpt.blocks.0"), big]))
    assert [row.count for row in part.rows] == [1, 1]


def test_the_root_is_the_name_that_all_paths_share():
    assert common_root([call(scope="net.a.b"), call(scope=""), call(scope="net")]) == "net."
    assert common_root([call(scope="a.x"), call(scope="b.x")]) == ""
    assert common_root([call(scope="0"), call(scope="")]) == "", "a layer of a model without name"


def test_narrow_neighbours_are_drawn_together_and_no_time_is_lost():
    calls = [call(seconds=s, kind=k, phase=p) for s, k, p in
             [(1e-6, "loop", "forward"), (2e-6, "loop", "forward"), (1e-6, "NumPy", "forward"),
              (5e-3, "loop", "forward"), (1e-6, "loop", "backward")]]  # fmt: skip
    found = stretches(calls, 1e-4)
    assert [row.count for row, _ in found] == [2, 1, 1, 1]
    assert sum(row.seconds for row, _ in found) == pytest.approx(sum(c.seconds for c in calls))
    assert found[-1][1] == "backward"


# ----- memory ---------------------------------------------------------------------------------


def test_live_bytes_count_what_is_made_in_place_once():
    blocks = [Block(0, 100, 0, 1, "a"), Block(0, 100, 1, 3, "b"), Block(100, 50, 2, 2, "c"),
              Block(150, 7, 2, 4, "kept")]  # fmt: skip
    assert live_bytes(plan([call()] * 4, blocks, 157)) == [100, 100, 157, 107]


def test_the_peak_is_marked():
    blocks = [Block(0, 1_000_000, 0, 1, "relu"), Block(1_000_000, 2_000_000, 1, 2, "conv")]
    said = texts(plan_svg(plan([call()] * 3, blocks, 3_000_000)))
    assert "most is needed in call 1: 3 MB" in said
    assert "2 buffers in 3 MB, which would be 3 MB side by side" in " ".join(said)
    assert any(words.startswith("conv") for words in said)


# ----- the drawing ----------------------------------------------------------------------------


def test_bars_are_as_long_as_the_time_and_solid_as_far_as_the_limit():
    calls = [call("a", seconds=4e-3, limit=1e-3), call("b", seconds=2e-3, limit=9e-3)]
    svg = plan_svg(plan(calls))
    table = bars(svg, FAMILIES["loop"])[-2:]
    assert table[1] / table[0] == pytest.approx(2.0, rel=0.05), "never more than the time itself"
    said = texts(svg)
    assert "25 %" in said
    assert "450 %" in said


def test_a_row_that_loses_much_is_marked():
    calls = [call("good", seconds=9e-3, limit=8.9e-3), call("bad", seconds=5e-3, limit=1e-3)]
    found = ET.fromstring(plan_svg(plan(calls))).iter(f"{SVG}text")
    marked = [element.text for element in found if element.get("fill") == VAL]
    assert marked == ["20 %"]


def test_the_head_says_time_limit_calls_memory_and_passes():
    blocks = [Block(0, 3_000_000, 0, 0, "a"), Block(0, 3_000_000, 1, 1, "b")]
    said = texts(plan_svg(plan([call(), call(seconds=3e-3)], blocks, 3_000_000)))
    for words in ("4 ms", "1 ms", "25 %", "2 on 2 threads", "3 MB", "6 MB, 2.0×",
                  "Operations: traced 2 → simplify 1 → 2 calls.", "net"):  # fmt: skip
        assert words in said
    assert any("100 GFLOP/s" in words and "20 GB/s" in words for words in said)


def test_labels_are_text_whatever_they_hold():
    calls = [call(EVIL, EVIL, kind=f"oneDNN: {EVIL}"), call(kind=EVIL)]
    svg = plan_svg(plan(calls, [Block(0, 9, 0, 1, EVIL)], 9))
    root = ET.fromstring(svg.encode())
    assert not list(root.iter(f"{SVG}img")) + list(root.iter("img"))
    assert static.png(svg)


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e3])
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_any_plan_can_be_drawn(count, seconds):
    calls = [call(f"op{i % 90}", f"net.l{i % 70}", seconds=seconds) for i in range(count)]
    blocks = [Block(64 * i, 64, i, count, "x") for i in range(count)]
    svg = plan_svg(plan(calls, blocks, 64 * count))
    root = ET.fromstring(svg)
    assert float(root.get("height")) < 1300
    assert len(svg) < 1_000_000


def test_the_plan_of_a_training_has_all_three_phases():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 1, 8, 8)).astype("float32"), np.arange(32) % 3
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(None, 3))
    run = train(net, (x, y), batch_size=8, epochs=1, compile=True, store=False, progress=False)
    report = run.plan()
    found = {part.phase: part for part in parts(report)}
    assert list(found) == ["forward", "backward", "update"]
    convolutions = [c for c in report.calls if c.title.startswith("convolution")]
    assert {c.scope.rpartition(".")[2] for c in convolutions} == {"0"}, "gradients know the layer"
    assert max(live_bytes(report)) <= report.arena <= report.without_reuse
    said = texts(plan_svg(report))
    assert {"Forward", "Backward", "Update", "Arena"} <= set(said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 µs"), (4.2e-6, "4.2 µs"), (0.0164, "16.4 ms"), (0.9999, "1 s"), (2.345, "2.35 s")],
)  # fmt: skip
def test_short_times(seconds, said):
    assert formats.short_time(seconds) == said
