"""The report of a compiled program: its measures, its words, and that nothing changes by it."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.compiler.limits import Limits, measured_limits
from nbdl.compiler.report import PHASES
from nbdl.errors import ArgumentError


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3, 8, 8)).astype("float32"), np.arange(64) % 3
    net = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(None, 3))
    return nbdl.train(
        net, (x, y), batch_size=32, epochs=2, compile=True, store=False, progress=False
    )


@pytest.fixture(scope="module")
def plan(run):
    return run.plan()


def test_measuring_again_keeps_nothing_more(run, plan):
    (executable,) = run.parts["step"].compilation.compiled._known.values()

    def kept():
        bound = executable.plan
        return len(bound._alive), sum(map(len, bound._uses.values()))

    before = kept()
    run.plan()
    assert kept() == before


def test_measuring_leaves_the_model_and_its_optimizer_as_they_were(run):
    def state():
        slots = [v for s in run.optimizers[0].state.values() for v in s.values()]
        return [np.array(t.numpy()) for t in run.model.parameters()] + [np.array(v) for v in slots]

    before = state()
    run.plan()
    for old, new in zip(before, state(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_calls_stand_in_order_with_their_phases(plan):
    order = [PHASES.index(call.phase) for call in plan.calls]
    assert order == sorted(order)
    assert set(order) == {0, 1, 2}
    assert all(call.seconds > 0 for call in plan.calls)
    assert plan.seconds == pytest.approx(sum(call.seconds for call in plan.calls))


def test_a_gradient_is_of_the_layer_whose_it_is(plan):
    [weight] = [c for c in plan.calls if c.operations == ("convolution_weight",) and c.flops]
    assert weight.phase == "backward"
    assert weight.scope == "0"


def test_the_arithmetic_of_an_operation_counts_once(plan):
    """A reorder that serves a convolution does no arithmetic, and is not taken for one."""
    forward = [call for call in plan.calls if call.operations == ("convolution",)]
    flops = 2 * 32 * 32 * 6 * 6 * 3 * 3 * 3
    assert flops <= sum(call.flops for call in forward) < 1.2 * flops
    reorders = [call for call in plan.calls if call.title.startswith("reorder")]
    assert all(call.flops == 0 and call.nbytes > 0 for call in reorders)


def test_graphs_are_found_by_the_names_of_passes(plan):
    assert plan.passes[0][0] == "traced"
    assert [name for name, _ in plan.passes] == [name for name, _ in plan.graphs]
    traced = plan.graph("traced")
    assert plan.passes[0][1] == sum(" = " in line for line in traced.splitlines())
    assert plan.graph() == plan.graphs[-1][1]
    assert plan.graph("decompose") != traced
    with pytest.raises(ArgumentError, match="did you mean 'decompose'") as caught:
        plan.graph("decomposed")
    assert "traced" in caught.value.hint


def test_the_text_says_it_all(plan):
    said = str(plan)
    assert repr(plan) == said, "a host without pictures shows the table, not the fields"
    first = plan.calls[0]
    for words in (f"{len(plan.calls)} calls", "the machine's limits allow", "arena",
                  "operations: traced", f"{first.title} [{first.kind}]"):  # fmt: skip
        assert words in said
    assert len(said.splitlines()) == len(plan.calls) + 5


def test_a_prediction_has_only_a_forward_phase():
    fast = nbdl.compile(nn.Linear(8, 4))
    with pytest.raises(ArgumentError, match="nothing was compiled yet"):
        fast.report()
    with nbdl.no_grad():
        fast(nbdl.ones((2, 8)))
    assert {call.phase for call in fast.report().calls} == {"forward"}


def test_the_limit_is_of_arithmetic_or_of_memory_whichever_takes_longer():
    limits = Limits(100.0, ((1024, 40.0), (1 << 20, 10.0)))
    assert limits.bandwidth == 10.0
    assert limits.seconds(1000, 0) == 10.0
    assert limits.seconds(0, 1 << 30) == (1 << 30) / 10.0, "beyond the largest copy as in it"
    assert limits.seconds(0, 16) == 16 / 40.0, "below the smallest as in it"
    assert limits.seconds(0, 1 << 15) == pytest.approx((1 << 15) / 25.0), "half-way in between"
    assert limits.seconds(0, 0) == 0.0


def test_the_machine_is_measured_once_and_its_caches_are_not_slower_than_its_memory():
    limits = measured_limits()
    assert limits is measured_limits()
    assert limits.flops > 1e9
    assert max(rate for _, rate in limits.bandwidths) >= limits.bandwidth > 1e8
