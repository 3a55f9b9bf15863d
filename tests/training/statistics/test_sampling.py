"""What is sampled of the layers in a training: it changes no number, costs a share, finds NaN."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.errors import TrainingError
from nbdl.inspection.graph import model_graph
from nbdl.nn import functional as F
from nbdl.shapes import Spec
from nbdl.training.statistics import gradients
from nbdl.training.statistics.activations import dead_units, look
from nbdl.training.statistics.cadence import Cadence
from nbdl.training.statistics.histograms import (
    BINS,
    MOMENTS,
    Histograms,
    histograms,
    is_moment,
    unpack,
)
from nbdl.training.statistics.history import History


class Net(nn.Module):
    """Layers, activations as layers and as functions, chance, and buffers that change."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 16)
        self.norm = nn.BatchNorm1d(16)
        self.block = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Dropout(0.2))
        self.last = nn.Linear(16, 3)

    def forward(self, x):
        """x: (n, 6) -> (n, 3)."""
        x = F.relu(self.norm(self.first(x)))
        return self.last(F.relu(self.block(x)))


NAMES = ["first", "norm", "relu", "block.0", "block.1", "block.2", "relu#2", "last"]


def trained(sampled: bool, monkeypatch, compile=False, net=Net, **options):
    monkeypatch.setattr(gradients, "SHARE", 1e6 if sampled else 1e-12)
    if not sampled:
        monkeypatch.setattr(gradients.Cadence, "is_due", lambda self, step: False)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(64, 6)).astype("float32"), rng.integers(0, 3, 64)
    nbdl.manual_seed(3)
    model = net()
    run = nbdl.train(
        model, data, epochs=3, batch_size=16, compile=compile, store=False, progress=False,
        check=False, **options,
    )  # fmt: skip
    monkeypatch.undo()
    return run, model


@pytest.mark.parametrize("compile", [False, True])
def test_looking_changes_no_number_of_the_training(compile, monkeypatch):
    seen, a = trained(True, monkeypatch, compile)
    unseen, b = trained(False, monkeypatch, compile)
    assert len(seen.history.activations) == 12
    assert len(unseen.history.activations) == 0
    assert seen.history["loss"].tolist() == unseen.history["loss"].tolist()
    for (name, p), (_, q) in zip(a.state_dict().items(), b.state_dict().items(), strict=True):
        assert np.array_equal(p.numpy(), q.numpy()), name


def test_activations_are_those_of_all_layers_by_the_graphs_names(monkeypatch):
    run, model = trained(True, monkeypatch)
    table = run.history.activations
    assert table.layers == NAMES
    specs = {"x": Spec((16, 6), np.dtype("float32"))}
    assert set(NAMES) <= {node.id for node in model_graph(model, specs).nodes}
    zeros, dead = table.part("zeros"), table.part("dead")
    relu, tanh = NAMES.index("relu"), NAMES.index("block.1")
    assert 0.2 < zeros[:, relu].mean() < 0.8
    assert np.isfinite(dead[:, relu]).all()
    assert np.isnan(dead[:, tanh]).all()
    assert np.isfinite(table.part("saturated")[:, tanh]).all()


def test_compiled_steps_are_looked_at_by_another_pass(monkeypatch):
    compiled, _ = trained(True, monkeypatch, True)
    eager, _ = trained(True, monkeypatch, False)
    a, b = compiled.history.activations, eager.history.activations
    assert a.steps.tolist() == b.steps.tolist()
    # The pass comes after the update, the eager step before it: nearly the same.
    stds = a.part("std")[:, 0], b.part("std")[:, 0]
    np.testing.assert_allclose(*stds, rtol=0.2)
    kinds = compiled.history.histograms.table()[:, 1]
    assert {0, 1, 2} == set(kinds.tolist())


def test_a_pass_that_fails_ends_no_training(monkeypatch):
    class Refuses(Net):
        def forward(self, x):
            """The loss's own pass works; one without gradients does not."""
            if not nbdl.is_grad_enabled():
                raise ValueError("not without gradients")
            return super().forward(x)

    monkeypatch.setattr(gradients, "is_moment", lambda number: False)
    run, _ = trained(True, monkeypatch, True, Refuses)
    assert run.status == "finished"


class Breaks(Net):
    """Puts out infinities once its third epoch has begun."""

    calls = 0

    def forward(self, x):
        """x: (n, 6) -> (n, 3)."""
        Breaks.calls += 1
        h = F.relu(self.norm(self.first(x)))
        return self.last(self.block(h) / (0.0 if Breaks.calls > 8 else 1.0))


