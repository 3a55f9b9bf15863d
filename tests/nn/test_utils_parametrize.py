"""Parametrizations: PyTorch's names, state and values, and what a layer stays in spite of them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.inspection.graph import model_graph
from nbdl.inspection.summary import summary_text
from nbdl.nn.utils import parametrizations, parametrize
from nbdl.shapes import Spec


class Symmetric(nn.Module):
    def forward(self, x):
        return nbdl.triu(x) + nbdl.triu(x, k=1).T

    def right_inverse(self, x):
        return nbdl.triu(x)


class Double(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


class Product(nn.Module):
    """A column times a row."""

    def forward(self, a, b):
        return a[:, None] * b[None, :]

    def right_inverse(self, x):
        return x[:, 0], x[0] / x[0, 0]


class NoInverse(nn.Module):
    def forward(self, x):
        return x * 1


class Row(nn.Module):
    def forward(self, x):
        return x[0]


class Wide(nn.Module):
    def forward(self, x):
        return x.double()


def layer(inputs=3, outputs=3):
    nbdl.manual_seed(0)
    return nn.Linear(inputs, outputs)


def test_reading_computes_from_the_original_which_is_the_parameter_that_was():
    linear = layer()
    before = linear.weight
    assert parametrize.register_parametrization(linear, "weight", Symmetric()) is linear
    assert isinstance(linear, nn.Linear)
    assert linear.parametrizations.weight.original is before
    np.testing.assert_array_equal(linear.weight.numpy(), linear.weight.numpy().T)
    assert dict(linear.named_parameters()).keys() == {"bias", "parametrizations.weight.original"}
    linear(nbdl.ones((2, 3))).sum().backward()
    assert (np.triu(before.grad.numpy()) == before.grad.numpy()).all()
    optimizer = nbdl.optim.SGD(linear.parameters(), lr=0.1)
    held = linear.weight.numpy().copy()
    optimizer.step()
    assert (linear.weight.numpy() != held).any()  # fresh without a forward in between


def test_assignment_goes_through_the_right_inverse():
    linear = parametrize.register_parametrization(layer(), "weight", Double())
    x = nbdl.ones((3, 3))
    linear.weight = x
    np.testing.assert_array_equal(linear.weight.numpy(), x.numpy())
    np.testing.assert_array_equal(linear.parametrizations.weight.original.numpy(), 0.5 * x.numpy())
    linear.bias = nn.Parameter(nbdl.zeros((3,)))  # others are as always
    with pytest.raises(ArgumentError, match="parameter and cannot become"):
        linear.bias = 3
    other = parametrize.register_parametrization(layer(), "weight", NoInverse())
    with pytest.raises(ArgumentError, match="NoInverse has no right_inverse"):
        other.weight = x
    with pytest.raises(ShapeError, match=r"shape \(2, 2\) of \(3, 3\)"):
        linear.weight = nbdl.ones((2, 2))


def test_several_are_applied_one_after_the_other():
    linear = layer()
    value = linear.weight.numpy().copy()
    parametrize.register_parametrization(linear, "weight", Double())
    np.testing.assert_allclose(linear.weight.numpy(), value)
    parametrize.register_parametrization(linear, "weight", Double())
    np.testing.assert_allclose(linear.weight.numpy(), 2 * value)  # as PyTorch: not undone again
    assert len(linear.parametrizations.weight) == 2
    linear.weight = Tensor(value)
    np.testing.assert_allclose(linear.parametrizations.weight.original.numpy(), value / 4)


def test_several_originals_are_new_parameters():
    linear = parametrize.register_parametrization(layer(2, 3), "weight", Product(), unsafe=True)
    chain = linear.parametrizations.weight
    assert [chain.original0.shape, chain.original1.shape] == [(3,), (2,)]
    assert isinstance(chain.original0, nn.Parameter)
    assert np.linalg.matrix_rank(linear.weight.numpy()) == 1
    value = linear.weight.numpy().copy()
    with pytest.raises(ArgumentError, match="made of 2 tensors"):
        parametrize.remove_parametrizations(linear, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(linear, "weight")
    assert isinstance(linear.weight, nn.Parameter)
    np.testing.assert_array_equal(linear.weight.numpy(), value)


@pytest.mark.parametrize("leave", [True, False])
def test_removing_gives_the_parameter_back(leave):
    linear = layer()
    before, value = linear.weight, linear.weight.numpy().copy()
    parametrize.register_parametrization(linear, "weight", NoInverse())
    parametrize.register_parametrization(linear, "weight", Double())
    parametrize.register_parametrization(linear, "bias", Double())
    parametrize.remove_parametrizations(linear, "weight", leave)
    assert linear.weight is before
    np.testing.assert_array_equal(linear.weight.numpy(), 2 * value if leave else value)
    assert not parametrize.is_parametrized(linear, "weight")
    assert parametrize.is_parametrized(linear)
    parametrize.remove_parametrizations(linear, "bias")
    assert type(linear) is nn.Linear
    assert set(linear.state_dict()) == {"weight", "bias"}
    assert not hasattr(linear, "parametrizations")
    assert parametrize.type_before_parametrizations(linear) is nn.Linear


def test_a_buffer_stays_a_buffer():
    norm = nn.BatchNorm1d(3)
    parametrize.register_parametrization(norm, "running_var", Double())
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())
    assert norm.running_var.tolist() == [1, 1, 1]
    parametrize.remove_parametrizations(norm, "running_var")
    assert "running_var" in dict(norm.named_buffers())


@pytest.mark.parametrize("through", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_layers_are_copied_with_their_parametrizations(through):
    linear = parametrize.register_parametrization(layer(), "weight", Symmetric())
    parametrize.register_parametrization(linear, "bias", Double())
    twin = through(nn.Sequential(linear))[0]
    x = nbdl.ones((2, 3))
    np.testing.assert_array_equal(twin(x).numpy(), linear(x).numpy())
    twin.weight = nbdl.zeros((3, 3))
    assert (linear.weight.numpy() != 0).any()
    assert repr(twin) == repr(linear)
    twin.load_state_dict(linear.state_dict())
    np.testing.assert_array_equal(twin(x).numpy(), linear(x).numpy())
    parametrize.remove_parametrizations(twin, "bias")
    assert parametrize.is_parametrized(linear, "bias")


def test_inside_cached_each_is_computed_once():
    linear = parametrize.register_parametrization(layer(), "weight", Symmetric())
    with parametrize.cached():
        first = linear.weight
        with parametrize.cached():
            assert linear.weight is first
        assert linear.weight is first
    assert linear.weight is not first


def test_modes_and_dtypes_reach_the_parametrization():
    linear = parametrize.register_parametrization(layer().eval(), "weight", Symmetric())
    assert not linear.parametrizations.weight[0].training
    linear.double()
    assert linear.weight.dtype == nbdl.float64


def test_views_of_the_model_work_as_always():
    model = nn.Sequential(parametrize.register_parametrization(layer(), "weight", Symmetric()))
    text = summary_text(model_graph(model, {"": Spec((1, 3), nbdl.float32)}))
    assert "Linear" in text
    assert "12 parameters" in text
    assert nn.build(model, (4, 3)).shape == (4, 3)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda m: (m, "wieght", Double()), ArgumentError, "no parameter or buffer 'wieght'"),
        (lambda m: (m, "weight", lambda x: x), ArgumentError, "is a Module, got a function"),
        (lambda m: (3, "weight", Double()), ArgumentError, "takes a layer, got a int"),
        (lambda m: (m, "weight", Row()), ShapeError, r"shape \(3,\) of \(3, 3\)\n.*unsafe=True"),
        (lambda m: (m, "weight", Wide()), DtypeError, "makes float64 of float32"),
        (lambda m: (nn.Linear(None, 2), "weight", Double()), ArgumentError, "no shape yet"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(make, error, words):
    linear = layer()
    before = linear.weight.numpy().copy()
    with pytest.raises(error, match=words):
        parametrize.register_parametrization(*make(linear))
    assert type(linear) is nn.Linear
    np.testing.assert_array_equal(linear.weight.numpy(), before)
    with pytest.raises(ArgumentError, match="weight is not parametrized"):
        parametrize.remove_parametrizations(linear, "weight")


# ----- PyTorch's ready ones ---------------------------------------------------------------------

LAYERS = {
    "Linear": ((4, 3), (5, 4)),
    "Conv2d": ((2, 3, 3), (2, 2, 5, 5)),
    "ConvTranspose1d": ((2, 4, 3), (2, 2, 5)),
    "Bilinear": ((2, 3, 4), None),
    "RNN": ((3, 4), (5, 2, 3)),
}


def pair(name):
    """PyTorch's layer, ours with its state, and an input."""
    import torch

    torch.manual_seed(1)
    args, shape = LAYERS[name]
    theirs, ours = (getattr(library, name)(*args).double() for library in (torch.nn, nn))
    copy_state(theirs, ours)
    shapes = [(5, 2), (5, 3)] if shape is None else [shape]
    rng = np.random.default_rng(0)
    return theirs, ours, [rng.standard_normal(s) for s in shapes]


