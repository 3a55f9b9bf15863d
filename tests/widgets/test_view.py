"""The talk between Python and a page, heard at the comm."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nbdl import nn, training, widgets
from nbdl.experiments import runs
from nbdl.inspection.records import GraphNode, GraphRecord, LogLine
from nbdl.training.archive import store as stores
from nbdl.training.archive.recorder import keep
from nbdl.widgets import bundle as bundles
from nbdl.widgets import view as views
from nbdl.widgets.source import Source
from tests.widgets.pretend import PretendRun


@pytest.fixture(autouse=True)
def built(monkeypatch, tmp_path):
    """A front-end of two lines, so that these tests need no Node."""
    for name in set(bundles.BUNDLES.values()):
        (tmp_path / f"{name}.js").write_text("export function mount() {}")
    (tmp_path / "loader.js").write_text("export default {}")
    monkeypatch.setattr(bundles, "STATIC", tmp_path)
    bundles.bundle.cache_clear()
    bundles.loader.cache_clear()
    yield
    bundles.bundle.cache_clear()
    bundles.loader.cache_clear()


class Page:
    """What a page hears of a view, and what it says."""

    def __init__(self, view):
        self.view = view
        self.heard = []
        self.times = []
        self.lock = threading.Lock()
        view.send = self.hear

    def hear(self, content, buffers=None):
        with self.lock:
            self.times.append(time.monotonic())
            self.heard.append((content, buffers))

    def say(self, **message):
        self.view._handle_custom_msg(message, [])

    def of(self, kind):
        with self.lock:
            return [content for content, _ in self.heard if content["type"] == kind]

    def wait_for(self, condition, seconds=10.0):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"heard {[c['type'] for c, _ in self.heard]}"
            time.sleep(0.01)


def still(record=None) -> Source:
    record = record or LogLine(0.0, "note", "hello")
    return Source(record, svg=lambda: "<svg xmlns='x'></svg>", text=lambda: "hello")


def states(page):
    return [content["record"]["state"]["status"] for content in page.of("record")]


def test_a_view_sends_a_small_loader_and_the_bundle_only_when_asked():
    view = widgets.View("graph", still())
    page = Page(view)
    assert len(view._esm) < 2000
    assert view.bundle == bundles.bundle("graph").hash
    page.say(type="bundle", hash=view.bundle)
    content, buffers = page.heard[0]
    assert content == {"type": "bundle", "hash": view.bundle}
    assert bytes(buffers[0]) == b"export function mount() {}"
    view.close()


def test_every_view_of_the_front_end_is_in_the_bundle_that_is_sent():
    found = {}
    for path in (Path(__file__).parents[2] / "js" / "bundles").glob("*.ts"):
        (views,) = re.findall(r"mounting\(\{([^}]*)\}\)", path.read_text())
        names = re.findall(r"(\w+)\s*(?::[^,(]*(?:\([^)]*\))?)?(?:,|$)", views.strip())
        found |= dict.fromkeys(names, path.stem)
    assert found == bundles.BUNDLES


def test_a_greeting_is_answered_with_the_record():
    view = widgets.View("graph", still())
    page = Page(view)
    page.say(type="hello", have={})
    assert page.of("record")[0]["record"]["text"] == "hello"
    view.close()


def test_a_page_that_cannot_speak_is_sent_bundle_and_record_unasked(monkeypatch):
    monkeypatch.setattr(views, "UNASKED", (0.02, 0.02, 0.02))
    page = Page(widgets.View("graph", still()))
    page.wait_for(lambda: len(page.of("record")) == 3)
    assert len(page.of("bundle")) == 3
    page.view.close()


def test_a_page_that_has_greeted_is_sent_nothing_unasked(monkeypatch):
    monkeypatch.setattr(views, "UNASKED", (0.1, 0.1))
    page = Page(widgets.View("graph", still()))
    page.say(type="hello", have={})
    time.sleep(0.4)
    assert page.of("bundle") == []
    page.view.close()


@pytest.mark.parametrize("message", [{}, {"type": 3}, {"type": "nonsense"}, {"type": "command"}])
def test_nonsense_from_a_page_does_no_harm(message):
    page = Page(widgets.View("graph", still()))
    page.view._handle_custom_msg(message, [])
    page.view._handle_custom_msg("text", [])
    assert page.of("heard") == []
    page.view.close()


def test_the_whole_history_reaches_a_page_in_parts_without_holes():
    run = PretendRun(epochs=2, steps=40, pace=0.01)
    page = Page(widgets.dashboard(run))
    page.say(type="hello", have={})
    run.go()
    page.wait_for(lambda: "finished" in states(page))
    ends = {"loss": 0}
    for content in page.of("record"):
        for part in content["record"]["series"]:
            assert part["start"] <= ends.get(part["name"], 0)
            ends[part["name"]] = part["end"]
    assert ends["loss"] == 80
    assert ends["val_loss"] == 2


def test_at_most_twenty_messages_a_second_whatever_the_pace():
    run = PretendRun(epochs=1, steps=3000, pace=0.0002)
    page = Page(widgets.dashboard(run))
    page.say(type="hello", have={})
    run.go()
    assert run.join(60)
    page.wait_for(lambda: "finished" in states(page))
    seconds = page.times[-1] - page.times[0]
    assert len(page.times) <= 20 * max(1.0, seconds)


def test_numbers_travel_as_buffers():
    run = PretendRun(epochs=1, steps=20).go()
    assert run.join(30)
    page = Page(widgets.dashboard(run))
    page.say(type="hello", have={})
    content, buffers = page.heard[-1]
    loss = content["record"]["series"][0]
    assert loss["values"]["dtype"] == "float32"
    values = np.frombuffer(buffers[loss["values"]["$array"]], "float32")
    assert values.tolist() == pytest.approx(run.history["loss"].tolist())


def test_a_command_is_heard_at_once_and_confirmed_at_the_next_step():
    run = PretendRun(epochs=1, steps=10_000, pace=0.005).go()
    page = Page(widgets.dashboard(run))
    page.say(type="hello", have={})
    page.say(type="command", id=1, command="pause")
    assert page.of("heard") == [{"type": "heard", "id": 1}]
    page.wait_for(lambda: states(page)[-1] == "paused")
    page.say(type="command", id=2, command="set_lr", value=0.25)
    page.wait_for(lambda: run.lr == 0.25)
    step = run.step
    page.say(type="command", id=3, command="step")
    page.wait_for(lambda: run.step == step + 1 and run.status == "paused")
    page.say(type="command", id=4, command="resume")
    page.wait_for(lambda: states(page)[-1] == "running")
    page.say(type="command", id=5, command="stop")
    page.wait_for(lambda: states(page)[-1] == "stopped")


def test_a_page_saves_and_adds_epochs_while_the_run_is_paused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    run = training.train(nn.Linear(3, 1), (x, x[:, :1]), loss="mse", epochs=9, batch_size=1,
                         wait=False, callbacks=_PauseAtOnce())  # fmt: skip
    page = Page(widgets.dashboard(run))
    page.wait_for(lambda: run.status == "paused")
    page.say(type="command", id=1, command="save")
    page.say(type="command", id=2, command="add_epochs", value=2)
    page.say(type="command", id=3, command="add_epochs", value="many")
    assert [content["id"] for content in page.of("refused")] == [3]
    assert run.epochs == 11
    page.wait_for(lambda: list(tmp_path.glob(".nbdl/checkpoints/*/step-*-saved.safetensors")))
    run.stop()
    assert run.join(10)
    stores.forget_stores()


class _PauseAtOnce(training.Callback):
    def on_step_end(self, run):
        if run.step == 1:
            run.pause()


def test_a_command_that_cannot_be_done_is_refused_with_the_reason():
    run = PretendRun(epochs=1, steps=10_000, pace=0.005).go()
    page = Page(widgets.dashboard(run))
    for number, (command, value) in enumerate(
        [("dance", None), ("set_lr", "fast"), ("set_lr", -1)]
    ):
        page.say(type="command", id=number, command=command, value=value)
    assert [content["id"] for content in page.of("refused")] == [0, 1, 2]
    run.stop()
    assert run.join(10)
    page.say(type="command", id=3, command="pause")
    assert "is over" in page.of("refused")[-1]["text"]


def test_a_second_page_gets_all_and_a_page_with_some_gets_the_rest():
    run = PretendRun(epochs=1, steps=30).go()
    assert run.join(30)
    page = Page(widgets.dashboard(run))
    page.say(type="hello", have={"series": {"loss": 28}, "gradients": 10})
    series = {part["name"]: part for part in page.of("record")[-1]["record"]["series"]}
    assert (series["loss"]["start"], series["loss"]["end"]) == (28, 30)
    page.say(type="hello", have={})
    assert page.of("record")[-1]["record"]["series"][0]["start"] == 0


def test_the_gradient_flow_view_is_live_too():
    run = PretendRun(epochs=1, steps=60, pace=0.005)
    page = Page(widgets.gradient_flow(run))
    page.say(type="hello", have={})
    run.go()
    page.wait_for(lambda: page.of("record")[-1]["record"]["status"] == "finished")
    assert page.of("record")[-1]["record"]["gradients"]["end"] == 20


def test_the_graph_of_a_run_gets_its_numbers_while_it_trains():
    run = PretendRun(epochs=2, steps=60, pace=0.01)
    nodes = (GraphNode("conv1", "op", -1, "Conv2d", ""), GraphNode("x", "op", -1, "relu", ""))
    page = Page(widgets.film(GraphRecord("net", nodes=nodes), run))
    page.say(type="hello", have={})
    assert page.of("record")[-1]["record"]["frames"] is None, "nothing was sampled yet"
    run.go()
    assert run.join(30)
    page.view.settle()
    told = page.of("record")[1:]
    assert {each["kind"] for each in told} == {"FlowFrames"}, "the graph is sent once"
    steps = [each["record"]["steps"]["shape"][0] for each in told]
    assert steps == sorted(set(steps)), "and the numbers when there are new ones"
    assert steps[-1] == len(page.view.source.whole().frames.steps) == 40
    assert "gradient norm at step 120" in page.view.source.svg()


def test_a_run_of_the_past_shows_its_whole_story_and_takes_no_commands(tmp_path):
    run = PretendRun(epochs=2, steps=20)
    keep(run, tmp_path / ".nbdl" / "runs.sqlite")
    run.go()
    assert run.join(30)
    (kept,) = runs(tmp_path)
    page = Page(widgets.dashboard(kept))
    page.say(type="hello", have={})
    record = page.of("record")[-1]["record"]
    assert record["state"]["status"] == "finished"
    assert {part["name"] for part in record["series"]} >= {"loss", "val_loss", "lr"}
    page.say(type="command", id=1, command="pause")
    assert "is over" in page.of("refused")[0]["text"]
    assert "Finished" in page.view.twin()["image/svg+xml"]
    flow = Page(widgets.gradient_flow(kept))
    flow.say(type="hello", have={})
    assert flow.of("record")[-1]["record"]["gradients"]["end"] == 13


def test_a_run_that_a_page_shows_is_watched():
    run = PretendRun()
    page = Page(widgets.dashboard(run))
    assert not run.watched
    page.say(type="hello", have={})
    assert run.watched
    page.view.close()


def test_a_view_stops_its_threads_when_it_is_closed():
    run = PretendRun(epochs=1, steps=10_000, pace=0.005).go()
    view = widgets.dashboard(run)
    view.close()
    deadline = time.monotonic() + 5
    while any(t.name == "nbdl-feed" and t.is_alive() for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.stop()
    assert run.join(10)


ENDING = """
import atexit, sys, time
from pathlib import Path
from nbdl import nn, training, widgets
from nbdl.widgets import bundle, view
from nbdl.widgets.source import Source