def test_the_step_that_became_nan_is_taken_down_with_the_layer(monkeypatch):
    Breaks.calls = 0
    monkeypatch.setattr(gradients, "SHARE", 1e-12)
    x, y = np.ones((64, 6), "float32"), np.zeros(64, int)
    run = nbdl.train(Breaks(), (x, y), epochs=3, batch_size=16, store=False, wait=False,
                     compile=False, check=False)  # fmt: skip
    with pytest.raises(TrainingError):
        run.wait()
    table = run.history.activations
    assert table.steps[-1] == 9
    bad = ~np.isfinite(table.part("mean")[-1])
    assert [n for n, b in zip(table.layers, bad, strict=True) if b] == ["last"]


def test_dead_units_are_found_on_either_axis():
    y = np.ones((8, 4, 3, 3), "float32")
    y[:, 1] = 0
    assert dead_units(y) == 0.25
    assert dead_units(np.moveaxis(y, 1, -1)) == 0.25
    assert dead_units(np.ones(3)) == 0


def test_a_look_says_what_is_not_finite_and_what_is_saturated():
    x = np.array([[0.0, 0.999], [-0.999, 0.1]], "float32")
    _, _, zeros, dead, saturated = look(x, "tanh").numbers
    assert (zeros, saturated) == (0.25, 0.5)
    assert np.isnan(dead)
    x[0, 0] = np.nan
    numbers = look(x, "relu").numbers
    assert np.isnan(numbers[0])
    assert numbers[2] == 0
    big = look(np.ones((300, 3, 40, 40), "float32"))
    assert big.numbers[:2] == (1, 0)
    assert len(big.sample) <= 4096


def test_histograms_have_octaves_below_the_largest():
    peaks, bins = histograms([np.array([4.0, 1.0, -4.0, 0.0]), np.array([np.nan]), np.empty(0)])
    assert peaks[0] == 3  # 4 is 0.5 * 2**3
    assert np.isnan(peaks[1:]).all()
    assert np.flatnonzero(bins[0]).tolist() == [0, BINS // 2, BINS - 3, BINS - 1]
    assert bins[1:].sum() == 0


def test_histograms_are_packed_and_read_back():
    rng = np.random.default_rng(0)
    peaks, bins = histograms([rng.normal(size=100), rng.normal(size=100) * 1e-6])
    kept = Histograms()
    kept.append(7, "gradient", peaks, bins)
    again = Histograms()
    again.read(kept.columns(), kept.table())
    assert np.array_equal(unpack(again.table()), bins)
    assert again.table()[:, :3].tolist() == [[7, 1, 0], [7, 1, 1]]
    again.read(["of", "another", "version"], np.zeros((1, 3)))
    assert len(again) == 2


def test_moments_cover_a_run_of_any_length_and_stay_few():
    kept = Histograms()
    taken = [n for n in range(10_000) if is_moment(n)]
    assert taken[:MOMENTS] == list(range(MOMENTS))
    assert len(taken) < MOMENTS * 6
    for n in taken:
        kept.append(n, "weight", np.zeros(1), np.ones((1, BINS), np.uint8))
    shown = kept.shown()[:, 0]
    assert len(shown) <= MOMENTS
    assert (shown[0], shown[-1]) == (taken[0], taken[-1])
    assert np.diff(shown).max() < 2 * 10_000 / (MOMENTS - 1)


def test_a_cadence_keeps_to_its_share_and_reaches_short_runs():
    cadence = Cadence(0.01, 1000)
    cadence.took(1, 0.02, 0.01)
    assert not cadence.is_due(200)
    assert cadence.is_due(201)
    reaching = Cadence(0.01, 1000, reach=4)
    reaching.took(10, 0.02, 0.01)
    assert reaching.is_due(40)
    again = Cadence(0.01, 1000)
    again.load_state_dict(cadence.state_dict())
    assert not again.is_due(200)


def test_a_history_forgets_all_tables_after_a_step():
    history = History()
    for step in (1, 5):
        history.activations.append(["a"], step, *[[0.0]] * 5)
        history.histograms.append(step, "weight", np.zeros(1), np.ones((1, BINS), np.uint8))
    history.truncate(3)
    assert len(history.activations) == len(history.histograms) == 1


def test_the_run_store_keeps_activations_and_histograms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nbdl.manual_seed(0)
    x, y = np.ones((32, 6), "float32"), np.zeros(32, int)
    run = nbdl.train(Net(), (x, y), epochs=2, batch_size=16, progress=False)
    kept = nbdl.runs()[0]
    history = kept.history()
    assert history.activations.layers == NAMES
    np.testing.assert_array_equal(history.activations.table(), run.history.activations.table())
    np.testing.assert_array_equal(history.histograms.table(), run.history.histograms.table())
    assert not any("layer" in name for name in kept.metrics)