def copy_state(theirs, ours):
    state = {k: v.numpy() for k, v in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)


def agree(theirs, ours, inputs, steps=3):
    """Outputs, gradients and state, over some steps of training and in evaluation."""
    import torch

    for training in [*[True] * steps, False]:
        theirs.train(training)
        ours.train(training)
        q = theirs(*map(torch.tensor, inputs))
        p = ours(*map(nbdl.tensor, inputs))
        q, p = (q[0], p[0]) if isinstance(q, tuple) else (q, p)
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-12)
        theirs.zero_grad()
        ours.zero_grad()
        (q**2).sum().backward()
        (p**2).sum().backward()
        grads = {k: v.grad.numpy() for k, v in theirs.named_parameters()}
        for key, parameter in ours.named_parameters():
            np.testing.assert_allclose(parameter.grad.numpy(), grads[key], rtol=1e-8, atol=1e-10)
        for key, value in theirs.state_dict().items():
            np.testing.assert_allclose(
                ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-9, atol=1e-12
            )


def weight_of(name):
    return "weight_ih_l0" if name == "RNN" else "weight"


@pytest.mark.judge
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_weight_norm_is_pytorch_s(name, dim):
    import torch

    theirs, ours, inputs = pair(name)
    torch.nn.utils.parametrizations.weight_norm(theirs, weight_of(name), dim)
    assert parametrizations.weight_norm(ours, weight_of(name), dim) is ours
    for key, value in theirs.state_dict().items():  # lengths are right before anything is loaded
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-12)
    agree(theirs, ours, inputs)
    torch.nn.utils.parametrize.remove_parametrizations(theirs, weight_of(name))
    parametrize.remove_parametrizations(ours, weight_of(name))
    agree(theirs, ours, inputs)


