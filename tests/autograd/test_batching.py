"""vmap: axes, structures, randomness, chunks, nesting, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import autograd
from nbdl.autograd import gradient, jvp, vmap
from nbdl.errors import ArgumentError, ShapeError, TraceError

RNG = np.random.default_rng(4)
X = nbdl.tensor(RNG.standard_normal((5, 3)))
W = nbdl.tensor(RNG.standard_normal((3, 4)))


def close(y: nbdl.Tensor, e: object) -> None:
    e = e.numpy() if isinstance(e, nbdl.Tensor) else np.asarray(e)
    assert y.shape == e.shape
    np.testing.assert_allclose(y.numpy(), e, rtol=1e-10, atol=1e-12)


def energy(w: nbdl.Tensor, x: nbdl.Tensor) -> nbdl.Tensor:
    return (x @ w).tanh().sum()


def test_an_axis_of_any_argument_and_output_counts_the_examples() -> None:
    y = vmap(lambda a, b: (a * 2, (a + b).sum()), in_axes=(1, None), out_axes=(1, 0))(X.mT, X[0])
    close(y[0], 2 * X.numpy().T)
    close(y[1], (X.numpy() + X.numpy()[0]).sum(1))


def test_dictionaries_tuples_and_keywords_go_in_and_come_out() -> None:
    def function(p, *, shift):
        return {"y": [p["w"] * shift], "same": nbdl.ones(2)}

    out = vmap(function)({"w": X}, shift=X)
    close(out["y"][0], X.numpy() ** 2)
    close(out["same"], np.ones((5, 2), np.float32))


def test_gradients_of_every_sample() -> None:
    each = vmap(gradient(energy), (None, 0))(W, X)
    close(each, np.stack([gradient(energy)(W, x).numpy() for x in X]))


def test_gradients_of_every_sample_of_a_model() -> None:
    nbdl.manual_seed(0)
    nn = nbdl.nn
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                        nn.Linear(27, 8), nn.LayerNorm(8), nn.Linear(8, 4))  # fmt: skip
    parameters = {name: p.detach() for name, p in net.named_parameters()}
    images, labels = nbdl.randn(6, 1, 8, 8), nbdl.tensor([0, 1, 2, 3, 0, 1])

    def loss(parameters, image, label):
        y = nn.functional_call(net, parameters, (image[None],))
        return nn.functional.cross_entropy(y, label[None])

    each = vmap(gradient(loss), (None, 0, 0))(parameters, images, labels)
    for i in range(6):
        net.zero_grad()
        nn.functional.cross_entropy(net(images[i : i + 1]), labels[i : i + 1]).backward()
        for name, p in net.named_parameters():
            np.testing.assert_allclose(each[name][i].numpy(), p.grad.numpy(), 2e-4, 2e-6)


def test_within_itself() -> None:
    table = vmap(vmap(lambda a, b: (a * b).sum(), (None, 0)), (0, None))(X, X)
    close(table, X.numpy() @ X.numpy().T)


def test_gradient_of_a_batched_function_and_of_its_gradient() -> None:
    w = nbdl.tensor(W.numpy(), requires_grad=True)
    (g,) = nbdl.grad(vmap(energy, (None, 0))(w, X).sum(), w)
    (expected,) = nbdl.grad((X @ w).tanh().sum(), w)
    close(g, expected)
    (g2,) = nbdl.grad((vmap(gradient(energy), (None, 0))(w, X) ** 2).sum(), w)
    each = nbdl.stack([gradient(energy)(w, x) for x in X])
    (expected2,) = nbdl.grad((each**2).sum(), w)
    close(g2, expected2)


def test_gradients_without_a_reader_keep_no_history() -> None:
    assert not gradient(energy)(W, X[0]).requires_grad
    assert not vmap(gradient(energy), (None, 0))(W, X).requires_grad


def test_indices_and_masks_that_differ_between_examples() -> None:
    at = nbdl.tensor([2, 0, 1, 1, 0])
    close(vmap(lambda x, i: x[i])(X, at), X.numpy()[np.arange(5), at.numpy()])
    close(vmap(lambda i: X[i])(at), X.numpy()[at.numpy()])
    close(vmap(lambda x: nbdl.where(x > 0, x, 0.0))(X), np.maximum(X.numpy(), 0))


def test_a_box_made_inside_can_be_changed_inside() -> None:
    def function(x):
        y = nbdl.zeros(3, dtype="float64")
        y[1] = x[0]
        y += x
        return y

    expected = X.numpy().copy()
    expected[:, 1] += X.numpy()[:, 0]
    close(vmap(function)(X), expected)


def test_chunks_give_the_same() -> None:
    close(vmap(energy, (None, 0), chunk_size=2)(W, X), vmap(energy, (None, 0))(W, X))


def test_no_examples() -> None:
    y = vmap(lambda x: (x @ W).cumsum(0))(X[:0])
    assert y.shape == (0, 4)


def test_random_numbers() -> None:
    def noisy(x):
        return x * 0 + nbdl.rand(3)

    with pytest.raises(ArgumentError, match="randomness='different'"):
        vmap(noisy)(X)
    nbdl.manual_seed(1)
    different = vmap(noisy, randomness="different")(X).numpy()
    assert len(np.unique(different)) == different.size
    same = vmap(noisy, randomness="same")(X).numpy()
    assert (same == same[0]).all()
    nested = vmap(vmap(noisy, randomness="different"), randomness="different")(X[:, None]).numpy()
    assert len(np.unique(nested)) == nested.size


def test_dropout_differs_between_examples() -> None:
    y = vmap(lambda x: nbdl.nn.functional.dropout(x, 0.5), randomness="different")(
        nbdl.ones((50, 10))
    )
    assert len(np.unique(y.numpy(), axis=0)) > 10


def test_custom_functions() -> None:
    class Cube(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, dy):
            (x,) = ctx.saved_tensors
            return 3 * x * x * dy

    def number(x):
        return Cube.apply(x).sum()

    close(vmap(Cube.apply)(X), X.numpy() ** 3)
    close(vmap(gradient(number))(X), 3 * X.numpy() ** 2)
    close(jvp(Cube.apply, X, X)[1], 3 * X.numpy() ** 3)
    close(autograd.hvp(number, X, X), 6 * X.numpy() ** 2)
    x = nbdl.tensor(X.numpy(), requires_grad=True)
    close(nbdl.grad(vmap(Cube.apply)(x).sum(), x)[0], 3 * X.numpy() ** 2)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * x.sum().item(),
        lambda x: nbdl.tensor(np.asarray(x)),
        lambda x: nbdl.nonzero(x)[0],
        lambda x: x[x > 0],
        lambda x: nbdl.unique_values(x),
        lambda x: nbdl.masked_select(x, x > 0),
    ],
    ids=["if", "item", "numpy", "nonzero", "mask", "unique", "masked_select"],
)
def test_what_depends_on_values_is_refused(function) -> None:
    with pytest.raises(TraceError, match="vmap"):
        vmap(function)(X)


def test_a_tensor_that_leaves_without_being_returned_is_refused() -> None:
    kept = []
    vmap(lambda x: kept.append(x) or x)(X)
    with pytest.raises(TraceError, match="after it had ended"):
        _ = kept[0] + 1


@pytest.mark.parametrize(
    ("args", "axes", "error", "words"),
    [
        ((X, W), 0, ShapeError, r"different numbers of examples, \[3, 5\]"),
        ((X,), None, ArgumentError, "no argument has an axis"),
        ((X,), (0, 0), ArgumentError, "2 entries for 1 arguments"),
        ((X,), 2, ShapeError, "in_axes=2 is out of range"),
        ((nbdl.tensor(1.0),), 0, ShapeError, "argument 0 is a number"),
    ],
)
def test_arguments_that_do_not_fit(args, axes, error, words) -> None:
    with pytest.raises(error, match=words):
        vmap(lambda *a: a[0], axes)(*args)


def test_options_that_do_not_exist() -> None:
    with pytest.raises(ArgumentError, match="randomness"):
        vmap(energy, randomness="differ")
    with pytest.raises(ArgumentError, match="chunk_size"):
        vmap(energy, chunk_size=0)
    with pytest.raises(ArgumentError, match="out_axes"):
        vmap(lambda x: x, out_axes=(0, 0))(X)
