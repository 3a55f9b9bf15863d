"""The face of optimizers: groups, state, closures, and what is refused."""

from __future__ import annotations

import copy
import pickle
import re

import numpy as np
import pytest

import nbdl
from nbdl import optim
from nbdl.errors import ArgumentError, GradientError, ShapeError


def leaf(*numbers: float):
    return nbdl.tensor(list(numbers), requires_grad=True)


def with_grad(*numbers: float):
    p = leaf(*numbers)
    p.grad = nbdl.ones(p.shape)
    return p


def step(optimizer):
    """A step by the gradients there are; some optimizers compute them themselves."""
    optimizer.step(lambda: nbdl.zeros(()))


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_values_that_others_hold_are_never_changed(name):
    p = leaf(1.0, 2.0)
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.1)
    loss = (p * p).sum()
    held, grad = p.value, nbdl.ones((2,))
    p.grad = grad
    for _ in range(2):
        step(optimizer)
    np.testing.assert_array_equal(held, [1.0, 2.0])
    np.testing.assert_array_equal(grad.numpy(), [1.0, 1.0])
    assert p.value is not held
    p.grad = None
    loss.backward()  # the tape still has the old values
    np.testing.assert_array_equal(p.grad.numpy(), [2.0, 4.0])


def test_parameters_without_a_gradient_stay_and_so_does_their_state():
    p, q = with_grad(1.0), leaf(1.0)
    optimizer = optim.AdamW([p, q], lr=0.1)
    optimizer.step()
    assert q.item() == 1.0
    assert q not in optimizer.state
    assert p.item() < 1.0


def test_each_group_has_its_own_options():
    p, q = with_grad(1.0), with_grad(1.0)
    optimizer = optim.SGD([{"params": [p]}, {"params": q, "lr": 0.5}], lr=0.1)
    optimizer.step()
    assert p.item() == pytest.approx(0.9)
    assert q.item() == pytest.approx(0.5)
    r = with_grad(1.0)
    optimizer.add_param_group({"params": [r], "lr": 0.25, "momentum": 0.5})
    optimizer.step()
    assert r.item() == pytest.approx(0.75)
    assert [g["momentum"] for g in optimizer.param_groups] == [0, 0, 0.5]


def test_momentum_can_be_switched_on_later():
    p = with_grad(1.0)
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.step()
    optimizer.param_groups[0]["momentum"] = 0.5
    optimizer.step()
    optimizer.step()
    assert p.item() == 1 - 0.5 - 0.5 - 0.5 * (1 + 0.5)


def test_named_parameters_keep_their_names():
    model = nbdl.nn.Linear(2, 1)
    optimizer = optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optim.SGD(dict(model.named_parameters())).param_groups[0]["param_names"]


def test_a_closure_is_called_with_gradients_on_and_its_loss_returned():
    p = leaf(2.0)
    optimizer = optim.SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with nbdl.no_grad():
        assert optimizer.step(closure).item() == 4.0
    assert p.item() == 1.0


def test_zero_grad_forgets_or_fills():
    p = with_grad(1.0)
    shared = p.grad
    optimizer = optim.SGD([p])
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0.0
    assert shared.item() == 1.0
    optimizer.zero_grad()
    assert p.grad is None


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_state_goes_through_a_dict_and_a_saved_dict_does_not_change(name):
    p, q = with_grad(1.0, 2.0), with_grad(1.0, 2.0)
    options = {"momentum": 0.9} if name in ("sgd", "rmsprop") else {}
    first = optim.OPTIMIZERS[name]([p], lr=0.1, **options)
    for _ in range(3):
        p.grad = p * p
        step(first)
    saved = first.state_dict()
    text = repr(saved)
    second = optim.OPTIMIZERS[name]([q], lr=0.7, **options)
    second.load_state_dict(pickle.loads(pickle.dumps(saved)))
    q.data = p.numpy().copy()
    for _ in range(3):
        p.grad, q.grad = p * p, q * q
        step(first)
        step(second)
    np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert repr(saved) == text


