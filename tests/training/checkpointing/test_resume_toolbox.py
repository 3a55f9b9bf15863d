"""Resume with the toolbox: averages, scales, mixtures and frozen layers go on as they were."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn

RNG = np.random.default_rng(0)
X = RNG.normal(size=(64, 4)).astype(np.float32)
Y = RNG.integers(0, 3, 64)


def net():
    nbdl.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))


class StopAt(nbdl.training.Callback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, run):
        if run.step == self.step:
            run.stop()


@pytest.mark.parametrize(
    "options",
    [
        {"ema": 0.9, "mixup": 0.4, "accumulate": 2}, {"precision": "fp16"}, {"freeze": "0.*"},
        {"precision": "bf16", "checkpoint_layers": "0", "ema": 0.8},
    ],
    ids=["averages", "scales", "frozen", "recomputed"],
)  # fmt: skip
def test_a_run_that_was_stopped_goes_on_exactly(options):
    given = {"val": (X, Y), "batch_size": 8, "epochs": 4, "progress": False, "compile": False}
    given |= options
    whole = nbdl.train(net(), (X, Y), name="whole", store=False, **given)
    model = net()
    begun = nbdl.train(model, (X, Y), name="cut", callbacks=StopAt(6), **given)
    assert begun.step == 6
    rest = nbdl.train(model, (X, Y), name="cut", resume=True, **given)
    left = whole.step - 6
    np.testing.assert_array_equal(rest.history["loss"][-left:], whole.history["loss"][-left:])
    assert rest.results["loss"] == whole.results["loss"]
    for p, q in zip(rest.model.parameters(), whole.model.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
