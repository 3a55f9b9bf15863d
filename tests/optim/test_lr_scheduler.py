"""Schedules give PyTorch's rates, also chained, and say what they cannot do."""

from __future__ import annotations

import inspect
import math
import pickle
import warnings
from types import SimpleNamespace

import pytest

import nbdl
from nbdl import optim
from nbdl.errors import ArgumentError
from nbdl.optim import lr_scheduler as ours

# Schedules are stepped here without a training around them.
pytestmark = pytest.mark.filterwarnings("ignore::nbdl.errors.MistakeWarning")

SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 20], "gamma": 0.3}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {"factor": 0.25, "total_iters": 4}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 6}),
    ("PolynomialLR", {"total_iters": 9, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 5}),
    ("OneCycleLR", {"max_lr": 0.5, "total_steps": 40}),
    ("OneCycleLR", {"max_lr": [0.5, 0.1], "epochs": 5, "steps_per_epoch": 8, "three_phase": True,
                    "anneal_strategy": "linear"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 5}),
    ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.3, 0.1], "step_size_up": 4,
                  "step_size_down": 7, "mode": "triangular2", "base_momentum": 0.6}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 6, "mode": "exp_range",
                  "gamma": 0.9, "cycle_momentum": False}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 3,
                  "scale_fn": lambda n: 1 / n}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 3, "scale_mode": "iterations",
                  "scale_fn": lambda n: 0.9**n}),
    ("SWALR", {"swa_lr": 0.05}),
    ("SWALR", {"swa_lr": [0.05, 0.1], "anneal_epochs": 7, "anneal_strategy": "linear"}),
    ("SWALR", {"swa_lr": 0.05, "anneal_epochs": 0}),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    ("LambdaLR", {"lr_lambda": [lambda t: 0.5**t, lambda t: 1.0]}),
    ("MultiplicativeLR", {"lr_lambda": lambda t: 0.95}),
]  # fmt: skip


def optimizer():
    a, b = (nbdl.tensor([1.0], requires_grad=True) for _ in range(2))
    made = optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.3, momentum=0.9)
    a.grad = b.grad = nbdl.zeros((1,))
    made.step()  # schedules go on after a step
    return made


def rates(opt):
    return [[g["lr"], g["momentum"]] for g in opt.param_groups]


def pytorch_optimizer():
    import torch

    a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    return torch.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.02}], lr=0.3, momentum=0.9)


def published():
    """PyTorch's schedules; one of them lies elsewhere."""
    from torch.optim import lr_scheduler, swa_utils

    names = {name: getattr(lr_scheduler, name) for name in lr_scheduler.__all__}
    return SimpleNamespace(**names, SWALR=swa_utils.SWALR)


@pytest.mark.judge
def test_all_of_pytorch_s_schedules_are_here_with_its_arguments():
    for name, theirs in vars(published()).items():
        expected = inspect.signature(theirs).parameters
        got = inspect.signature(getattr(ours, name)).parameters
        assert list(got) == list(expected), name
        for key, parameter in expected.items():
            assert got[key].default == parameter.default, (name, key)
    assert {name for name, _ in SCHEDULES} >= set(vars(published())) - {
        "LRScheduler", "SequentialLR", "ChainedScheduler", "ReduceLROnPlateau",
    }  # fmt: skip


def compare(make_ours, make_theirs, steps=39):
    mine, theirs = optimizer(), pytorch_optimizer()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of deprecated arguments of its own
        a, b = make_ours(mine), make_theirs(theirs, published())
        for step in range(steps):
            for got, expected in zip(rates(mine), rates(theirs), strict=True):
                assert got == pytest.approx(expected, rel=1e-9, abs=1e-12), f"step {step}"
            a.step()
            b.step()
        assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-9, abs=1e-12)


@pytest.mark.judge
@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_rates_are_pytorch_s(name, options):
    compare(
        lambda o: getattr(ours, name)(o, **options),
        lambda o, torch_s: getattr(torch_s, name)(o, **options),
    )


