"""Trainings in mixed precision."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError
from nbdl.training.precision import Precision

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))


def fit(precision, model=None, **options):
    model = net() if model is None else model
    options = {"batch_size": 16, "epochs": 4, "lr": 0.01} | options
    return nbdl.train(model, (X, Y), val=(X, Y), precision=precision, store=False, **options)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "bfloat16", "16"])
def test_half_precision_learns_what_float32_learns(precision):
    half, full = fit(precision), fit(None)
    np.testing.assert_allclose(half.history["loss"], full.history["loss"], atol=0.03)
    assert (half.history["loss"] != full.history["loss"]).any()
    assert all(p.dtype == nbdl.float32 for p in half.model.parameters())


def test_fp32_is_the_plain_training():
    np.testing.assert_array_equal(fit("fp32").history["loss"], fit(None).history["loss"])


class Loud(nn.Module):
    """Its gradients overflow in float16 once the loss is scaled."""

    def __init__(self):
        super().__init__()
        self.layer = net()

    def forward(self, x):
        return self.layer(x) * 40.0


def test_steps_that_overflow_are_left_out_and_told():
    model = Loud()
    before = [p.numpy().copy() for p in model.parameters()]
    run = fit("fp16", model, max_steps=1, lr=0.1)
    notes = [text for _, kind, text in run.history.events if "float16" in text]
    assert len(notes) == 1
    assert "32768" in notes[0]
    assert "(1 such steps)" in notes[0]
    for p, value in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy(), value)
    longer = fit("fp16", Loud(), epochs=8)
    scales = [text for _, _, text in longer.history.events if "float16" in text]
    assert 0 < len(scales) < longer.step
    assert longer.history["loss"][-4:].mean() < longer.history["loss"][:4].mean()


def test_why_it_is_not_compiled():
    run = fit("bf16", compile=True)
    assert any("uncompiled: operations that are fused round to bfloat16" in text
               for _, _, text in run.history.events)  # fmt: skip


def test_the_scale_is_part_of_the_state():
    one, two = Precision("fp16"), Precision("fp16")
    one.scaler.update(512.0)
    one.scaler.skipped = 3
    two.load_state_dict(one.state_dict())
    assert (two.scaler.get_scale(), two.scaler.skipped) == (512.0, 3)


def test_batches_of_a_step_are_scaled_once():
    small = fit("fp16", nn.Linear(6, 2), accumulate=2, batch_size=8)
    large = fit("fp16", nn.Linear(6, 2), batch_size=16)
    assert small.step == large.step


def test_precisions_that_do_not_exist_or_do_not_go():
    with pytest.raises(ArgumentError, match="unknown precision 'bf15'; did you mean 'bf16'"):
        fit("bf15")
    with pytest.raises(ArgumentError, match="precision='fp16' does not go with SAM"):
        fit("fp16", optim="sam")
    assert fit("bf16", optim="sam").status == "finished"
