"""The optimizers' rules in the graph: the numbers that they give eagerly, step after step."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn, optim
from nbdl.compiler import CompiledStep
from nbdl.errors import TraceError

pytestmark = pytest.mark.filterwarnings("ignore:.*never got a gradient")

STEPS = 7
SHAPES = [(5, 3), (3,), (), (2, 3, 2)]
RULES: list[tuple[str, dict[str, Any]]] = [
    ("ASGD", {"t0": 3, "weight_decay": 0.1}),
    ("Adadelta", {"lr": 1.0, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "maximize": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "amsgrad": True, "eps": 1e-3, "betas": (0.7, 0.8)}),
    ("AdamWScheduleFree", {"lr": 0.1, "warmup_steps": 3, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1}),
    ("Lion", {"lr": 0.02, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.1}),  # its rule becomes another one at the sixth step
    ("RMSprop", {"lr": 0.1, "centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1}),
    ("Rprop", {"lr": 0.1}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
]
REFUSED = [("Adafactor", {}), ("LAMB", {}), ("Muon", {})]


class Problem:
    """Parameters of all ranks, one without a gradient, and one that two names share."""

    def __init__(self, rule: str, options: dict[str, Any]) -> None:
        rng = np.random.default_rng(3)
        shapes = SHAPES if rule != "Muon" else [(5, 3), (4, 4)]
        self.parameters = [
            nn.Parameter(np.asarray(rng.standard_normal(s), np.float32)) for s in shapes
        ]
        self.idle = nn.Parameter(np.ones((2, 2), np.float32))
        options = {"lr": 0.05} | options
        groups = [
            {"params": [*self.parameters[:2], self.idle]},
            {"params": self.parameters[2:], "lr": options["lr"] / 3},
        ]
        self.optimizer = getattr(optim, rule)([g for g in groups if g["params"]], **options)

    def step(self, x: nbdl.Tensor) -> nbdl.Tensor:
        self.optimizer.zero_grad()
        loss = x.sum()
        for k, p in enumerate(self.parameters):
            loss = loss + ((p * x.mean() - k) ** 2).sum() * (k + 1) + (p**4).sum() * 0.05
        loss.backward()
        self.optimizer.step()
        return loss

    @property
    def tensors(self) -> dict[str, nbdl.Tensor]:
        return {f"p{i}": p for i, p in enumerate([*self.parameters, self.idle])}


def schedule(optimizer: Any) -> Any:
    return optim.lr_scheduler.ExponentialLR(optimizer, 0.8)


def batches() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.random(4, np.float32) + 0.5 for _ in range(STEPS)]


def same_state(a: Problem, b: Problem) -> None:
    for (name, p), q in zip(a.tensors.items(), b.tensors.values(), strict=True):
        np.testing.assert_allclose(p.numpy(), q.numpy(), rtol=3e-5, atol=1e-6, err_msg=name)
        ours, theirs = a.optimizer.state.get(p, {}), b.optimizer.state.get(q, {})
        assert list(ours) == list(theirs)
        for key, value in ours.items():
            np.testing.assert_allclose(
                value, theirs[key], rtol=3e-5, atol=1e-6, err_msg=f"{name}.{key}"
            )


@pytest.mark.parametrize(("rule", "options"), RULES)
def test_a_rule_gives_its_eager_numbers(rule, options):
    eager, compiled = Problem(rule, options), Problem(rule, options)
    step = CompiledStep(compiled.step, compiled.tensors)
    plans = schedule(eager.optimizer), schedule(compiled.optimizer)
    for x in batches():
        loss = eager.step(nbdl.tensor(x))
        found = step([x])
        np.testing.assert_allclose(found, loss.numpy(), rtol=1e-5)
        for plan in plans:
            plan.step()
        same_state(compiled, eager)
    assert compiled.idle not in compiled.optimizer.state
    np.testing.assert_array_equal(compiled.idle.numpy(), 1)


@pytest.mark.parametrize(("rule", "options"), REFUSED)
def test_a_rule_that_is_not_compiled_says_so(rule, options):
    problem = Problem(rule, options)
    if rule == "Muon":
        problem.idle.requires_grad_(False)
    values = [p.value for p in problem.parameters]
    with pytest.raises(TraceError, match="an optimizer's rule"):
        CompiledStep(problem.step, problem.tensors)(batches()[:1])
    assert all(p.value is v and p.grad is None
               for p, v in zip(problem.parameters, values, strict=True))  # fmt: skip
    problem.step(nbdl.tensor(batches()[0]))
    fresh = Problem(rule, options)
    fresh.step(nbdl.tensor(batches()[0]))
    same_state(problem, fresh)


def test_every_optimizer_is_in_one_of_these_lists():
    named = {name for name, _ in (*RULES, *REFUSED)}
    others = {  # with a step of their own, which is made eagerly
        cls.__name__ for cls in optim.OPTIMIZERS.values() if cls.step is not optim.Optimizer.step
    }
    assert {cls.__name__ for cls in optim.OPTIMIZERS.values()} - named - others == {
        "SparseAdam",  # for sparse gradients only
        "MuonAdamW",  # Muon's rule and AdamW's
    }


def test_a_rule_that_begins_to_do_something_else_is_traced_again():
    problems = [Problem("SGD", {"momentum": 0.9}) for _ in range(2)]
    step = CompiledStep(problems[1].step, problems[1].tensors)
    seen = set()
    for i, x in enumerate(batches()):
        if i == 3:
            for problem in problems:
                problem.optimizer.param_groups[0]["weight_decay"] = 0.3
                problem.optimizer.param_groups[1]["nesterov"] = True
        problems[0].step(nbdl.tensor(x))
        step([x])
        same_state(*reversed(problems))
        seen.add(step.executable([x])[0])
    assert len(seen) == 3  # the first step, those with momentum, those with decay


def test_numbers_of_the_rule_are_no_part_of_what_is_compiled():
    problem = Problem("AdamW", {})
    step = CompiledStep(problem.step, problem.tensors)
    seen = set()
    for x in batches():
        step([x])
        for group in problem.optimizer.param_groups:
            group["lr"] *= 0.5
            group["weight_decay"] += 0.01
            group["betas"] = (0.5, 0.6)
        seen.add(step.executable([x])[0])
    assert len(seen) == 1


def test_state_that_is_loaded_in_the_middle():
    eager, compiled = Problem("AdamW", {}), Problem("AdamW", {})
    step = CompiledStep(compiled.step, compiled.tensors)
    saved = []
    for i, x in enumerate(batches()):
        eager.step(nbdl.tensor(x))
        step([x])
        if i == 2:
            saved = [copy.deepcopy(p.optimizer.state_dict()) for p in (eager, compiled)]
        if i == 4:
            eager.optimizer.load_state_dict(saved[0])
            compiled.optimizer.load_state_dict(saved[1])
        same_state(compiled, eager)


def test_a_parameter_from_elsewhere():
    stranger = nn.Parameter(np.ones(3, np.float32))
    optimizer = optim.SGD([stranger], lr=0.1)

    def step(x):
        optimizer.zero_grad()
        (x * stranger).sum().backward()
        optimizer.step()
        return x

    with pytest.raises(TraceError, match="a parameter that is not of the model"):
        CompiledStep(step, {})([np.ones(3, np.float32)])
    assert stranger.grad is None
    np.testing.assert_array_equal(stranger.numpy(), 1)