@pytest.mark.judge
def test_one_after_the_other_as_pytorch():
    def make(o, s):
        members = [
            s.LinearLR(o, 0.1, total_iters=4),
            s.ExponentialLR(o, 0.9),
            s.CosineAnnealingLR(o, 10),
        ]
        return s.SequentialLR(o, members, [5, 12])

    compare(lambda o: make(o, ours), make)


@pytest.mark.judge
def test_all_at_once_as_pytorch():
    def make(o, s):
        return s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)])

    compare(lambda o: make(o, ours), make)


@pytest.mark.judge
def test_averaging_after_a_decay_as_pytorch():
    def make(o, s):
        return s.SequentialLR(o, [s.ExponentialLR(o, 0.9), s.SWALR(o, 0.05, anneal_epochs=4)], [6])

    compare(lambda o: make(o, ours), make)


@pytest.mark.judge
@pytest.mark.parametrize("T_mult", [1, 2])
def test_warm_restarts_within_an_epoch_as_pytorch(T_mult):
    from torch.optim import lr_scheduler

    mine, theirs = optimizer(), pytorch_optimizer()
    a = ours.CosineAnnealingWarmRestarts(mine, 4, T_mult)
    b = lr_scheduler.CosineAnnealingWarmRestarts(theirs, 4, T_mult)
    for epoch in [0.5, 1.25, None, None, 3.9, 4.5, None, 11.0, None, 0, None, 30.75, None]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            b.step(epoch)
        a.step(epoch)
        assert a.last_epoch == b.last_epoch
        for got, expected in zip(rates(mine), rates(theirs), strict=True):
            assert got == pytest.approx(expected, rel=1e-12)


@pytest.mark.judge
@pytest.mark.parametrize(
    "options",
    [
        {"patience": 2},
        {"mode": "max", "patience": 1, "cooldown": 2, "min_lr": 1e-3},
        {"threshold_mode": "abs", "threshold": 0.2, "patience": 0, "factor": 0.7},
    ],
)
def test_plateaus_are_seen_as_pytorch_sees_them(options):
    import torch

    mine, theirs = optimizer(), pytorch_optimizer()
    a = ours.ReduceLROnPlateau(mine, **options)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for step in range(60):
        value = math.exp(-step / 7) + 0.1 * math.sin(step)
        a.step(value)
        b.step(value)
        for got, expected in zip(rates(mine), rates(theirs), strict=True):
            assert got == pytest.approx(expected, rel=1e-12)


def test_warm_up_then_cosine_ends_where_it_should():
    opt = optimizer()
    schedule = ours.SequentialLR(
        opt, [ours.LinearLR(opt, 0.01, total_iters=10), ours.CosineAnnealingLR(opt, 90)], [10]
    )
    seen = []
    for _ in range(100):
        seen.append(opt.param_groups[0]["lr"])
        schedule.step()
    assert seen[0] == pytest.approx(0.003)
    assert max(seen) == pytest.approx(0.3)
    assert seen.index(max(seen)) == 10
    assert opt.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_a_rate_set_by_hand_stays_in_force():
    opt = optimizer()
    schedule = ours.StepLR(opt, 2, 0.1)
    opt.param_groups[0]["lr"] = 1.0
    schedule.step()
    assert opt.param_groups[0]["lr"] == 1.0
    schedule.step()
    assert opt.param_groups[0]["lr"] == pytest.approx(0.1)


MEMBERS = {name: options for name, options in SCHEDULES if "lr_lambda" not in options}
MEMBERS.pop("CyclicLR")  # the last one has a function
MEMBERS["CyclicLR"] = {"base_lr": 0.01, "max_lr": 0.3, "step_size_up": 5, "mode": "triangular2"}


