"""The measurements run, and their tables say what was measured."""

from __future__ import annotations

import subprocess
import sys

import pytest

from benchmarks import eager_overhead, ops, seed_example, training_step
from benchmarks.harness import ROOT, Spent, Timing, environment


def test_predictions_that_are_off_are_refused():
    assert seed_example.predictions("Epoch 1\n[2.02, 4.0, 5.98, 7.99]\n") == [2.02, 4.0, 5.98, 7.99]
    with pytest.raises(ValueError, match="not within"):
        seed_example.predictions("[2.2, 4.0, 6.0, 8.0]")


def test_the_listing_learns_in_a_fresh_process():
    source = seed_example.scripts()["nbdl, verbose=0"]
    spent = seed_example.time_script(sys.executable, source, environment(1))
    assert spent.wall > 0


@pytest.mark.parametrize(("wall", "verdict"), [(0.5, "is met"), (1.5, "is missed")])
def test_the_listings_table_says_whether_the_target_is_met(wall: float, verdict: str):
    found = {"nbdl": [Spent(wall, 0.4), Spent(wall, 0.6)]}
    text = seed_example.tables(found, [0.3], "here")
    assert verdict in text
    assert f"| nbdl | {wall:.2f} | {wall:.2f} | 0.50 | 0.40 | 1.00× | 2 |" in text


def test_ratios_are_summed_up_by_size_and_direction():
    ours, peer = {}, {}
    for size, factor in zip(ops.SIZES, (1.0, 2.0, 4.0), strict=True):
        for way, more in (("forward", 1.0), ("backward", 4.0)):
            peer[f"add/{size}/{way}"] = Timing(1e-6, 1e-6)
            ours[f"add/{size}/{way}"] = Timing(factor * more * 1e-6, 1e-6)
    found = ops.ratios(ours, peer)
    text = ops.summary(found)
    assert "| medium | 2.00 (1.00) | 8.00 (1.00) | 4.00 (1.00) | 8.0 | 1 |" in text
    assert "| add, backward | 16.0 | 1.00 | 16.00 (1.00) |" in ops.worst(found, ours, peer)
    assert "| add | 1.00: 1.00 | 1.00: 4.00 |" in ops.everything(found, peer)


def test_there_are_sixty_operations_and_each_runs_forward_and_backward():
    assert len(ops.CASES) == 60
    for name, case in ops.CASES.items():
        names, leaves = ops._names(case, 0, "nbdl")
        y = eval(case.text, names)
        if case.backward:
            ops._back(y, leaves, "nbdl")()
        assert y.size, name


def test_small_operations_are_measured_in_numpy_and_in_nbdl():
    for peer in ("numpy", "nbdl"):
        names = eager_overhead._names(peer)
        for text, in_numpy in eager_overhead.FORWARD.values():
            source = in_numpy if peer == "numpy" else text
            if source:
                assert eval(source, names).size
    names = eager_overhead._names("nbdl")
    eager_overhead._both_ways(lambda: names["a"] + names["b"], names)()
    assert names["a"].grad.tolist() == [1, 1, 1, 1]


def test_the_share_of_the_loop_is_told():
    step = {"step": Timing(2e-3, 1e-3)}
    loop = {
        training_step.OWN: Timing(50e-6, 40e-6),
        training_step.STORE: Timing(25e-6, 25e-6),
    }
    text = training_step.tables(
        {"nbdl": step, "nbdl.train": step, "torch": step, "loop": loop}, "here"
    )
    assert "take 1.50 % of it" in text
    assert "is met" in text


def test_a_measurement_is_started_as_a_module():
    command = [sys.executable, "-m", "benchmarks.ops", "--help"]
    text = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "--write" in text
