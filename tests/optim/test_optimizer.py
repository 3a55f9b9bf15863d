"""The face of optimizers: groups, state, closures, and what is refused."""

from __future__ import annotations

import copy

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


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_values_that_others_hold_are_never_changed(name):
    p = leaf(1.0, 2.0)
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.1)
    loss = (p * p).sum()
    held, grad = p.value, nbdl.ones((2,))
    p.grad = grad
    for _ in range(2):
        optimizer.step()
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
    first.step()
    saved = first.state_dict()
    text = repr(saved)
    second = optim.OPTIMIZERS[name]([q], lr=0.7, **options)
    second.load_state_dict(saved)
    q.data = p.numpy().copy()
    for _ in range(2):
        first.step()
        second.step()
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


def test_names_lead_to_classes_and_wrong_ones_to_the_nearest():
    assert optim.optimizer_class("AdamW") is optim.AdamW
    with pytest.raises(ArgumentError, match="did you mean 'adamw'"):
        optim.optimizer_class("adamww")


# ----- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: optim.SGD([], lr=0.1), ArgumentError, "empty list"),
        (lambda: optim.SGD(leaf(1.0)), ArgumentError, "got one tensor"),
        (lambda: optim.SGD(nbdl.nn.Linear(1, 1)), ArgumentError, r"model.parameters\(\)"),
        (lambda: optim.SGD([3.0]), ArgumentError, "number 0 is a float"),
        (lambda: optim.SGD([{"weights": [leaf(1.0)]}]), ArgumentError, "a dict with 'params'"),
        (lambda: optim.SGD([leaf(1.0) * 2]), GradientError, "can only train leaves"),
        (lambda: optim.SGD([nbdl.ones((2,))]), GradientError, "none of which requires"),
        (lambda: optim.SGD([leaf(1.0)], lr=-0.1), ArgumentError, "lr=-0.1 must be at least 0"),
        (lambda: optim.SGD([leaf(1.0)], lr=float("nan")), ArgumentError, "lr=nan"),
        (lambda: optim.SGD([leaf(1.0)], lr="fast"), ArgumentError, "lr must be a number"),
        (lambda: optim.SGD([leaf(1.0)], momentum=-1), ArgumentError, "momentum=-1"),
        (lambda: optim.SGD([leaf(1.0)], nesterov=True), ArgumentError, "nesterov=True needs"),
        (lambda: optim.Adam([leaf(1.0)], betas=(1.0, 0.9)), ArgumentError, r"betas\[0\]=1.0"),
        (lambda: optim.Adam([leaf(1.0)], betas=0.9), ArgumentError, "betas must be two numbers"),
        (lambda: optim.Adam([leaf(1.0)], eps=-1), ArgumentError, "eps=-1"),
        (lambda: optim.RMSprop([leaf(1.0)], alpha=2), ArgumentError, "alpha=2"),
        (lambda: optim.Adagrad([leaf(1.0)], lr_decay=-1), ArgumentError, "lr_decay=-1"),
        (lambda: optim.Lion([leaf(1.0)], weight_decay=-1), ArgumentError, "weight_decay=-1"),
        (
            lambda: optim.SGD([{"params": [leaf(1.0)], "momentun": 0.9}]),
            ArgumentError,
            "did you mean 'momentum'",
        ),
        (
            lambda: optim.SGD(nbdl.nn.Linear(None, 1).parameters()),
            ArgumentError,
            "has no shape yet",
        ),
    ],
)
def test_wrong_arguments_are_refused_in_words(make, error, words):
    with pytest.raises(error, match=words):
        make()


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
