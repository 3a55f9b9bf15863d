"""Findings name the layer when the case is plain, and stay silent when it is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nbdl.errors import ArgumentError
from nbdl.inspection import static
from nbdl.inspection.flow_findings import findings
from nbdl.inspection.gradient_flow import (
    activation_part,
    gradient_flow_record,
    gradient_part,
    measured,
)
from nbdl.inspection.static.heat import grouped
from nbdl.inspection.text import gradient_flow_text
from nbdl.training.statistics.by_layer import Activations, Gradients
from nbdl.training.statistics.histograms import BINS
from nbdl.training.statistics.history import History

LAYERS = ["first", "middle", "last"]


def sampled(norms, weights=1.0, updates=1e-3, layers=LAYERS) -> Gradients:
    """Gradients with these rows of norms; weights and updates are the same everywhere."""
    gradients = Gradients()
    for step, row in enumerate(norms):
        width = len(layers)
        gradients.append(layers, 10 * step, row, [weights] * width, [updates] * width)
    return gradients


def only(gradients: Gradients):
    (finding,) = findings(gradients)
    return finding


def test_healthy_gradients_are_called_good():
    finding = only(sampled([[0.1, 0.3, 0.5]] * 20))
    assert finding.level == "good"


def test_nothing_is_found_where_nothing_was_sampled():
    assert findings(Gradients()) == ()


def test_vanishing_names_the_layer_and_both_norms():
    finding = only(sampled([[1e-9, 0.01, 0.5]] * 20))
    assert (finding.level, finding.layer) == ("warning", "first")
    assert "1e-09" in finding.text
    assert "last is 0.5" in finding.text


def test_exploding_names_the_layer_and_where_it_began():
    finding = only(sampled([[0.1, 0.1, 0.1 * 4**n] for n in range(24)]))
    assert finding.layer == "last"
    assert finding.title.startswith("Exploding")


def test_nan_is_traced_to_the_first_step_and_the_layer_nearest_the_loss():
    rows = [[0.1, 0.2, 0.3]] * 5 + [[np.nan, np.nan, 0.3], [np.nan] * 3]
    finding = only(sampled(rows))
    assert (finding.level, finding.layer) == ("bad", "middle")
    assert "NaN at step 50" in finding.title
    assert "1 other layers" in finding.text


def test_infinity_is_not_called_nan():
    assert "infinite" in only(sampled([[0.1, np.inf, 0.2]])).title


def test_a_layer_without_gradient_is_named():
    finding = only(sampled([[0.0, 0.2, 0.3]] * 20))
    assert finding.title == "first gets no gradient at all."


@pytest.mark.parametrize(("updates", "word"), [(0.5, "Large steps"), (1e-8, "Tiny steps")])
def test_update_ratios_far_from_usual_are_found(updates, word):
    assert only(sampled([[0.1, 0.2, 0.3]] * 20, updates=updates)).title.startswith(word)


def test_weights_that_are_all_zero_make_no_ratio_and_no_warning():
    assert only(sampled([[0.1, 0.2, 0.3]] * 20, weights=0.0)).level == "good"


def test_a_part_has_what_is_new_and_joins_rows_without_losing_a_nan():
    rows = np.full((2000, 3), 0.1)
    rows[777, 1] = np.nan
    rows[1234, 2] = 9.0
    part = gradient_part(sampled(rows), start=0, limit=100)
    assert (part.start, part.end) == (0, 2000)
    assert part.norms.shape == (100, 3)
    assert np.isnan(part.norms[:, 1]).sum() == 1
    assert part.norms[:, 2].max() == 9.0
    assert (np.diff(part.steps) > 0).all()
    assert gradient_part(sampled(rows), start=1990).norms.shape == (10, 3)


def test_the_record_of_a_run_without_samples_is_empty_and_not_an_error():
    run = SimpleNamespace(name="x", status="running", history=History())
    record = gradient_flow_record(run)
    assert record.gradients.layers == ()
    assert record.gradients.norms.shape == (0, 0)


# ----- activations -------------------------------------------------------------------------------

OUTPUTS = ["relu", "tanh", "out"]


def looked(*, mean=0.1, zeros=0.3, dead=0.0, saturated=0.1, steps=5) -> Activations:
    """Activations with the same numbers at every step: of a ReLU, a tanh and the output."""
    nan = np.nan
    activations = Activations()
    for step in range(steps):
        activations.append(
            OUTPUTS, 10 * step, [0.1, mean, 0.1], [1.0] * 3, [zeros, 0, 0],
            [dead, nan, nan], [nan, saturated, saturated],
        )  # fmt: skip
    return activations


HEALTHY = [[0.1, 0.3, 0.5]] * 20


def test_healthy_activations_are_not_spoken_of():
    (finding,) = findings(sampled(HEALTHY), looked())
    assert finding.level == "good"


def test_dead_units_are_told_with_their_share_and_the_steps():
    (finding,) = findings(sampled(HEALTHY), looked(dead=0.75))
    assert finding.title == "75 % of the units of relu are dead."
    assert "Seen at steps 0 to 40." in finding.text
    assert finding.layer == "relu"


def test_saturation_is_told_of_hidden_layers_only():
    (finding,) = findings(sampled(HEALTHY), looked(saturated=0.9))
    assert finding.title == "90 % of the outputs of tanh are saturated."
    assert finding.layer == "tanh"


def test_nan_that_began_forward_names_the_first_layer():
    activations = looked(mean=np.nan)
    rows = [[0.1, 0.2, 0.3]] * 3 + [[np.nan] * 3]
    (finding,) = findings(sampled(rows), activations)
    assert finding.title == "The output of tanh became NaN at step 0."
    assert "forward" in finding.text
    late = Activations()
    late.append(OUTPUTS, 99, [np.inf] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3)
    (finding,) = findings(sampled(rows), late)
    assert finding.title == "The gradient of last became NaN at step 30."


def test_a_layer_that_was_not_called_is_not_called_nan():
    activations = looked()
    nothing = [[np.nan] * 3] * 5
    activations.append(OUTPUTS, 50, *nothing)
    assert findings(sampled(HEALTHY), activations)[0].level == "good"


def test_a_vanished_gradient_that_changes_nothing_is_not_blamed_on_the_optimizer():
    gradients = Gradients()
    for step in range(5):
        gradients.append(LAYERS, step, [1e-9, 1e-4, 0.1], [1.0] * 3, [0.0, 1e-3, 1e-3])
    titles = [finding.title for finding in findings(gradients)]
    assert titles[0].startswith("Vanishing gradient at first")
    assert not any("in spite of a gradient" in title for title in titles)


def test_a_layer_that_no_optimizer_changes_is_told_apart_from_a_frozen_one():
    gradients = Gradients()
    for step in range(5):
        gradients.append(LAYERS, step, [0.1] * 3, [1.0] * 3, [0.0, 1e-3, 1e-3])
    (finding,) = findings(gradients)
    assert finding.title == "first is never changed in spite of a gradient."
    gradients.frozen = {"first"}
    good, note = findings(gradients)
    assert (good.level, note.title) == ("good", "1 layer is frozen.")


def test_small_steps_at_the_end_of_a_schedule_are_no_finding():
    gradients = Gradients()
    for step in range(20):
        gradients.append(LAYERS, step, [0.1] * 3, [1.0] * 3, [1e-3 * 0.5**step] * 3)
    assert only(gradients).level == "good"


# ----- measures ----------------------------------------------------------------------------------


def recorded(measure="gradient", activations=None):
    history = History()
    history.gradients = sampled(HEALTHY, weights=2.0, updates=1e-3)
    history.activations = looked(mean=-0.5) if activations is None else activations
    history.histograms.append(0, "activation", np.array([1.0]), np.full((1, BINS), 7, np.uint8))
    run = SimpleNamespace(name="net", status="running", history=history)
    return gradient_flow_record(run, measure=measure)


def test_every_measure_has_its_numbers_and_both_twins():
    expected = {"gradient": 0.1, "weight": 2, "ratio": 5e-4, "mean": 0.1, "std": 1, "zeros": 0.3}
    for name, first in expected.items():
        record = recorded(name)
        shown = measured(record)
        assert shown.values[0, 0] == pytest.approx(first)
        assert shown.label in static.gradient_flow_svg(record)
        assert shown.label in gradient_flow_text(record)
    assert measured(recorded("mean")).values[0, 1] == 0.5  # a magnitude


def test_an_unknown_measure_says_which_there_are():
    with pytest.raises(ArgumentError, match="'ratios'; did you mean 'ratio'") as caught:
        recorded("ratios")
    assert "zeros" in caught.value.hint


def test_a_run_without_activations_has_an_empty_map_of_them():
    record = recorded("std", activations=Activations())
    assert "No sample of the activation std yet" in static.gradient_flow_svg(record)
    assert "nothing was sampled yet" in gradient_flow_text(record)


def test_histograms_travel_with_the_record():
    part = recorded().histograms
    assert part.places.tolist() == [[0, 2, 0, 1]]
    assert part.bins.tolist() == [[7] * BINS]


def test_many_activations_are_thinned_and_keep_a_nan():
    activations = Activations()
    for step in range(1000):
        bad = np.nan if step == 333 else 0.5
        activations.append(["a"], step, [bad], [1.0], [0.0], [np.nan], [np.nan])
    part = activation_part(activations, limit=100)
    assert (part.end, part.means.shape) == (1000, (100, 1))
    assert np.isnan(part.means).sum() == 1


def test_many_layers_share_rows_by_module_in_the_picture():
    layers = [f"h.{i}.{j}.weight" for i in range(10) for j in range(12)]
    starts, names = grouped(layers, 48)
    assert names[:2] == ["h.0 (12)", "h.1 (12)"]
    assert starts.tolist() == list(range(0, 120, 12))
    assert len(grouped([f"layer{i}" for i in range(100)], 48)[1]) == 48
