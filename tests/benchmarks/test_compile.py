"""Trainings answer what they are asked, and the tables say what was answered."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks import compile as script
from benchmarks.contenders import CHANNELS_LAST, FIT, NBDL, NBDL_EAGER, TORCH, results, training
from benchmarks.contenders.results import Result
from benchmarks.harness import Timing


def _started(way: str, model: str) -> Any:
    found = training(way, model, threads=1, small=True)
    assert found.start() >= 0
    assert found.first() > 0
    return found


def test_a_training_in_nbdl_answers_everything():
    found = _started(NBDL_EAGER, "lenet")
    losses = found.first_losses(5)
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    median, minimum, count = found.steps(3, least=0.0, most=60.0)
    assert count == 3
    assert 0 < minimum <= median
    before = {k: v.numpy().copy() for k, v in found.network.state_dict().items()}
    assert found.infer(2, 3, least=0.0, most=60.0)[2] == 3
    assert all((v.numpy() == before[k]).all() for k, v in found.network.state_dict().items())
    assert found.network.training
    assert found.roofline() is None
    spent = dict(found.operations())
    assert min(spent.values()) > 0
    assert {"Convolution", "MaxPool", "(the optimizer's update)"} <= spent.keys()
    assert any("backward of Convolution" in name for name in spent)
    assert set(found.answers()) >= {"start", "first", "first_losses", "steps", "infer", "memory"}


def test_a_compiled_training_computes_the_same_steps():
    found = _started(NBDL, "mlp")
    expected = training_losses(NBDL_EAGER, "mlp", 5)
    assert found.first_losses(5) == pytest.approx(expected, rel=results.FIRST_LOSS)
    assert found.infer(2, 1, least=0.0, most=60.0)[2] == 1
    assert found.memory() >= 3 * 4 * sum(math.prod(p.shape) for p in found.network.parameters())


def test_an_epoch_of_fit_computes_the_same_steps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where runs are kept
    found = _started(FIT, "linear")
    assert found.first_losses(5) == pytest.approx(training_losses(NBDL_EAGER, "linear", 5))
    assert found.steps(3, least=0.0, most=60.0)[2] == 1000
    assert found.infer(2, 1, least=0.0, most=60.0)[2] == 1
    assert found.memory() > 0


def _held(found: Any) -> int:
    """Bytes of parameters, their gradients and AdamW's two means."""
    return 4 * 4 * sum(math.prod(p.shape) for p in found.network.parameters())


def test_memory_in_nbdl_counts_parameters_gradients_and_means():
    found = _started(NBDL_EAGER, "mlp")
    peak = found.memory()
    assert _held(found) <= peak
    assert found.first_losses(1) == training_losses(NBDL_EAGER, "mlp", 1)


def training_losses(way: str, model: str, count: int) -> list[float]:
    return _started(way, model).first_losses(count)


@pytest.mark.judge
def test_memory_in_pytorch_counts_parameters_gradients_and_means():
    pytest.importorskip("torch")
    found = _started(TORCH, "mlp")
    activations = 4 * found.x.numel() * 40  # far more than the small network has
    assert _held(found) <= found.memory() <= _held(found) + activations


@pytest.mark.judge
def test_images_in_channels_last_train_as_they_do_in_pytorchs_default():
    torch = pytest.importorskip("torch")
    last = _started(CHANNELS_LAST, "lenet")
    assert last.x.is_contiguous(memory_format=torch.channels_last)
    assert last.infer(2, 1, least=0.0, most=60.0)[2] == 1
    expected = training_losses(TORCH, "lenet", 5)
    assert last.first_losses(5) == pytest.approx(expected, rel=results.LATER_LOSSES)


def _result(step: float, **more: Any) -> Result:
    return Result(
        start=1.5, first=2.0, losses=[2.0, 1.0], step=Timing(step, step), count=30,
        infer={1: Timing(1e-3, 1e-3), 64: Timing(2e-3, 1e-3)}, memory=5_000_000, **more,
    )  # fmt: skip


def _found(nbdl: Result) -> dict[str, results.Results]:
    ways = {NBDL: nbdl, NBDL_EAGER: _result(8e-3), TORCH: _result(4e-3)}
    return {"lenet": {**ways, CHANNELS_LAST: _result(3e-3)}}


def test_the_compiled_step_is_compared_with_the_fastest_of_pytorch():
    text = script.tables(_found(_result(1e-3, cold=3.0)), "here")
    assert "compiled step is 3.00 times as fast" in text
    assert "1 of 1 targets are met" in text
    assert "| 1.00 (1.00) | 8.00 (8.00) | 4.00 (4.00) | 3.00 (3.00) | 3.00× | 2.5×, met |" in text
    assert "batch 64 | 3.00 cold, 2.00 warm | 2.00 | 2.00 | 2.00 |" in text
    assert "| import, after NumPy's | 1.50 (1.50) |" in text
    assert "batch 64 | 5.0 | 5.0 | 5.0 | 5.0 | 1.00 |" in text
    assert "| LeNet-style, 64 | 2.00 (1.00) |" in text
    assert text.endswith("here")


def test_a_step_near_the_roofline_meets_its_target_though_it_is_not_as_fast_as_stated():
    slow = _found(_result(2e-3))["lenet"]
    assert not results.met("lenet", slow)
    assert results.met("lenet", _found(_result(2e-3, roofline=1.8e-3))["lenet"])
    assert "1.80" in results.steps({"lenet": _found(_result(2e-3, roofline=1.8e-3))["lenet"]}, [])


def test_losses_that_part_are_shown():
    found = _found(_result(1e-3))
    assert "| 0e+00 |" in results.steps(found, [])
    found["lenet"][NBDL].losses = [2.0002, 1.0]
    assert "1e-04, too far" in results.steps(found, [])
    found["lenet"][NBDL].losses = [2.0, 1.0001]
    assert "| 1e-04 |" in results.steps(found, [])
    found["lenet"][NBDL].losses = [2.0, 1.02]
    assert "2e-02, too far" in results.steps(found, [])


def test_a_way_that_fails_is_named_and_the_rest_is_shown():
    text = script.tables(_found(Result(failure="TraceError: no")), "here")
    assert "- LeNet-style, 28×28, batch 64, nbdl failed: TraceError: no" in text
    assert "| failed | 8.00 (8.00) |" in text
    assert "| import, after NumPy's | – | 1.50 (1.50) |" in text
    alone = {"lenet": {NBDL_EAGER: Result(failure="x"), TORCH: _result(1.0)}}
    assert script.tables(alone, "here").startswith("- LeNet-style")


def test_unknown_models_and_small_ones_for_the_page_are_refused(capsys):
    with pytest.raises(SystemExit):
        script.main(["--models", "mlp,nothing"])
    assert "no model 'nothing'; there are linear," in capsys.readouterr().err
    with pytest.raises(SystemExit):
        script.main(["--small", "--write"])
    assert "--small does not go with --write" in capsys.readouterr().err


@pytest.mark.judge
@pytest.mark.slow
def test_contenders_are_asked_by_turns_and_the_tables_are_printed(capsys):
    pytest.importorskip("torch")
    script.main(
        ["--small", "--models", "linear", "--rounds", "1", "--steps", "2", "--threads", "1",
         "--no-torch-compile", "--operations"]
    )  # fmt: skip
    text = capsys.readouterr().out
    assert "| linear regression, 4 points |" in text
    assert "| linear regression, 64 |" in text
    assert "(the optimizer's update)" in text
    assert "too far" not in text
    assert "failed" not in text