@pytest.mark.judge
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "eps": 1e-3}, {"dim": -1}])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_spectral_norm_is_pytorch_s(name, options):
    import torch

    theirs, ours, inputs = pair(name)
    torch.nn.utils.parametrizations.spectral_norm(theirs, weight_of(name), **options)
    assert parametrizations.spectral_norm(ours, weight_of(name), **options) is ours
    copy_state(theirs, ours)
    agree(theirs, ours, inputs)


MATRICES = {"square": (4, 4), "tall": (3, 5), "wide": (5, 3)}


@pytest.mark.judge
@pytest.mark.parametrize("trivial", [True, False])
@pytest.mark.parametrize("kind", [None, "matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", sorted(MATRICES))
def test_orthogonal_is_pytorch_s(shape, kind, trivial):
    import torch

    torch.manual_seed(1)
    theirs, ours = (library.Linear(*MATRICES[shape]).double()
                    for library in (torch.nn, nn))  # fmt: skip
    copy_state(theirs, ours)
    torch.nn.utils.parametrizations.orthogonal(
        theirs, orthogonal_map=kind, use_trivialization=trivial
    )
    options = {"orthogonal_map": kind, "use_trivialization": trivial}
    assert parametrizations.orthogonal(ours, **options) is ours
    is_orthogonal(ours.weight)
    if shape == "square" or not trivial:  # else a basis is completed by chance
        np.testing.assert_allclose(
            ours.weight.numpy(), theirs.weight.detach().numpy(), rtol=1e-9, atol=1e-12
        )
    state = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    rng = np.random.default_rng(0)
    original = state["parametrizations.weight.original"]
    noise = rng.standard_normal(original.shape) * 0.1
    wide = original.shape[0] < original.shape[1]  # what is below the diagonal is then above it
    original += np.triu(noise, 1) if wide else np.tril(noise, -1)
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    ours.load_state_dict(state)
    is_orthogonal(ours.weight)
    agree(theirs, ours, [rng.standard_normal((2, MATRICES[shape][0]))], steps=1)


def is_orthogonal(weight):
    w = weight.numpy()
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-6 if w.itemsize < 8 else 1e-12)


