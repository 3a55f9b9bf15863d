"""Functions of deep learning that are made of several operations, on (pretended) CuPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tree import leaves
from nbdl.nn import functional as F
from nbdl.nn.utils import rnn

SEED = 5
T = nbdl.tensor


def _ids(x: Any, *numbers: Any) -> Any:
    return T(np.array(numbers)).to(x.device)


CALLS = {
    "bilinear": lambda x: F.interpolate(x, (3, 9), mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, scale_factor=1.5, mode="bicubic"),
    "antialias": lambda x: F.interpolate(x, 2, mode="bicubic", antialias=True),
    "area": lambda x: F.interpolate(x, 4, mode="area"),
    "grid": lambda x: F.grid_sample(x, F.affine_grid(x[:, 0, :2, :3], x.shape), "bicubic"),
    "reflection": lambda x: F.grid_sample(x, x[:, 0, :, :2][:, None], "nearest", "reflection"),
    "fold": lambda x: F.fold(F.unfold(x, 2), (6, 6), 2),
    "unpool": lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
    "fractional": lambda x: F.fractional_max_pool2d(
        x, 2, 3, _random_samples=T(np.full((2, 4, 2), 0.4)).to(x.device)
    ),
    "p-norm": lambda x: F.lp_pool2d(x * x, 1.5, 2),
    "shuffle": lambda x: F.channel_shuffle(x, 2),
    "bag": lambda x: F.embedding_bag(_ids(x, [0, 5], [2, 2]), x[0, 0], padding_idx=5),
    "bag of largest": lambda x: F.embedding_bag(
        _ids(x, 0, 5, 2), x[0, 0], _ids(x, 0, 0, 1), mode="max"
    ),
    "ctc": lambda x: F.ctc_loss(
        F.log_softmax(x[:, 0], 2).transpose(0, 1), _ids(x, [1, 2], [3, 3]), _ids(x, 6, 5),
        _ids(x, 2, 1),
    ),
    "margin": lambda x: F.multi_margin_loss(x[0, 0], _ids(x, *range(6))),
    "labels": lambda x: F.multilabel_margin_loss(x[0, 0], _ids(x, *[[0, 3, -1, 1, 2, 4]] * 6)),
    "triplets": lambda x: F.batch_hard_triplet_loss(x[0, 0], _ids(x, 0, 0, 1, 1, 2, 2)),
    "views": lambda x: F.nt_xent_loss(x[0, 0], x[0, 1]),
    "queries": lambda x: F.info_nce_loss(x[0, 0], x[0, 1]),
    "focal": lambda x: F.sigmoid_focal_loss(x, (x > 0).to(x.dtype)),
    "rotary": lambda x: F.rotary_embedding(x, offset=3),
    "sinusoids": lambda x: nn.SinusoidalPositions()(x),
    "cache": lambda x: nn.KeyValueCache().append(x.detach(), x.detach()),
    "packed": lambda x: rnn.pad_packed_sequence(
        rnn.pack_padded_sequence(x[0], [2, 6, 1, 3], True, enforce_sorted=False)
    )[0],
    "reversed": lambda x: rnn.Ends(np.array([6, 4, 3, 1]), 6).reversed(x[0].transpose(0, 1)),
}


@pytest.mark.parametrize("name", CALLS)
def test_same_values_and_gradients_on_the_gpu(gpu: Any, name: str) -> None:
    x = nbdl.randn(2, 4, 6, 6, generator=nbdl.Generator(SEED), dtype="float64")
    found = []
    for device in ("cpu", "cuda"):
        own = x.to(device).requires_grad_()
        ys = list(leaves(CALLS[name](own)))
        assert all(y.device.type == device for y in ys)
        if ys[0].requires_grad:
            ys += nbdl.grad((ys[0] ** 2).sum(), [own])
        found.append([y.detach().cpu().numpy() for y in ys])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_layers_stay_on_the_gpu(gpu: Any) -> None:
    nbdl.manual_seed(1)
    x = nbdl.randn(6, 2, 8).to("cuda")
    attention = nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True).to("cuda")
    assert attention(x, x, x)[0].device == "cuda:0"
    recurrent = nn.LSTM(8, 4, bidirectional=True).to("cuda")
    packed = rnn.pack_padded_sequence(x, [6, 3])
    y, (h, _) = recurrent(packed)
    assert y.data.device == h.device == "cuda:0"
    softmax = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], div_value=2.0).to("cuda")
    assert softmax(x[:, 0], T([0, 2, 5, 11, 4, 1]).to("cuda")).loss.device == "cuda:0"