def test_a_model_and_its_optimizer_are_copied_together():
    model = nbdl.nn.Linear(2, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    model(nbdl.ones((1, 2))).sum().backward()
    optimizer.step()
    model2, optimizer2 = copy.deepcopy((model, optimizer))
    before = model.weight.numpy().copy()
    model2(nbdl.ones((1, 2))).sum().backward()
    optimizer2.step()
    np.testing.assert_array_equal(model.weight.numpy(), before)
    assert (model2.weight.numpy() != before).all()


def test_repr_lists_groups_as_pytorch_does():
    text = repr(optim.SGD([leaf(1.0)], lr=0.5))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0.0\n    lr: 0.5\n")
    assert repr(optim.SGD.rule(lr=0.5)).startswith("SGD.rule(lr=0.5, momentum=0.0")
    assert repr(optim.Lookahead([leaf(1.0)])).startswith("Lookahead around AdamW (\nParameter Gr")


def test_a_rule_is_replaced_by_one_with_other_options():
    rule = optim.AdamW.rule(lr=0.5).replace(lr=0.25)
    assert (rule.options["lr"], rule.options["decoupled_weight_decay"]) == (0.25, True)
    with pytest.raises(ArgumentError, match="did you mean 'betas'"):
        rule.replace(beta=0.5)
    with pytest.raises(ArgumentError, match="lr=-1"):
        rule.replace(lr=-1)


def test_names_lead_to_classes_and_wrong_ones_to_the_nearest():
    assert optim.optimizer_class("AdamW") is optim.AdamW
    assert optim.optimizer_class("muon") is optim.MuonAdamW
    with pytest.raises(ArgumentError, match="did you mean 'adamw'"):
        optim.optimizer_class("adamww")
    with pytest.raises(ArgumentError, match="did you mean 'lookahead'"):
        optim.optimizer_class("look-ahead")


# ----- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: optim.SGD([], lr=0.1), "empty list"),
        (lambda: optim.SGD(leaf(1.0)), "got one tensor"),
        (lambda: optim.SGD(nbdl.nn.Linear(1, 1)), r"model.parameters\(\)"),
        (lambda: optim.SGD([3.0]), "number 0 is a float"),
        (lambda: optim.SGD([{"weights": [leaf(1.0)]}]), "a dict with 'params'"),
        (lambda: optim.SGD([leaf(1.0) * 2]), "can only train leaves"),
        (lambda: optim.SGD([nbdl.ones((2,))]), "none of which requires"),
        (lambda: optim.SGD([{"params": [leaf(1.0)], "momentun": 0.9}]), "did you mean 'momentum'"),
        (lambda: optim.SGD(nbdl.nn.Linear(None, 1).parameters()), "has no shape yet"),
        (lambda: optim.LBFGS([{"params": [leaf(1.0)]}, {"params": [leaf(1.0)]}]), "one group"),
        (lambda: optim.Muon([leaf(1.0)]), r"shape \(1,\)\n.*MuonAdamW"),
        (lambda: optim.SAM([leaf(1.0)], 3), "base_optimizer must be a class"),
        (lambda: optim.SAM([leaf(1.0)], "sdg", lr=0.1), "did you mean 'sgd'"),
        (lambda: optim.SAM([leaf(1.0)], "lbfgs"), "needs a closure itself"),
        (lambda: optim.Lookahead(optim.SGD([leaf(1.0)]), lr=0.1), "options for one: lr"),
        (lambda: optim.Adam([leaf(1.0)], differentiable=True), "differentiable=True is not"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_words(make, words):
    with pytest.raises((ArgumentError, GradientError, ShapeError), match=words):
        make()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("SGD", {"lr": -0.1}, "lr=-0.1 must be at least 0"),
        ("SGD", {"lr": float("nan")}, "lr=nan"),
        ("SGD", {"lr": "fast"}, "lr must be a number"),
        ("SGD", {"lr": nbdl.ones((2,))}, "lr must be one number"),
        ("SGD", {"momentum": -1}, "momentum=-1"),
        ("SGD", {"nesterov": True}, "nesterov=True needs"),
        ("Adam", {"betas": (1.0, 0.9)}, r"betas\[0\]=1.0 must be from 0 to below 1"),
        ("Adam", {"betas": 0.9}, "betas must be two numbers"),
        ("Adam", {"eps": -1}, "eps=-1"),
        ("AdamW", {"betas": (0.9, 1.5)}, r"betas\[1\]=1.5"),
        ("Adamax", {"weight_decay": -1}, "weight_decay=-1"),
        ("NAdam", {"momentum_decay": -1}, "momentum_decay=-1"),
        ("RAdam", {"betas": (0.9,)}, "betas must be two numbers"),
        ("RMSprop", {"alpha": 2}, "alpha=2"),
        ("Adagrad", {"lr_decay": -1}, "lr_decay=-1"),
        ("Adadelta", {"rho": 1.5}, "rho=1.5 must be from 0 to 1"),
        ("Adafactor", {"beta2_decay": 0.5}, "beta2_decay=0.5 must be at most 0"),
        ("Adafactor", {"eps": 1e-3}, "eps must be two numbers"),
        ("Adafactor", {"eps": (-1, 1)}, r"eps\[0\]=-1"),
        ("Adafactor", {"d": 0.5}, "d=0.5 must be at least 1"),
        ("ASGD", {"lambd": -1}, "lambd=-1"),
        ("Rprop", {"etas": (1.2, 0.5)}, "etas=.* one number between 0 and 1"),
        ("Rprop", {"etas": 0.5}, "etas must be two numbers"),
        ("Rprop", {"step_sizes": (2, 1)}, "step_sizes=.* must go up"),
        ("SparseAdam", {"eps": -1}, "eps=-1"),
        ("Lion", {"weight_decay": -1}, "weight_decay=-1"),
        ("LAMB", {"clamp_value": -1}, "clamp_value=-1"),
        ("Muon", {"adjust_lr_fn": "mine"}, "adjust_lr_fn='mine' must be one of None, 'original'"),
        ("Muon", {"ns_steps": 1.5}, "ns_steps=1.5 must be a whole number"),
        ("Muon", {"ns_coefficients": (1, 2)}, "ns_coefficients must be three numbers"),
        ("MuonAdamW", {"ns_steps": -1}, "MuonAdamW: ns_steps=-1"),
        ("LBFGS", {"max_iter": 0}, "max_iter=0"),
        ("LBFGS", {"history_size": 1.5}, "history_size=1.5"),
        ("LBFGS", {"tolerance_grad": -1}, "tolerance_grad=-1"),
        ("LBFGS", {"line_search_fn": "wolfe"}, "line_search_fn='wolfe' must be one of None, 'str"),
        ("SAM", {"rho": -1}, "rho=-1"),
        ("Lookahead", {"k": 0}, "k=0"),
        ("Lookahead", {"alpha": 2}, "alpha=2 must be from 0 to 1"),
        ("AdamWScheduleFree", {"betas": (0.0, 0.9)}, r"betas\[0\]=0"),
        ("AdamWScheduleFree", {"warmup_steps": -1}, "warmup_steps=-1"),
        ("AdamWScheduleFree", {"r": -1}, "r=-1"),
    ],
)
def test_options_out_of_range_are_refused_in_words(name, options, words):
    matrix = nbdl.ones((2, 2)).requires_grad_()
    with pytest.raises(ArgumentError, match=words) as caught:
        getattr(optim, name)([matrix], **options)
    assert str(caught.value).startswith(name)


