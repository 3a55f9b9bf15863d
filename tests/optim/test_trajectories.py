"""Each optimizer goes where a published implementation or its paper says, and to the bottom."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import nbdl
from nbdl import optim
from nbdl.errors import ArgumentError, TrainingError

PURE = sorted(set(optim.OPTIMIZERS) - {"lbfgs", "sam", "lookahead"})
"""Rules that need one gradient a step and nothing of the parameters."""


def start(dtype="float64"):
    rng = np.random.default_rng(1)
    return [np.asarray(rng.standard_normal(s), dtype) for s in [(4, 3), (5,), (), (70_000,)]]


def objective(params):
    """Curved differently in every direction, with the same text for both frameworks."""
    total = 0.0
    for k, p in enumerate(params):
        total = total + ((p - k) ** 2 * (k + 1)).sum() + (p**4).sum() * 0.05
    return total


def closure_of(params, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = objective(params)
        loss.backward()
        return loss

    return closure


# ----- published implementations ----------------------------------------------------------------


def theirs_of(name, params, options):
    """The optimizer of the packages pytorch-optimizer and schedulefree."""
    if name == "AdamWScheduleFree":
        schedulefree = pytest.importorskip("schedulefree")
        made = schedulefree.AdamWScheduleFree(params, **options, foreach=False)
        made.train()
        return made
    package = pytest.importorskip("pytorch_optimizer")
    if name == "LAMB":
        options = {"weight_decouple": False, "adam_debias": True, "foreach": False, **options}
        return package.Lamb(params, **options)
    return package.Lion(params, weight_decouple=True, foreach=False, **options)


@pytest.mark.judge
@pytest.mark.parametrize(
    ("name", "ours", "theirs"),
    [
        ("Lion", {}, {}),
        ("Lion", {"weight_decay": 0.1, "betas": (0.8, 0.95)}, {}),
        # Theirs is the paper's third version, without corrections, and divides by ‖r‖ + eps.
        ("LAMB", {"bias_correction": False, "clamp_value": 10.0, "eps": 1e-13}, {"eps": 1e-13}),
        ("LAMB", {"bias_correction": False, "clamp_value": 10.0, "eps": 1e-13,
                  "weight_decay": 0.1, "betas": (0.8, 0.95)}, {"eps": 1e-13}),
        ("AdamWScheduleFree", {}, {}),
        ("AdamWScheduleFree", {"weight_decay": 0.1, "betas": (0.95, 0.9), "eps": 1e-3,
                               "warmup_steps": 10, "r": 1.5, "weight_lr_power": 1.0}, {}),
    ],
)  # fmt: skip
def test_goes_where_a_published_implementation_goes(name, ours, theirs):
    import torch

    torch.set_num_threads(1)
    p = [nbdl.tensor(a, requires_grad=True) for a in start()]
    q = [torch.tensor(a, requires_grad=True) for a in start()]
    shared = {k: v for k, v in ours.items() if k not in ("bias_correction", "clamp_value")}
    ours_opt = getattr(optim, name)(p, lr=0.02, **ours)
    theirs_opt = theirs_of(name, q, {"lr": 0.02, **shared, **theirs})
    for n in range(30):
        ours_opt.step(closure_of(p, ours_opt))
        closure_of(q, theirs_opt)()
        theirs_opt.step()
        if n % 10 == 9:
            if name == "AdamWScheduleFree":  # there and back again
                agree(p, q)
                theirs_opt.eval()
                ours_opt.eval()
            agree(p, q)
            if name == "AdamWScheduleFree":
                theirs_opt.train()
                ours_opt.train()


def agree(ours, theirs):
    """All but a few: where a gradient passes through 0, a sign is a matter of rounding."""
    for p, q in zip(ours, theirs, strict=True):
        difference = np.abs(p.numpy() - q.detach().numpy())
        assert (difference > 1e-9).mean() < 1e-4
        if difference.size < 100:
            assert difference.max() <= 1e-9


@pytest.mark.judge
@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(("base", "options"), [
    ("SGD", {"lr": 0.02, "momentum": 0.9}), ("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
])  # fmt: skip
def test_sam_goes_where_a_published_implementation_goes(base, options, adaptive):
    import torch

    package = pytest.importorskip("pytorch_optimizer")
    p = [nbdl.tensor(a, requires_grad=True) for a in start()[:3]]
    q = [torch.tensor(a, requires_grad=True) for a in start()[:3]]
    ours_opt = optim.SAM(p, base, rho=0.5, adaptive=adaptive, **options)
    theirs_opt = package.SAM(q, getattr(torch.optim, base), rho=0.5, adaptive=adaptive, **options)
    for _ in range(30):
        loss = ours_opt.step(closure_of(p, ours_opt))
        assert loss.item() == pytest.approx(closure_of(q, theirs_opt)().item(), rel=1e-6)
        theirs_opt.step(closure_of(q, theirs_opt))
    for a, b in zip(p, q, strict=True):
        # Theirs computes the norm in float32.
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.judge
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (3, 0.8), (1, 0.3)])
def test_lookahead_goes_where_a_published_implementation_goes(k, alpha):
    import torch

    package = pytest.importorskip("pytorch_optimizer")
    p = [nbdl.tensor(a, requires_grad=True) for a in start()[:3]]
    q = [torch.tensor(a, requires_grad=True) for a in start()[:3]]
    ours_opt = optim.Lookahead(optim.Adam(p, lr=0.05), k, alpha)
    theirs_opt = package.Lookahead(torch.optim.Adam(q, lr=0.05), k, alpha)
    for _ in range(17):
        ours_opt.step(closure_of(p, ours_opt))
        theirs_opt.step(closure_of(q, theirs_opt))
        for a, b in zip(p, q, strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.judge
def test_muon_and_adamw_each_train_their_part():
    import torch

    before = torch.Tensor.bfloat16
    torch.Tensor.bfloat16 = torch.Tensor.clone  # iterate in float64, as we do
    try:
        ours, theirs = small_transformer(nbdl.nn), small_transformer(torch.nn).double()
        ours.double()
        ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
        hidden = [theirs[1].weight, theirs[3].weight]
        rest = [theirs[0].weight, theirs[1].bias, theirs[3].bias, theirs[5].weight, theirs[5].bias]
        pair = [
            torch.optim.Muon(hidden, lr=0.01, adjust_lr_fn="match_rms_adamw", eps=1e-8),
            torch.optim.AdamW(rest, lr=0.01, weight_decay=0.1),
        ]
        mine = optim.MuonAdamW(ours, lr=0.01)
        assert [(len(g["params"]), g["muon"]) for g in mine.param_groups] == [(2, True), (5, False)]
        words = np.array([[0, 3, 1], [2, 5, 4]])
        for _ in range(5):
            for model, tensor, optimizers in (
                (ours, nbdl.tensor, [mine]), (theirs, torch.tensor, pair),
            ):  # fmt: skip
                for optimizer in optimizers:
                    optimizer.zero_grad()
                (model(tensor(words)) ** 2).sum().backward()
                for optimizer in optimizers:
                    optimizer.step()
        for name, value in theirs.state_dict().items():
            np.testing.assert_allclose(ours.state_dict()[name].numpy(), value.numpy(), rtol=1e-9)
    finally:
        torch.Tensor.bfloat16 = before


def small_transformer(nn):
    """An embedding, hidden layers and a head."""
    return nn.Sequential(
        nn.Embedding(6, 4), nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 4), nn.Tanh(), nn.Linear(4, 6),
    )  # fmt: skip


def test_muon_takes_all_matrices_where_there_is_no_model_to_look_at():
    model = small_transformer(nbdl.nn)
    optimizer = optim.MuonAdamW(model.parameters())
    for p in model.parameters():
        p.grad = nbdl.ones(p.shape)
    optimizer.step()
    kinds = {p.ndim: set(optimizer.state[p]) - {"step"} for p in model.parameters()}
    assert kinds == {2: {"momentum_buffer"}, 1: {"exp_avg", "exp_avg_sq"}}


def test_a_head_that_shares_the_embedding_s_matrix_is_adamw_s():
    model = small_transformer(nbdl.nn)
    model[5].weight = model[0].weight
    groups = optim.MuonAdamW.parameters_of(model)
    assert [p is model[1].weight or p is model[3].weight for p in groups[0]["params"]] == [True] * 2


# ----- papers -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}])
def test_lion_is_its_paper_s_algorithm(options):
    (first, *_rest) = start()
    p = nbdl.tensor(first, requires_grad=True)
    optimizer = optim.Lion([p], lr=0.01, **options)
    beta1, beta2 = options.get("betas", (0.9, 0.99))
    value, m = first.copy(), np.zeros_like(first)
    for _ in range(50):
        closure_of([p], optimizer)()
        g = p.grad.numpy()
        optimizer.step()
        update = np.sign(beta1 * m + (1 - beta1) * g)
        value = value - 0.01 * (update + options.get("weight_decay", 0.0) * value)
        m = beta2 * m + (1 - beta2) * g
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-12, atol=1e-12)


def test_lamb_is_its_paper_s_algorithm():
    (first, *_rest) = start()
    p = nbdl.tensor(first, requires_grad=True)
    optimizer = optim.LAMB([p], lr=0.05, betas=(0.8, 0.9), eps=1e-2, weight_decay=0.1)
    value, m, v = first.copy(), np.zeros_like(first), np.zeros_like(first)
    for n in range(1, 30):
        closure_of([p], optimizer)()
        g = p.grad.numpy()
        optimizer.step()
        m, v = 0.8 * m + 0.2 * g, 0.9 * v + 0.1 * g**2
        r = m / (1 - 0.8**n) / (np.sqrt(v / (1 - 0.9**n)) + 1e-2) + 0.1 * value
        value = value - 0.05 * np.linalg.norm(value) / np.linalg.norm(r) * r
        np.testing.assert_allclose(p.numpy(), value, rtol=1e-11)


def test_the_trust_in_a_parameter_of_zeros_is_one():
    p = nbdl.zeros((2,)).requires_grad_()
    p.grad = nbdl.ones((2,))
    optim.LAMB([p], lr=0.5, eps=0.0).step()
    np.testing.assert_allclose(p.numpy(), [-0.5, -0.5], rtol=1e-6)


def test_muon_makes_singular_values_about_one():
    x = np.random.default_rng(0).standard_normal((6, 9))
    p = nbdl.tensor(np.zeros((6, 9)), requires_grad=True)
    p.grad = nbdl.tensor(x)
    optim.Muon([p], lr=1.0, nesterov=False).step()
    u, _, vt = np.linalg.svd(x, full_matrices=False)
    values = np.diag(u.T @ -p.numpy() @ vt.T)
    assert (abs(values - 1) < 0.35).all()  # what five steps of the polynomial leave


def rosenbrock(x):
    return 100 * (x[1:] - x[:-1] ** 2).__pow__(2).sum() + ((1 - x[:-1]) ** 2).sum()


def test_lbfgs_with_a_line_search_finds_the_bottom_of_a_bent_valley():
    x = nbdl.tensor(np.array([-1.2, 1.0, -0.5, 0.8]), requires_grad=True)
    optimizer = optim.LBFGS([x], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(x)
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(x.numpy(), np.ones(4), atol=1e-5)


def test_a_line_search_turns_back_where_the_loss_is_no_number():
    x = nbdl.tensor(np.array([4.0]), requires_grad=True)
    optimizer = optim.LBFGS([x], lr=50.0, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = (x.sqrt() * (x - 3)).sum()  # nan below 0
        loss.backward()
        return loss

    with np.errstate(invalid="ignore"):
        optimizer.step(closure)
    np.testing.assert_allclose(x.numpy(), [1.0], atol=1e-4)


@pytest.mark.parametrize("name", ["lbfgs", "sam"])
def test_a_closure_that_fails_half_way_changes_nothing(name):
    p = nbdl.tensor([1.0, 2.0], requires_grad=True)
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.1)
    closure = closure_of([p], optimizer)
    optimizer.step(closure)
    before, state = p.numpy().copy(), repr(optimizer.state_dict())
    calls = iter([closure, closure if name == "lbfgs" else fail, fail])
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(lambda: next(calls)())
    np.testing.assert_array_equal(p.numpy(), before)
    assert repr(optimizer.state_dict()) == state
    optimizer.step(closure)
    assert (p.numpy() != before).all()


def fail():
    raise KeyboardInterrupt


def test_sam_by_hand_is_sam_with_a_closure():
    p, q = (nbdl.tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
    a, b = optim.SAM([p], lr=0.1), optim.SAM(optim.SGD([q], lr=0.1))
    for _ in range(3):
        a.step(closure_of([p], a))
        closure_of([q], b)()
        b.first_step(zero_grad=True)
        objective([q]).backward()
        b.second_step(zero_grad=True)
    np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert q.grad is None
    closure_of([q], b)()
    b.first_step()
    with pytest.raises(ArgumentError, match="first_step was called twice"):
        b.first_step()


def test_lookahead_goes_on_from_its_state_in_the_middle_of_a_way():
    p, q = (nbdl.tensor([1.0, -2.0], requires_grad=True) for _ in range(2))
    a, b = optim.Lookahead([p], lr=0.1, k=4), optim.Lookahead([q], lr=0.1, k=4)
    for _ in range(6):
        a.step(closure_of([p], a))
    b.load_state_dict(a.state_dict())
    q.data = p.detach()
    for _ in range(6):
        a.step(closure_of([p], a))
        b.step(closure_of([q], b))
    np.testing.assert_array_equal(p.numpy(), q.numpy())
    with pytest.raises(ArgumentError, match="no state of a Lookahead"):
        b.load_state_dict(b.base.state_dict())


def test_a_schedule_free_optimizer_trains_only_where_it_trains():
    p = nbdl.tensor([1.0, -2.0], requires_grad=True)
    optimizer = optim.AdamWScheduleFree([p], lr=0.1)
    for _ in range(3):
        optimizer.step(closure_of([p], optimizer))
    y = p.numpy().copy()
    optimizer.eval()
    x = p.numpy().copy()
    assert (x != y).all()
    optimizer.eval()
    np.testing.assert_array_equal(p.numpy(), x)
    saved = optimizer.state_dict()
    with pytest.raises(TrainingError, match=r"optimizer.train\(\)"):
        optimizer.step()
    optimizer.train()
    np.testing.assert_allclose(p.numpy(), y, rtol=1e-6)
    other = optim.AdamWScheduleFree([p], lr=0.1)
    other.load_state_dict(saved)
    p.data = x
    other.train()
    np.testing.assert_allclose(p.numpy(), y, rtol=1e-6)


# ----- all of them ------------------------------------------------------------------------------

RATES = {
    "sgd": 0.1, "adam": 0.1, "adamw": 0.1, "adamax": 0.1, "nadam": 0.1, "radam": 0.1,
    "sparseadam": 0.1, "rmsprop": 0.05, "rprop": 0.1, "adagrad": 1.0, "adadelta": 30.0,
    "adafactor": 0.1, "asgd": 0.1, "lion": 0.02, "lamb": 0.05, "muon": 0.1, "lbfgs": 0.5,
    "sam": 0.1, "lookahead": 0.2, "schedulefree": 0.2,
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_finds_the_bottom_of_a_valley(name):
    x = nbdl.tensor([[3.0, -2.0]], requires_grad=True)
    options = {"rho": 1e-3} if name == "sam" else {}
    if name in ("adamw", "muon", "lookahead"):
        options["weight_decay"] = 0.0
    optimizer = optim.OPTIMIZERS[name]([x], lr=RATES[name], **options)
    schedule = optim.CosineAnnealingLR(optimizer, 1000)

    def closure():
        optimizer.zero_grad()
        loss = ((x - nbdl.tensor([1.0, 2.0])) ** 2 * nbdl.tensor([1.0, 4.0])).sum()
        loss.backward()
        return loss

    for _ in range(1000):
        optimizer.step(closure)
        if name != "schedulefree":
            schedule.step()
    optimizer.eval()
    np.testing.assert_allclose(x.numpy(), [[1.0, 2.0]], atol=0.02)


@pytest.mark.parametrize("name", PURE)
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
    p = nbdl.ones((3, 1)).to(dtype).requires_grad_()
    optimizer = optim.OPTIMIZERS[name]([p], lr=0.125)

    def closure():
        p.grad = nbdl.full((3, 1), 1e-6).to(dtype)  # squared it vanishes in float16
        return nbdl.ones(())

    optimizer.step(closure)
    assert p.dtype == nbdl.dtypes.as_dtype(dtype)
    assert np.isfinite(p.numpy().astype(np.float32)).all()
    assert all(a.dtype == np.float32 for a in optimizer.state[p].values() if hasattr(a, "dtype"))
    small = ("sgd", "sam", "asgd", "radam", "adadelta", "lbfgs")  # steps as small as the gradient
    if name not in small:
        assert (p.numpy().astype(np.float32) < 0.98).all()


@pytest.mark.parametrize("name", sorted(set(optim.OPTIMIZERS) - {"adafactor", "muon",
                                                                  "sparseadam"}))
def test_complex_parameters_are_pairs_of_real_ones(name):
    z = nbdl.tensor(np.array([1 + 2j, -1j], np.complex64)).requires_grad_()
    pair = nbdl.tensor(np.array([[1, 2], [0, -1]], np.float32), requires_grad=True)
    a, b = (optim.OPTIMIZERS[name]([p], lr=0.1) for p in (z, pair))
    z.grad = nbdl.tensor(np.array([1 - 1j, 2 + 3j], np.complex64))
    pair.grad = nbdl.tensor(np.array([[1, -1], [2, 3]], np.float32))
    for _ in range(3):
        a.step(lambda: nbdl.ones(()))
        b.step(lambda: nbdl.ones(()))
    got = z.numpy().view(np.float32).reshape(2, 2)
    np.testing.assert_allclose(got, pair.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(optim.OPTIMIZERS))
def test_numbers_and_empty_parameters_are_trained_too(name):
    if name == "muon":
        pytest.skip("one of its halves is AdamW, the other is for matrices")
    shapes = [(), (0,), (0, 3), (3, 0)]
    params = [nbdl.tensor(np.ones(s, np.float32), requires_grad=True) for s in shapes]
    optimizer = optim.OPTIMIZERS[name](params, lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            for p in params:
                p.grad = nbdl.ones(p.shape)
            optimizer.step(lambda: nbdl.ones(()))
    assert [p.shape for p in params] == shapes
    assert math.isfinite(params[0].item())
    assert params[0].item() != 1