bundle.STATIC = Path(sys.argv[1])
view.UNASKED = (0.05,) * 100
shown = widgets.View("graph", Source(None, svg=str, text=str))
shown.tell_record = lambda record: print("record", flush=True)
shown.send = lambda message, buffers: print(message["type"], flush=True)
time.sleep(0.5)
atexit.register(lambda: (print("ending", flush=True), time.sleep(0.5)))
"""


def test_a_kernel_that_is_ending_sends_nothing_more(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", ENDING, str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    before, after = done.stdout.split("ending")
    assert before.count("bundle") > 2
    assert after.count("bundle") <= 1, "only what was on its way"


def test_the_twin_has_its_id_in_the_picture_and_follows_to_the_end():
    run = PretendRun(epochs=1, steps=20, pace=0.01)
    view = widgets.dashboard(run)
    first = view.twin()
    assert set(first) >= {"image/svg+xml", "text/plain"}
    assert f'id="{view.twin_id}"' in first["image/svg+xml"]
    seen = []
    view.follow_twin(seen.append)
    run.go()
    assert run.join(30)
    page = SimpleNamespace(deadline=time.monotonic() + 10)
    while not seen:
        assert time.monotonic() < page.deadline
        time.sleep(0.02)
    assert "Finished" in seen[-1]["image/svg+xml"]


def test_settle_gives_the_final_picture_before_it_returns():
    run = PretendRun(epochs=1, steps=10).go()
    view = widgets.dashboard(run)
    seen = []
    view.follow_twin(seen.append)
    assert run.join(30)
    view.settle()
    assert "lenet · finished" in seen[-1]["text/plain"]


def test_no_picture_comes_after_settle():
    run = PretendRun(epochs=1, steps=10)
    view = widgets.dashboard(run)
    drawing, seen = threading.Event(), []

    def slow(bundle):
        if threading.current_thread() is not threading.main_thread():
            drawing.set()
            time.sleep(0.2)
        seen.append(bundle)

    view.follow_twin(slow)
    run.go()
    assert run.join(30)
    assert drawing.wait(10)
    view.settle()
    at_end = len(seen)
    time.sleep(0.3)
    assert len(seen) == at_end == 2


def test_a_front_end_that_was_never_built_is_one_clear_error(tmp_path, monkeypatch):
    from nbdl.errors import FileError

    monkeypatch.setattr(bundles, "STATIC", tmp_path / "none")
    bundles.bundle.cache_clear()
    bundles.loader.cache_clear()
    with pytest.raises(FileError, match="make setup"):
        widgets.View("graph", still())
