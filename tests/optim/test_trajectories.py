"""Each optimizer goes where PyTorch's goes, 50 steps long; and where its paper says."""

from __future__ import annotations

import numpy as np
import pytest

import nbdl
from nbdl import optim

CONFIGURATIONS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.5, "maximize": True, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.5, 0.7), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "maximize": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.01}),
    ("RMSprop", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.001, "centered": True, "alpha": 0.9}),
    ("RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "maximize": True}),
]
BIG = 70_000  # more than two of the blocks that large parameters are updated in


def start(dtype="float64"):
    rng = np.random.default_rng(1)
    shapes = [(4, 3), (5,), (), (BIG,)]
    return [np.asarray(rng.standard_normal(s), dtype) for s in shapes]


def objective(params):
    """Curved differently in every direction, with the same text for both frameworks."""
    total = 0.0
    for k, p in enumerate(params):
        total = total + ((p - k) ** 2 * (k + 1)).sum() + (p**4).sum() * 0.05
    return total


def close(got, expected, dtype):
    """Nearly all elements agree to rounding; a few sit on a ridge (a gradient that changes its
    sign, a variance that cancels) where two orders of the same sum part a little."""
    rounding, ridge = {"float64": (1e-10, 1e-3), "float32": (1e-4, 0.2)}[dtype]
    difference = np.abs(got - expected)
    assert np.quantile(difference, 0.995) <= rounding
    assert difference.max() <= ridge


@pytest.mark.judge
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS)
def test_goes_where_pytorch_goes(name, options, dtype):
    import torch

    torch.set_num_threads(1)
    ours = [nbdl.tensor(a, requires_grad=True) for a in start(dtype)]
    theirs = [torch.tensor(a, requires_grad=True) for a in start(dtype)]
    ours_opt = getattr(optim, name)(ours, **options)
    theirs_opt = getattr(torch.optim, name)(theirs, foreach=False, **options)
    sign = 0.05 if options.get("maximize") else 1.0
    for step in range(50):
        for params, optimizer in ((ours, ours_opt), (theirs, theirs_opt)):
            optimizer.zero_grad()
            if options.get("maximize"):  # climb a hill that has a top
                (objective(params) * -sign).backward()
            else:
                objective(params).backward()
            optimizer.step()
        if step % 7 == 0 or step == 49:
            for p, q in zip(ours, theirs, strict=True):
                close(p.numpy(), q.detach().numpy(), dtype)


@pytest.mark.judge
@pytest.mark.parametrize(("name", "options"), CONFIGURATIONS)
def test_goes_on_from_a_state_that_pytorch_saved(name, options):
    import torch

    ours = [nbdl.tensor(a, requires_grad=True) for a in start()[:3]]
    theirs = [torch.tensor(a, requires_grad=True) for a in start()[:3]]
    theirs_opt = getattr(torch.optim, name)(theirs, **options)

    def step(params, optimizer):
        optimizer.zero_grad()
        (objective(params) * (-0.05 if options.get("maximize") else 1.0)).backward()
        optimizer.step()

    for _ in range(3):
        step(theirs, theirs_opt)
    for p, q in zip(ours, theirs, strict=True):
        p.data = q.detach().numpy().copy()
    ours_opt = getattr(optim, name)(ours, **{**options, "lr": 123.0})
    ours_opt.load_state_dict(theirs_opt.state_dict())
    for _ in range(3):
        step(ours, ours_opt)
        step(theirs, theirs_opt)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}])
def test_lion_is_its_paper_s_algorithm(options):
    (first, *_rest) = start()
    p = nbdl.tensor(first, requires_grad=True)
    optimizer = optim.Lion([p], lr=0.01, **options)
    beta1, beta2 = options.get("betas", (0.9, 0.99))
    value, m = first.copy(), np.zeros_like(first)
    for _ in range(50):
        optimizer.zero_grad()
        objective([p]).backward()
        g = p.grad.numpy()
        optimizer.step()
        update = np.sign(beta1 * m + (1 - beta1) * g)
        value = value - 0.01 * (update + options.get("weight_decay", 0.0) * value)
        m = beta2 * m + (1 - beta2) * g
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_finds_the_bottom_of_a_valley(name):
    rates = {"sgd": 0.1, "adam": 0.1, "adamw": 0.1, "rmsprop": 0.05, "adagrad": 1.0, "lion": 0.02}
    x = nbdl.tensor([3.0, -2.0], requires_grad=True)
    optimizer = optim.OPTIMIZERS[name]([x], lr=rates[name])
    schedule = optim.CosineAnnealingLR(optimizer, 1000)
    for _ in range(1000):
        optimizer.zero_grad()
        ((x - nbdl.tensor([1.0, 2.0])) ** 2 * nbdl.tensor([1.0, 4.0])).sum().backward()
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(x.numpy(), [1.0, 2.0], atol=0.02)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_the_pure_rule_and_the_object_go_the_same_way(name):
    arrays = start("float32")
    tensors = [nbdl.tensor(a, requires_grad=True) for a in arrays]
    optimizer = optim.OPTIMIZERS[name](tensors, lr=0.01)
    rule = optim.OPTIMIZERS[name].rule(lr=0.01)
    params = {str(i): nbdl.tensor(a) for i, a in enumerate(arrays)}
    state = rule.init(params)
    for _ in range(3):
        optimizer.zero_grad()
        objective(tensors).backward()
        grads = {str(i): t.grad for i, t in enumerate(tensors)}
        before = {path: p.numpy().copy() for path, p in params.items()}
        kept = params, state, {k: str(v) for k, v in state.items()}
        params, state = rule.update(grads, state, params)
        optimizer.step()
        for path, p in kept[0].items():  # what was given is unchanged
            np.testing.assert_array_equal(p.numpy(), before[path])
        assert {k: str(v) for k, v in kept[1].items()} == kept[2]
        for i, t in enumerate(tensors):
            np.testing.assert_array_equal(t.numpy(), params[str(i)].numpy())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_half_precision_is_updated_in_float32(name, dtype):
    p = nbdl.ones((3,)).to(dtype).requires_grad_()
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.125)
    p.grad = nbdl.full((3,), 1e-6).to(dtype)  # squared it vanishes in float16
    optimizer.step()
    assert p.dtype == nbdl.dtypes.as_dtype(dtype)
    assert np.isfinite(p.numpy().astype(np.float32)).all()
    assert all(a.dtype == np.float32 for a in optimizer.state[p].values() if hasattr(a, "dtype"))
    if name in ("adam", "adamw", "rmsprop", "adagrad", "lion"):
        assert (p.numpy().astype(np.float32) < 0.95).all()


def test_complex_parameters_are_pairs_of_real_ones():
    z = nbdl.tensor(np.array([1 + 2j, -1j], np.complex64)).requires_grad_()
    pair = nbdl.tensor(np.array([[1, 2], [0, -1]], np.float32), requires_grad=True)
    a, b = optim.Adam([z], lr=0.1), optim.Adam([pair], lr=0.1)
    z.grad = nbdl.tensor(np.array([1 - 1j, 2 + 3j], np.complex64))
    pair.grad = nbdl.tensor(np.array([[1, -1], [2, 3]], np.float32))
    for _ in range(3):
        a.step()
        b.step()
    np.testing.assert_array_equal(z.numpy().view(np.float32).reshape(2, 2), pair.numpy())