def test_every_optimizer_stands_in_the_table_of_refused_options():
    (mark,) = test_options_out_of_range_are_refused_in_words.pytestmark
    classes = {getattr(optim, name) for name, _, _ in mark.args[1]}
    assert classes >= {*optim.OPTIMIZERS.values(), optim.Muon}


@pytest.mark.parametrize("name", ["lbfgs", "sam"])
@pytest.mark.parametrize(
    ("closure", "words"), [(None, "got none"), (nbdl.zeros(()), "got a Tensor")]
)
def test_optimizers_that_need_a_closure_say_so(name, closure, words):
    p = with_grad(1.0)
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.1)
    with pytest.raises(ArgumentError, match=f"step takes a closure.*{words}") as caught:
        optimizer.step(closure)
    assert "def closure(): optimizer.zero_grad()" in str(caught.value)
    assert p.item() == 1.0


def test_what_is_no_closure_is_no_closure_for_others_either():
    with pytest.raises(ArgumentError, match="got a Tensor"):
        optim.SGD([with_grad(1.0)]).step(nbdl.zeros(()))
    with pytest.raises(ArgumentError, match="must return the loss"):
        optim.LBFGS([with_grad(1.0)]).step(lambda: None)


@pytest.mark.parametrize("name", ["lbfgs", "sam", "lookahead"])
def test_what_works_on_parameters_is_no_pure_rule(name):
    with pytest.raises(ArgumentError, match="is no pure rule"):
        optim.OPTIMIZERS[name].rule(lr=0.1)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_each_names_its_paper(name):
    text = " ".join(optim.OPTIMIZERS[name].__doc__.split())
    assert re.search(r'[A-Z]\. [A-Z]?.*"[^"]+",? [^.]*(19|20)\d\d', text), text


def test_a_parameter_is_in_one_group_only():
    p = leaf(1.0)
    with pytest.raises(ArgumentError, match="group 0 twice"):
        optim.SGD([p, p])
    with pytest.raises(ArgumentError, match="groups 0 and 1"):
        optim.SGD([{"params": [p]}, {"params": [p]}])


def test_some_frozen_parameters_are_no_mistake():
    p, frozen = with_grad(1.0), nbdl.ones((1,))
    optim.SGD([p, frozen], lr=1.0).step()
    assert (p.item(), frozen.item()) == (0.0, 1.0)


def test_a_gradient_of_another_shape_changes_nothing():
    p, q = with_grad(1.0), leaf(1.0, 2.0)
    q.grad = nbdl.ones((1,))
    optimizer = optim.SGD([p, q], lr=0.1)
    with pytest.raises(ShapeError, match=r"shape \(1,\) .* parameter of shape \(2,\)"):
        optimizer.step()
    assert p.item() == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.pop("state"), "what state_dict"),
        (lambda d: d["param_groups"].append(d["param_groups"][0]), "2 parameter groups"),
        (lambda d: d["param_groups"][0]["params"].append(1), "group 0 has 2 parameters"),
        (lambda d: d["param_groups"][0].update(lr=-1), "lr=-1"),
        (lambda d: d["state"][0].pop("exp_avg"), "no 'exp_avg'"),
        (lambda d: d["state"][0].update(exp_avg=nbdl.ones((7,))), r"shape \(7,\)"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, words):
    p = with_grad(1.0, 2.0)
    optimizer = optim.Adam([p], lr=0.1)
    optimizer.step()
    before, saved = repr(optimizer.state_dict()), optimizer.state_dict()
    change(saved)
    with pytest.raises((ArgumentError, ShapeError), match=words):
        optimizer.load_state_dict(saved)
    assert repr(optimizer.state_dict()) == before
