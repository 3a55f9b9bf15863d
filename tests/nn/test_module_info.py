"""Every layer against PyTorch's on the configurations that PyTorch tests its own layers with.

Both layers are built with the same arguments and given the same state; outputs, gradients of
inputs and parameters, and buffers afterwards must agree in float64.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import nbdl
from nbdl import nn
from nbdl.core.tensor import Tensor

pytestmark = pytest.mark.judge

try:
    import torch
    from torch.testing._internal.common_modules import module_db
except ImportError:  # conftest skips this file's tests visibly
    module_db = []

RANDOM = {
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout",
    "RReLU",
}  # fmt: skip
"""Layers whose training mode draws numbers; they are judged in evaluation mode."""

ELSEWHERE = {
    **dict.fromkeys(
        (f"Lazy{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3)),
        "here a size given as None; nbdl.torch.nn has these names",
    ),
}
"""Layers of PyTorch that nbdl.nn does not have, and why."""


def translated(x: Any) -> Any:
    """PyTorch's tensors, dtypes and structures of them as nbdl's."""
    if isinstance(x, torch.Tensor):
        y = Tensor(x.detach().numpy().copy())
        return y.requires_grad_() if x.requires_grad else y
    if isinstance(x, torch.dtype):
        return str(x).removeprefix("torch.")
    if isinstance(x, torch.device):
        return x.type
    if isinstance(x, torch.nn.TransformerEncoderLayer):
        attention = x.self_attn
        return nn.TransformerEncoderLayer(
            attention.embed_dim, attention.num_heads, x.linear1.out_features, x.dropout.p,
            "gelu" if x.activation_relu_or_gelu == 2 else "relu", x.norm1.eps,
            attention.batch_first, x.norm_first, x.linear1.bias is not None,
        )  # fmt: skip
    if isinstance(x, dict):
        return {k: translated(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return type(x)(translated(v) for v in x)
    if callable(x):
        name = getattr(x, "__name__", "")
        return getattr(nn.functional, name, x)
    return x


def tensors(x: Any) -> list[Any]:
    """The tensors in a nested structure."""
    if isinstance(x, (torch.Tensor, Tensor)):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        return [t for v in x for t in tensors(v)]
    return []


def agree(ours: Any, theirs: Any, what: str) -> None:
    a, b = np.asarray(ours.detach()), theirs.detach().numpy()
    assert a.shape == b.shape, what
    np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9, err_msg=what)


def floating(values: list[Any]) -> list[Any]:
    return [v for v in values if v.requires_grad]


def compare(info: Any, name: str, sample: Any, training: bool) -> None:
    args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
    theirs = info.module_cls(*args, **kwargs).double().train(training)
    ours = getattr(nn, name)(*translated(args), **translated(kwargs)).double().train(training)
    state = {k: v.numpy().copy() for k, v in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)

    their_inputs = (sample.forward_input.args, sample.forward_input.kwargs)
    our_inputs = translated(their_inputs)
    y = tensors(theirs(*their_inputs[0], **their_inputs[1]))
    z = tensors(ours(*our_inputs[0], **our_inputs[1]))
    assert len(y) == len(z)
    for i, (a, b) in enumerate(zip(z, y, strict=True)):
        agree(a, b, f"output {i}")
    rng = np.random.default_rng(0)
    seeds = [rng.normal(size=tuple(v.shape)) for v in y]
    total = [(v * torch.tensor(s)).sum() for v, s in zip(y, seeds, strict=True) if v.requires_grad]
    if total:
        sum(total).backward()
        sum((v * Tensor(s)).sum() for v, s in zip(z, seeds, strict=True)
            if v.requires_grad).backward()  # fmt: skip
    for i, (a, b) in enumerate(zip(tensors(our_inputs), tensors(their_inputs), strict=True)):
        if b.grad is not None and b.is_leaf:
            agree(a.grad, b.grad, f"gradient of input {i}")
    gradients = dict(ours.named_parameters())
    for key, p in theirs.named_parameters():
        if p.grad is not None:
            agree(gradients[key].grad, p.grad, f"gradient of {key}")
    after = ours.state_dict()
    for key, value in theirs.state_dict().items():
        agree(after[key], value, f"{key} afterwards")


def samples(info: Any, training: bool) -> list[Any]:
    torch.manual_seed(0)
    return list(
        info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
        )
    )


KNOWN = [i for i in module_db if getattr(nn, i.module_cls.__name__, None) is not None]


@pytest.mark.parametrize("info", KNOWN, ids=[i.module_cls.__name__ for i in KNOWN])
def test_layer_agrees_with_pytorchs(info):
    name = info.module_cls.__name__
    count = 0
    for training in (False,) if name in RANDOM else (False, True):
        for number, sample in enumerate(samples(info, training)):
            if sample.forward_input is None:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    compare(info, name, sample, training)
                except Exception as error:
                    error.add_note(f"sample {number}, training={training}: "
                                   f"{sample.constructor_input}")  # fmt: skip
                    raise
            count += 1
    assert count


def without_data(x: Any) -> Any:
    """Tensors of shapes alone, for those in a nested structure."""
    if isinstance(x, Tensor):
        return x.detach().to("meta")
    if isinstance(x, dict):
        return {k: without_data(v) for k, v in x.items()}
    return type(x)(map(without_data, x)) if isinstance(x, (list, tuple)) else x


@pytest.mark.parametrize("info", KNOWN, ids=[i.module_cls.__name__ for i in KNOWN])
def test_layer_gives_the_same_shapes_without_data(info):
    name = info.module_cls.__name__
    for sample in samples(info, False):
        if sample.forward_input is None:
            continue
        args, kwargs = sample.constructor_input.args, sample.constructor_input.kwargs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            layer = getattr(nn, name)(*translated(args), **translated(kwargs)).double().eval()
            inputs = translated((sample.forward_input.args, sample.forward_input.kwargs))
            y = layer(*inputs[0], **inputs[1])
            shapes = without_data(inputs)
            z = layer(*shapes[0], **shapes[1])
        assert [v.shape for v in tensors(z)] == [v.shape for v in tensors(y)]
        assert [v.dtype for v in tensors(z)] == [v.dtype for v in tensors(y)]


def test_every_layer_of_pytorchs_table_is_judged_or_named_as_missing():
    names = {i.module_cls.__name__ for i in module_db}
    judged = {i.module_cls.__name__ for i in KNOWN}
    assert names - judged <= ELSEWHERE.keys()
    assert not judged & ELSEWHERE.keys()
    assert nbdl.nn is nn