def test_an_orthogonal_weight_stays_so_while_it_is_trained_and_can_be_assigned():
    linear = layer(4, 4)
    q = nn.init.orthogonal_(nbdl.zeros((4, 4)))
    linear.weight.data = q
    parametrizations.orthogonal(linear)
    np.testing.assert_allclose(linear.weight.numpy(), q.numpy(), atol=1e-6)
    optimizer = nbdl.optim.Adam(linear.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        linear(nbdl.ones((2, 4))).sum().backward()
        optimizer.step()
    is_orthogonal(linear.weight)
    assert abs(linear.weight.numpy() - q.numpy()).max() > 0.1
    other = nn.init.orthogonal_(nbdl.zeros((4, 4)))
    linear.weight = other
    np.testing.assert_allclose(linear.weight.numpy(), other.numpy(), atol=1e-6)
    free = parametrizations.orthogonal(layer(4, 4), use_trivialization=False)
    with pytest.raises(ArgumentError, match="has no right_inverse"):
        free.weight = other
    stack = nn.Bilinear(4, 4, 3)
    parametrizations.orthogonal(stack)
    for matrix in stack.weight:
        is_orthogonal(matrix)


def test_spectral_norm_finds_the_largest_singular_value():
    linear = parametrizations.spectral_norm(layer(6, 4))
    original = linear.parametrizations.weight.original.numpy()
    linear.train()
    for _ in range(50):
        weight = linear.weight.numpy()
    np.testing.assert_allclose(
        weight, original / np.linalg.svd(original)[1][0], rtol=1e-5, atol=1e-6
    )
    vector = nn.LayerNorm(3)
    parametrizations.spectral_norm(vector)
    np.testing.assert_allclose(vector.weight.numpy(), np.ones(3) / 3**0.5, rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: parametrizations.spectral_norm(layer(), "w"), ArgumentError, "buffer 'w'"),
        (lambda: parametrizations.spectral_norm(layer(), dim=2), ShapeError, "dim"),
        (
            lambda: parametrizations.spectral_norm(layer(), n_power_iterations=0),
            ArgumentError,
            "n_power_iterations=0",
        ),
        (lambda: parametrizations.orthogonal(layer(), "w"), ArgumentError, "buffer 'w'"),
        (lambda: parametrizations.orthogonal(layer(), "bias"), ShapeError, r"shape \(3,\)"),
        (lambda: parametrizations.orthogonal(layer(), "weight", "svd"), ArgumentError, "'svd'"),
        (lambda: parametrizations.weight_norm(layer(), "w"), ArgumentError, "buffer 'w'"),
        (lambda: parametrizations.weight_norm(layer(), dim=5), ShapeError, "dim"),
    ],
)
def test_wrong_arguments_of_the_ready_ones_are_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
