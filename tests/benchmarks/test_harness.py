"""What the measurements share: numbers put together fairly, tables, and the page."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.harness import Timing


def test_rounds_are_merged_to_the_median_of_medians_and_the_least_minimum():
    rounds = [{"a": Timing(3.0, 2.0)}, {"a": Timing(9.0, 1.0)}, {"a": Timing(4.0, 3.0)}]
    assert harness.merged(rounds) == {"a": Timing(4.0, 1.0)}


def test_peers_take_turns_and_each_comes_first():
    assert harness.turns("ab", 3) == ["a", "b", "b", "a", "a", "b"]
    assert {harness.turns("abc", 3)[i] for i in (0, 3, 6)} == {"a", "b", "c"}


def test_a_quick_function_is_called_in_batches_and_a_slow_one_alone(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: clock[0])
    calls = []

    def work(seconds: float) -> None:
        calls.append(seconds)
        clock[0] += seconds

    quick = harness.measure(lambda: work(1e-6), budget=1e-3)
    assert quick.median == pytest.approx(1e-6)
    assert quick.minimum == pytest.approx(1e-6)
    assert len(calls) >= 1000
    calls.clear()
    assert harness.measure(lambda: work(1.0), budget=1e-3, batches=5).median == pytest.approx(1.0)
    assert len(calls) == 6  # one to see how long it takes, five to measure


def test_calls_are_timed_one_by_one_until_there_are_enough(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: clock[0])

    def work() -> None:
        clock[0] += 1.0

    assert harness.timed(work, count=3, least=0.0, most=10.0) == [1.0] * 3
    assert clock[0] == 4.0  # one that warms up
    assert len(harness.timed(work, count=3, least=5.0, most=10.0)) == 5
    assert len(harness.timed(work, count=30, least=5.0, most=2.0)) == 2


def _state(process: int) -> str:
    """R, S or T (stopped), as the system says."""
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_contender_answers_and_is_stopped_until_it_is_asked_again():
    module, env = "tests.benchmarks.answering", harness.environment(1)
    with harness.Contender(module, [], env) as contender:
        for x in (1, 2):
            assert contender.ask("next", x=x) == x + 1
            end = time.monotonic() + 10
            while _state(contender._process.pid) != "T":
                assert time.monotonic() < end
        with pytest.raises(RuntimeError, match="ValueError: no such thing"):
            contender.ask("wrong")
        assert contender.ask("next", x=5) == 6
        with pytest.raises(RuntimeError, match="ended without an answer to end"):
            contender.ask("end")
    assert contender._process.returncode is not None


def test_geometric_mean_of_a_ratio_and_its_inverse_is_one():
    assert harness.geometric_mean([4.0, 0.25]) == pytest.approx(1.0)
    assert harness.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_numbers_are_written_with_three_digits_or_more():
    assert [harness.micro(s) for s in (1.234e-6, 12.34e-6, 1.2345e-3)] == ["1.23", "12.3", "1,234"]
    assert [harness.milli(s) for s in (3.21e-5, 1.234e-3, 12.34e-3)] == ["0.032", "1.23", "12.3"]
    assert harness.both(Timing(2e-6, 1e-6)) == "2.00 (1.00)"
    assert harness.ratio(Timing(3.0, 1.0), Timing(2.0, 2.0)) == "1.50 (0.50)"


def test_a_table_is_markdown():
    assert harness.table(("op", "µs"), [("add", "1")]) == "| op | µs |\n| --- | ---: |\n| add | 1 |"


def test_a_table_is_put_between_its_markers_again_and_again(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- /a -->\n<!-- b -->\nkept\n<!-- /b -->\n")
    for text in ("first", "second"):
        harness.publish("a", text, page)
    assert page.read_text() == (
        "before\n<!-- a -->\n\nsecond\n\n<!-- /a -->\n<!-- b -->\nkept\n<!-- /b -->\n"
    )
    with pytest.raises(ValueError, match="<!-- c -->"):
        harness.publish("c", "lost", page)


def test_the_page_has_a_place_for_each_benchmark():
    text = harness.PAGE.read_text(encoding="utf-8")
    for path in (harness.ROOT / "benchmarks").glob("*.py"):
        if path.stem not in ("__init__", "harness"):
            assert f"<!-- {path.stem} -->" in text
            assert f"python -m benchmarks.{path.stem}" in text


def test_a_measured_process_has_its_own_pools_and_may_write_byte_code(monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    env = harness.environment(3)
    assert env["OMP_NUM_THREADS"] == env["OPENBLAS_NUM_THREADS"] == "3"
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert env["PYTHONPATH"].startswith(str(harness.ROOT))


def test_a_process_is_timed_by_the_clock_and_by_its_processor(tmp_path: Path):
    script = "import time; time.sleep(0.2); print('done')"
    spent, text = harness.run([sys.executable, "-c", script], tmp_path, harness.environment(1))
    assert text == "done\n"
    assert spent.wall >= 0.2
    assert 0 < spent.cpu < spent.wall


def test_a_process_starts_when_the_machine_is_quiet_or_after_a_while(monkeypatch):
    ticks = [(0, 0), (10, 100), (10, 100), (90, 200)]  # busy, then idle
    monkeypatch.setattr(harness, "_idle_and_all", lambda: ticks.pop(0))
    monkeypatch.setattr(harness.time, "sleep", lambda seconds: None)
    harness.wait_for_quiet()
    assert ticks == []
    monkeypatch.setattr(harness, "_idle_and_all", lambda: (0, next(always)))
    always = iter(range(1_000_000_000))
    start = time.perf_counter()
    harness.wait_for_quiet(limit=0.05)
    assert 0.05 <= time.perf_counter() - start < 5
    monkeypatch.setattr(harness, "_idle_and_all", lambda: None)
    harness.wait_for_quiet()
