"""Findings name the layer when the case is plain, and stay silent when it is not."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from nbdl.inspection.gradient_flow import findings, gradient_flow_record, gradient_part
from nbdl.training.history import Gradients, History

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