@pytest.mark.parametrize("kind", [*MEMBERS, "sequence", "chain"])
def test_state_goes_through_a_dict(kind):
    def make(opt):
        if kind in MEMBERS:
            return getattr(ours, kind)(opt, **MEMBERS[kind])
        members = [ours.LinearLR(opt, total_iters=3), ours.ExponentialLR(opt, 0.9)]
        if kind == "chain":
            return ours.ChainedScheduler(members)
        return ours.SequentialLR(opt, members, [4])

    first, second = optimizer(), optimizer()
    a, b = make(first), make(second)
    for _ in range(6):
        a.step()
    b.load_state_dict(pickle.loads(pickle.dumps(a.state_dict())))
    second.load_state_dict(first.state_dict())
    for _ in range(6):
        a.step()
        b.step()
    assert rates(first) == rates(second)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda o: ours.StepLR("sgd", 3), "takes an optimizer, got a str"),
        (lambda o: ours.StepLR(o, 0), "step_size=0"),
        (lambda o: ours.CosineAnnealingLR(o, 0), "T_max=0"),
        (lambda o: ours.LinearLR(o, start_factor=0), "start_factor=0"),
        (lambda o: ours.ConstantLR(o, factor=2), "factor=2"),
        (lambda o: ours.LambdaLR(o, [lambda t: 1.0]), "2 of them"),
        (lambda o: ours.OneCycleLR(o, 0.1), "total_steps, or both"),
        (lambda o: ours.OneCycleLR(o, [0.1], total_steps=5), "1 values of max_lr for 2"),
        (lambda o: ours.OneCycleLR(o, 0.1, 5, anneal_strategy="sine"), "'cos' or 'linear'"),
        (lambda o: ours.SequentialLR(o, [ours.StepLR(o, 1)], [3]), "need 0 milestones"),
        (lambda o: ours.SequentialLR(o, [ours.StepLR(optimizer(), 1)], []), "not a schedule of"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 3).step(-1), "epoch=-1"),
        (lambda o: ours.CyclicLR("sgd", 0.1, 0.2), "takes an optimizer, got a str"),
        (lambda o: ours.CyclicLR(o, [0.1], 0.2), "1 values of base_lr for 2"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.2, 0), "step_size_up=0"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.2, mode="saw"), "mode='saw' must be one of"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.2, scale_mode="steps"), "scale_mode='steps'"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.2, base_momentum=[0.1]), "1 values of base_momentum"),
        (lambda o: ours.SWALR(o, [0.1]), "1 values of swa_lr for 2"),
        (lambda o: ours.SWALR(o, 0.1, -1), "anneal_epochs=-1"),
        (lambda o: ours.SWALR(o, 0.1, 5, "sine"), "'cos' or 'linear'"),
        (lambda o: ours.ReduceLROnPlateau(o, min_lr=[0.1]), "1 values of min_lr for 2"),
        (lambda o: ours.ReduceLROnPlateau(o, factor=1.5), "factor=1.5"),
        (lambda o: ours.ReduceLROnPlateau(o, "down"), "mode='down'"),
        (lambda o: ours.StepLR(o, 3, last_epoch=4), "needs 'initial_lr'"),
    ],
)
def test_wrong_arguments_are_refused_in_words(make, words):
    with pytest.raises(ArgumentError, match=words):
        make(optimizer())


def test_one_cycle_refuses_a_step_too_many():
    schedule = ours.OneCycleLR(optimizer(), 0.1, total_steps=3)
    schedule.step()
    schedule.step()
    with pytest.raises(ArgumentError, match="made for 3 steps"):
        schedule.step()


def test_one_cycle_switches_momentum_on_and_needs_to_be_told_where_there_is_none():
    x = nbdl.tensor([1.0], requires_grad=True)
    opt = optim.SGD([x], lr=0.1)
    ours.OneCycleLR(opt, 0.1, total_steps=10)  # as in PyTorch
    assert opt.param_groups[0]["momentum"] == 0.95
    opt = optim.Adagrad([x], lr=0.1)
    with pytest.raises(ArgumentError, match=r"but Adagrad has none(.|\n)*cycle_momentum=False"):
        ours.OneCycleLR(opt, 0.1, total_steps=3)
    ours.OneCycleLR(opt, 0.1, total_steps=3, cycle_momentum=False)
