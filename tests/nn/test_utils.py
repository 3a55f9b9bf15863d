"""What else is done to parameters: vectors, older norms, pruning, fusion, no first values."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, ShapeError
from nbdl.nn import utils
from nbdl.nn.utils import prune


def linear(inputs=4, outputs=3):
    nbdl.manual_seed(0)
    return nn.Linear(inputs, outputs)


@pytest.mark.judge
def test_all_of_pytorch_s_are_here_with_its_arguments():
    import torch.nn.utils as theirs
    from torch.nn.utils import prune as published

    later = {"clip_grad_norm", "convert_conv2d_weight_memory_format",
             "convert_conv3d_weight_memory_format", "rnn", "stateless"}  # fmt: skip
    assert set(theirs.__all__) - later <= set(utils.__all__)
    for name in set(utils.__all__) & set(theirs.__all__):
        if inspect.isfunction(getattr(theirs, name)):
            expected = inspect.signature(getattr(theirs, name)).parameters
            got = inspect.signature(getattr(utils, name)).parameters
            assert list(got) == list(expected), name
            defaults = {key: p.default for key, p in expected.items()}
            assert {key: p.default for key, p in got.items()} == defaults, name
    for name, value in vars(published).items():
        if getattr(value, "__module__", "") != published.__name__ or name.startswith("_"):
            continue
        if name == "PruningContainer":  # here a mask is all that is kept of earlier methods
            continue
        if inspect.isclass(value):
            assert hasattr(prune, name)
            continue
        expected = inspect.signature(getattr(published, name)).parameters
        assert list(inspect.signature(getattr(prune, name)).parameters) == list(expected), name


# ----- vectors ----------------------------------------------------------------------------------


@pytest.mark.judge
def test_parameters_go_into_a_vector_and_back_as_pytorch_s():
    import torch

    ours = nn.Sequential(linear(), nn.Linear(3, 2, bias=False))
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 2, bias=False))
    vector = np.arange(21, dtype=np.float32)
    utils.vector_to_parameters(Tensor(vector), ours.parameters())
    torch.nn.utils.vector_to_parameters(torch.tensor(vector), theirs.parameters())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name].numpy(), value.numpy())
    np.testing.assert_array_equal(utils.parameters_to_vector(ours.parameters()).numpy(), vector)
    (utils.parameters_to_vector(ours.parameters()) ** 2).sum().backward()
    np.testing.assert_array_equal(ours[0].bias.grad.numpy(), 2 * ours[0].bias.numpy())


def test_vectors_that_do_not_fit_change_nothing():
    layer = linear()
    before = layer.weight.numpy().copy()
    with pytest.raises(ShapeError, match=r"shape \(7,\) for 15 elements"):
        utils.vector_to_parameters(nbdl.zeros((7,)), layer.parameters())
    np.testing.assert_array_equal(layer.weight.numpy(), before)
    with pytest.raises(ArgumentError, match="needs a tensor, got a list"):
        utils.vector_to_parameters([1.0], layer.parameters())
    with pytest.raises(ArgumentError, match="no parameters"):
        utils.parameters_to_vector([])


# ----- weight norm and spectral norm, the older spelling ------------------------------------------

LAYERS = {"Linear": ((4, 3), (5, 4)), "Conv1d": ((2, 3, 2), (2, 2, 5)),
          "ConvTranspose2d": ((2, 3, 2), (2, 2, 4, 4))}  # fmt: skip


def both(name, seed=1):
    import torch

    torch.manual_seed(seed)
    args, shape = LAYERS[name]
    theirs, ours = (getattr(library, name)(*args).double() for library in (torch.nn, nn))
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return theirs, ours, np.random.default_rng(0).standard_normal(shape)


def agree(theirs, ours, x):
    import torch

    for training in (True, True, False):
        q, p = theirs.train(training)(torch.tensor(x)), ours.train(training)(nbdl.tensor(x))
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-12)
        theirs.zero_grad()
        ours.zero_grad()
        (q**2).sum().backward()
        (p**2).sum().backward()
        got = dict(ours.named_parameters())
        for key, value in theirs.named_parameters():
            np.testing.assert_allclose(
                got[key].grad.numpy(), value.grad.numpy(), rtol=1e-8, atol=1e-10
            )
        state = ours.state_dict()
        for key, value in theirs.state_dict().items():
            np.testing.assert_allclose(state[key].numpy(), value.numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.judge
@pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")
@pytest.mark.parametrize("dim", [0, 1, None])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_weight_norm_is_pytorch_s(name, dim):
    import torch

    theirs, ours, x = both(name)
    torch.nn.utils.weight_norm(theirs, dim=dim)
    assert utils.weight_norm(ours, dim=dim) is ours
    assert set(ours.state_dict()) == set(theirs.state_dict())
    agree(theirs, ours, x)
    torch.nn.utils.remove_weight_norm(theirs)
    assert utils.remove_weight_norm(ours) is ours
    assert set(ours.state_dict()) == set(theirs.state_dict())
    agree(theirs, ours, x)
    assert type(ours) is getattr(nn, name)


@pytest.mark.judge
@pytest.mark.parametrize("options", [{}, {"n_power_iterations": 3, "eps": 1e-3, "dim": 1}])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_spectral_norm_is_pytorch_s(name, options):
    import torch

    theirs, ours, x = both(name)
    torch.nn.utils.spectral_norm(theirs, **options)
    assert utils.spectral_norm(ours, **options) is ours
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    agree(theirs, ours, x)
    torch.nn.utils.remove_spectral_norm(theirs.eval())
    utils.remove_spectral_norm(ours.train())
    assert ours.training
    assert set(ours.state_dict()) == set(theirs.state_dict())
    agree(theirs, ours, x)


@pytest.mark.parametrize("norm", ["weight_norm", "spectral_norm"])
def test_norms_are_put_on_once_and_copied_with_the_layer(norm):
    layer = getattr(utils, norm)(linear()).eval()
    x = nbdl.ones((2, 4))
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(twin(x).numpy(), layer(x).numpy())
    with pytest.raises(ArgumentError, match="already"):
        getattr(utils, norm)(layer)
    with pytest.raises(ArgumentError, match=r"computed from weight_.*cannot be assigned"):
        layer.weight = nn.Parameter(nbdl.ones((3, 4)))
    getattr(utils, f"remove_{norm}")(layer)
    with pytest.raises(ArgumentError, match="norm to remove"):
        getattr(utils, f"remove_{norm}")(layer)
    with pytest.raises(ArgumentError, match="buffer 'wieght'"):
        getattr(utils, norm)(layer, "wieght")


# ----- pruning ----------------------------------------------------------------------------------


def masks(ours, theirs, name="weight"):
    mask, expected = (getattr(layer, f"{name}_mask") for layer in (ours, theirs))
    np.testing.assert_array_equal(mask.numpy(), expected.numpy())
    np.testing.assert_allclose(
        getattr(ours, name).numpy(), getattr(theirs, name).detach().numpy(), rtol=1e-12
    )


@pytest.mark.judge
@pytest.mark.parametrize("name", ["Linear", "ConvTranspose2d"])
@pytest.mark.parametrize(
    "steps",
    [
        [("l1_unstructured", {"amount": 0.3})],
        [("l1_unstructured", {"amount": 4}), ("l1_unstructured", {"amount": 0.5})],
        [("ln_structured", {"amount": 1, "n": 2, "dim": 0})],
        [("ln_structured", {"amount": 0.5, "n": float("inf"), "dim": 1}),
         ("ln_structured", {"amount": 1, "n": 1, "dim": 0})],
        [("ln_structured", {"amount": 0.4, "n": 3, "dim": -1}),
         ("l1_unstructured", {"amount": 3}), ("identity", {})],
        [("l1_unstructured", {"amount": 0})],
        [("identity", {})],
    ],
)  # fmt: skip
def test_masks_are_pytorch_s(name, steps):
    from torch.nn.utils import prune as published

    theirs, ours, x = both(name)
    for function, options in steps:
        getattr(published, function)(theirs, "weight", **options)
        assert getattr(prune, function)(ours, "weight", **options) is ours
        masks(ours, theirs)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    agree(theirs, ours, x)
    published.remove(theirs, "weight")
    assert prune.remove(ours, "weight") is ours
    assert set(ours.state_dict()) == set(theirs.state_dict())
    agree(theirs, ours, x)
    assert type(ours) is getattr(nn, name)


@pytest.mark.judge
def test_importances_and_masks_of_one_s_own_as_pytorch():
    import torch
    from torch.nn.utils import prune as published

    theirs, ours, _ = both("Linear")
    scores = np.random.default_rng(3).standard_normal((3, 4))
    for library, layer, tensor in ((published, theirs, torch.tensor), (prune, ours, nbdl.tensor)):
        library.l1_unstructured(layer, "weight", 5, importance_scores=tensor(scores))
        library.custom_from_mask(layer, "bias", tensor(np.array([1, 0, 1])))
        library.ln_structured(layer, "weight", 1, 2, 0, importance_scores=tensor(scores))
    masks(ours, theirs)
    masks(ours, theirs, "bias")


@pytest.mark.judge
def test_several_are_pruned_as_one_as_pytorch():
    import torch
    from torch.nn.utils import prune as published

    theirs, ours, _ = both("Linear")
    second = both("Conv1d", seed=2)
    scores = np.random.default_rng(3).standard_normal((3, 4))
    for library, a, b, tensor in (
        (published, theirs, second[0], torch.tensor), (prune, ours, second[1], nbdl.tensor),
    ):  # fmt: skip
        library.l1_unstructured(a, "weight", 2)
        pairs = [(a, "weight"), (a, "bias"), (b, "weight")]
        library.global_unstructured(pairs, library.L1Unstructured, amount=0.4)
        library.global_unstructured(
            pairs, library.L1Unstructured, {(a, "weight"): tensor(scores)}, amount=3
        )
    for a, b, name in ((ours, theirs, "weight"), (ours, theirs, "bias"),
                       (second[1], second[0], "weight")):  # fmt: skip
        masks(a, b, name)
    fro, two = (prune.ln_structured(linear(), "weight", 1, n, 0) for n in ("fro", 2))
    np.testing.assert_array_equal(fro.weight_mask.numpy(), two.weight_mask.numpy())
    with pytest.raises(ArgumentError, match="LnStructured is structured"):
        prune.global_unstructured([(ours, "weight")], prune.LnStructured, amount=1, n=2)


def test_chance_prunes_as_much_as_asked_and_the_same_with_the_same_seed():
    kept = []
    for _ in range(2):
        layer = linear(20, 10)
        prune.random_unstructured(layer, "weight", 0.25)
        prune.random_unstructured(layer, "weight", 30)  # of what is left
        kept.append(layer.weight_mask.numpy())
    assert kept[0].sum() == 200 - 50 - 30
    np.testing.assert_array_equal(kept[0], kept[1])
    layer = linear(20, 10)
    prune.random_structured(layer, "weight", 0.3, dim=1)
    columns = layer.weight_mask.numpy().sum(axis=0)
    assert sorted(columns) == [0] * 6 + [10] * 14


def test_a_pruned_layer_trains_what_is_left_and_is_copied():
    layer = linear()
    before = layer.weight
    prune.l1_unstructured(layer, "weight", 0.5)
    assert layer.weight_orig is before
    assert prune.is_pruned(nn.Sequential(layer))
    layer(nbdl.ones((2, 4))).sum().backward()
    mask = layer.weight_mask.numpy()
    assert ((before.grad.numpy() != 0) == (mask != 0)).all()
    nbdl.optim.SGD(layer.parameters(), lr=0.1).step()
    assert (layer.weight.numpy()[mask == 0] == 0).all()
    twin = copy.deepcopy(layer)
    np.testing.assert_array_equal(twin.weight.numpy(), layer.weight.numpy())
    prune.remove(twin, "weight")
    assert (prune.is_pruned(twin), prune.is_pruned(layer)) == (False, True)


class EveryOther(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        keep = np.arange(t.size) % 2 == 0
        return default_mask * Tensor(keep.reshape(t.shape))


def test_a_method_of_one_s_own_is_applied_to_what_is_left():
    layer = linear(4, 2)
    EveryOther.apply(layer, "weight")
    np.testing.assert_array_equal(layer.weight_mask.numpy(), [[1, 0, 1, 0]] * 2)
    EveryOther.apply(layer, "weight")
    np.testing.assert_array_equal(layer.weight_mask.numpy(), [[1, 0, 0, 0]] * 2)
    pruned = EveryOther().prune(nbdl.ones((4,)))
    np.testing.assert_array_equal(pruned.numpy(), [1, 0, 1, 0])
    EveryOther.PRUNING_TYPE, before = "some", EveryOther.PRUNING_TYPE
    try:
        with pytest.raises(ArgumentError, match="PRUNING_TYPE='some' must be"):
            EveryOther.apply(layer, "weight")
    finally:
        EveryOther.PRUNING_TYPE = before


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda m: prune.l1_unstructured(m, "w", 1), ArgumentError, "no parameter or buffer 'w'"),
        (lambda m: prune.l1_unstructured(m, "weight", 1.5), ArgumentError, "amount=1.5 must be"),
        (lambda m: prune.l1_unstructured(m, "weight", -1), ArgumentError, "amount=-1 must be"),
        (lambda m: prune.l1_unstructured(m, "weight", "all"), ArgumentError, "amount must be a nu"),
        (lambda m: prune.l1_unstructured(m, "weight", 13), ArgumentError, "more than the 12"),
        (lambda m: prune.ln_structured(m, "bias", 1, 2, 0), ShapeError, r"\(3,\) has no channels"),
        (lambda m: prune.ln_structured(m, "weight", 1, 2, 5), ShapeError, "dim"),
        (lambda m: prune.ln_structured(m, "weight", 1, "nuc", 0), ArgumentError, "n='nuc'"),
        (lambda m: prune.custom_from_mask(m, "weight", [1, 0]), ShapeError, r"mask .* \(2,\)"),
        (
            lambda m: prune.l1_unstructured(m, "weight", 1, nbdl.ones((2,))),
            ShapeError,
            r"importance_scores have shape \(2,\), 'weight' of Linear has \(3, 4\)",
        ),
        (lambda m: prune.remove(m, "weight"), ArgumentError, "weight is not pruned"),
        (
            lambda m: setattr(prune.identity(m, "weight"), "weight", 3),
            ArgumentError,
            "computed from weight_orig and weight_mask",
        ),
    ],
)
def test_wrong_pruning_is_refused_in_words(make, error, words):
    layer = linear()
    with pytest.raises(error, match=words):
        make(layer)


# ----- fusion and skipping ----------------------------------------------------------------------


@pytest.mark.judge
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["Conv1d", "ConvTranspose1d", "Linear"])
def test_a_layer_and_its_batch_norm_become_one_as_pytorch_s(kind, bias, affine):
    import torch

    args = (4, 3) if kind == "Linear" else (4, 3, 2)
    made = []
    for library in (torch.nn, nn):
        made.append((getattr(library, kind)(*args, bias=bias).double(),
                     library.BatchNorm1d(3, affine=affine).double()))  # fmt: skip
    (their_layer, their_norm), (layer, norm) = made
    rng = np.random.default_rng(5)
    for a, b in ((their_layer, layer), (their_norm, norm)):
        state = {k: abs(rng.standard_normal(tuple(v.shape))) + 0.1
                 for k, v in a.state_dict().items()}  # fmt: skip
        a.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
        b.load_state_dict(state)
        a.eval()
        b.eval()
    if kind == "Linear":
        fuse, theirs = utils.fuse_linear_bn_eval, torch.nn.utils.fuse_linear_bn_eval
        options = {}
        if not affine:
            pytest.skip("PyTorch's needs the batch norm's weight")
    else:
        fuse, theirs = utils.fuse_conv_bn_eval, torch.nn.utils.fuse_conv_bn_eval
        options = {"transpose": kind.startswith("ConvT")}
    fused, expected = fuse(layer, norm, **options), theirs(their_layer, their_norm, **options)
    for name, value in expected.state_dict().items():
        np.testing.assert_allclose(fused.state_dict()[name].numpy(), value.numpy(), rtol=1e-12)
        assert getattr(fused, name).requires_grad == getattr(expected, name).requires_grad
    x = nbdl.tensor(rng.standard_normal((5, 4) if kind == "Linear" else (5, 4, 6)))
    np.testing.assert_allclose(fused(x).numpy(), norm(layer(x)).numpy(), rtol=1e-10, atol=1e-12)
    assert (layer.bias is not None) == bias


def test_fusion_is_refused_where_it_would_be_wrong():
    layer, norm = linear(), nn.BatchNorm1d(3)
    with pytest.raises(ArgumentError, match=r"in evaluation mode.*\n.*model.eval\(\)"):
        utils.fuse_linear_bn_eval(layer, norm)
    layer.eval()
    with pytest.raises(ArgumentError, match="keeps no running statistics"):
        utils.fuse_linear_bn_eval(layer, nn.BatchNorm1d(3, track_running_stats=False).eval())
    with pytest.raises(ArgumentError, match="out_features=3, the batch norm num_features=4"):
        utils.fuse_linear_bn_eval(layer, nn.BatchNorm1d(4).eval())


def test_layers_can_be_made_without_drawing_values():
    nbdl.manual_seed(3)
    before = nbdl.core.random.default_generator().state()
    layer = utils.skip_init(nn.Conv2d, 2, 3, kernel_size=3)
    norm = utils.skip_init(nn.BatchNorm2d, 3, dtype=nbdl.float64)
    assert nbdl.core.random.default_generator().state() == before
    assert str(layer.weight.device) == "cpu"
    assert (layer.weight.shape, norm.running_var.dtype) == ((3, 2, 3, 3), nbdl.float64)
    assert layer(nbdl.ones((1, 2, 5, 5))).shape == (1, 3, 3, 3)
    layer.load_state_dict(nn.Conv2d(2, 3, 3).state_dict())
    with pytest.raises(ArgumentError, match="takes a class of layers"):
        utils.skip_init(linear())
    with pytest.raises(ArgumentError, match="ReLU takes no device"):
        utils.skip_init(nn.ReLU)
