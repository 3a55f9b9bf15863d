"""Losses that PyTorch does not have, against their papers' formulas in NumPy, one by one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

import nbdl
from nbdl import nn
from nbdl.errors import ArgumentError, DtypeError, ShapeError
from nbdl.nn import functional as F
from nbdl.testing import check_grad
from tests.ops.sample import integers, normal, uniform


def close(y: nbdl.Tensor, e: object) -> None:
    np.testing.assert_allclose(y.numpy(), e, rtol=1e-12, atol=1e-13)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (None, 0.0), (0.6, 1.5)])
def test_focal(alpha, gamma):
    x, t = normal(3, 4), integers(0, 2, 3, 4).astype(float)
    p = scipy.special.expit(x)
    q = np.where(t == 1, p, 1 - p)
    weight = 1 if alpha is None else np.where(t == 1, alpha, 1 - alpha)
    expected = -weight * (1 - q) ** gamma * np.log(q)
    close(F.sigmoid_focal_loss(x, t, alpha, gamma, "none"), expected)
    close(nn.FocalLoss(alpha, gamma, "sum")(x, t), expected.sum())
    check_grad(lambda x: F.sigmoid_focal_loss(x, t, alpha, gamma), x)


def test_focal_is_finite_where_the_answer_is_sure():
    x = nbdl.tensor([200.0, -200.0]).requires_grad_()
    loss = F.sigmoid_focal_loss(x, [1.0, 1.0])
    loss.backward()
    assert np.isfinite(loss.item())
    assert np.isfinite(x.grad.numpy()).all()


def test_areas():
    p, t = uniform(0, 1, 2, 3, 4, 2), integers(0, 2, 2, 3, 4, 2).astype(float)
    both, fp, fn = ((v).sum((2, 3)) for v in (p * t, p * (1 - t), (1 - p) * t))
    tversky = 1 - (both + 0.5) / (both + 0.3 * fp + 0.7 * fn + 0.5)
    dice = 1 - (2 * both + 2) / (p.sum((2, 3)) + t.sum((2, 3)) + 2)
    close(F.tversky_loss(p, t, 0.3, 0.7, 0.5, "none"), tversky)
    close(nn.TverskyLoss(0.3, 0.7, 0.5)(p, t), tversky.mean())
    close(F.dice_loss(p, t, 2.0, "none"), dice)
    close(nn.DiceLoss(2.0)(p, t), dice.mean())
    check_grad(lambda p: F.dice_loss(p, t), p)
    close(F.dice_loss(p * 0, t * 0), 0)  # nothing found where nothing is


def test_quantile():
    x, t = normal(20), normal(20)
    expected = [0.8 * (b - a) if b > a else 0.2 * (a - b) for a, b in zip(x, t, strict=True)]
    close(F.quantile_loss(x, t, 0.8, "none"), expected)
    places = np.sort(t)
    losses = [nn.QuantileLoss(0.25)(np.full(20, c), t).item() for c in places]
    assert np.quantile(t, 0.2) <= places[np.argmin(losses)] <= np.quantile(t, 0.3)


def test_info_nce():
    q, p, others = normal(3, 4), normal(3, 4), normal(5, 4)
    cosines = unit(q) @ unit(p).T / 0.1
    expected = -np.diag(scipy.special.log_softmax(cosines, 1))
    close(F.info_nce_loss(q, p, reduction="none"), expected)
    own = (unit(q) * unit(p)).sum(1, keepdims=True)
    cosines = np.concatenate([own, unit(q) @ unit(others).T], 1) / 0.2
    expected = -scipy.special.log_softmax(cosines, 1)[:, 0].mean()
    close(nn.InfoNCELoss(0.2)(nbdl.tensor(q), nbdl.tensor(p), nbdl.tensor(others)), expected)
    check_grad(F.info_nce_loss, q, p, others)


def test_nt_xent():
    a, b = normal(3, 4), normal(3, 4)
    z = unit(np.concatenate([a, b]))
    expected = []
    for i in range(6):
        others = [np.exp(z[i] @ z[k] / 0.5) for k in range(6) if k != i]
        expected.append(-np.log(np.exp(z[i] @ z[(i + 3) % 6] / 0.5) / sum(others)))
    close(F.nt_xent_loss(a, b, reduction="none"), expected)
    close(nn.NTXentLoss()(nbdl.tensor(a), nbdl.tensor(b)), np.mean(expected))
    check_grad(F.nt_xent_loss, a, b)


def test_batch_hard_triplets():
    x, labels = normal(6, 3), np.array([0, 0, 1, 1, 1, 2])
    d = np.linalg.norm(x[:, None] - x[None], axis=2)
    expected = np.zeros(6)
    for i in range(5):  # the last is alone with its label
        same = (labels == labels[i]) & (np.arange(6) != i)
        expected[i] = max(0, 2.0 + d[i][same].max() - d[i][labels != labels[i]].min())
    close(F.batch_hard_triplet_loss(x, labels, 2.0, "none"), expected)
    close(nn.BatchHardTripletLoss(2.0)(nbdl.tensor(x), nbdl.tensor(labels)), expected.sum() / 5)
    check_grad(lambda x: F.batch_hard_triplet_loss(x, labels, 2.0), x)
    alone = F.batch_hard_triplet_loss(x, np.zeros(6, int))
    assert alone.item() == 0  # nothing to be far from


def test_distillation():
    x, teacher = normal(3, 4), normal(3, 4)
    p, q = (scipy.special.softmax(v / 3, 1) for v in (teacher, x))
    expected = 9 * scipy.special.rel_entr(p, q).sum(1)
    close(F.distillation_loss(x, teacher, 3.0, "none"), expected)
    close(nn.DistillationLoss(3.0)(nbdl.tensor(x), nbdl.tensor(teacher)), expected.mean())
    given = nbdl.tensor(teacher).requires_grad_()
    assert not F.distillation_loss(nbdl.tensor(x), given).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: F.sigmoid_focal_loss([1.0], [1.0], 2.0), ArgumentError, "alpha=2.0"),
        (lambda: F.sigmoid_focal_loss([[1.0]], [1.0]), ShapeError, "unsqueeze"),
        (lambda: F.dice_loss(normal(3), normal(3)), ShapeError, "(batch, classes"),
        (lambda: F.quantile_loss([1.0], [1.0], 1.0), ArgumentError, "quantile=1.0"),
        (lambda: F.info_nce_loss(normal(2, 3), normal(2, 4)), ShapeError, "(2, 4)"),
        (lambda: F.info_nce_loss(normal(2, 3), normal(2, 3), normal(5, 2)), ShapeError, "(M, 3)"),
        (lambda: F.nt_xent_loss(normal(2, 3), normal(2, 3), 0), ArgumentError, "temperature=0"),
        (lambda: F.batch_hard_triplet_loss(normal(2, 3), [1.0, 2.0]), DtypeError, "integers"),
        (lambda: F.batch_hard_triplet_loss(normal(2, 3), [1]), ShapeError, "(1,)"),
        (lambda: F.gumbel_softmax(normal(2), 0), ArgumentError, "tau=0"),
    ],
)
def test_what_does_not_fit_is_told(call, error, said):
    with pytest.raises(error) as caught:
        call()
    assert said in str(caught.value)


def test_gumbel_softmax_draws_classes_with_the_softmaxs_probabilities():
    nbdl.manual_seed(3)
    logits = np.array([0.5, -0.3, 1.0])
    rows = nbdl.tensor(np.tile(logits, (4000, 1))).requires_grad_()
    y = F.gumbel_softmax(rows, tau=0.7, hard=True)
    assert (y.numpy().sum(1) == 1).all()
    share, p = y.numpy().mean(0), scipy.special.softmax(logits)
    assert np.all(np.abs(share - p) < 4 * np.sqrt(p * (1 - p) / 4000))
    (y * nbdl.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert rows.grad.numpy().any()
    soft = F.gumbel_softmax(rows.detach(), tau=0.7, dim=0)
    np.testing.assert_allclose(soft.numpy().sum(0), 1)


def test_adaptive_softmax_is_a_distribution_whose_loss_is_its_targets():
    import torch

    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0).double()
    ours = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0).double()
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    x, target = normal(5, 8), np.array([0, 2, 5, 11, 4])
    mine, other = nbdl.tensor(x).requires_grad_(), torch.tensor(x, requires_grad=True)
    y, e = ours(mine, nbdl.tensor(target)), theirs(other, torch.tensor(target))
    close(y.output.detach(), e.output.detach().numpy())
    y.loss.backward()
    e.loss.backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-10, atol=1e-13)
    for name, p in ours.named_parameters():
        np.testing.assert_allclose(
            p.grad.numpy(), theirs.get_parameter(name).grad.numpy(), rtol=1e-10, atol=1e-13
        )
    close(ours.log_prob(mine).detach(), theirs.log_prob(other).detach().numpy())
    assert ours.predict(mine).numpy().tolist() == theirs.predict(other).tolist()
    single = ours(mine[0], nbdl.tensor(4))
    assert single.output.shape == ()
    shape = ours(nbdl.tensor(x).to("meta"), nbdl.tensor(target).to("meta"))
    assert shape.output.shape == (5,)
    with pytest.raises(nbdl.errors.IndexRangeError, match="12"):
        ours(mine, nbdl.tensor([12] * 5))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_an_ignored_sample_counts_for_nothing_even_where_its_loss_is_infinite(smoothing):
    x = np.array([[-np.inf, 0.5, 1.0], [1.0, 2.0, 0.5]])
    for reduction in ("mean", "sum"):
        loss = F.cross_entropy(x, [-100, 1], reduction=reduction, label_smoothing=smoothing)
        close(loss, F.cross_entropy(x[1:], [1], label_smoothing=smoothing).numpy())
