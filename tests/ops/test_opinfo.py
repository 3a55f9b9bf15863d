"""PyTorch as judge: all float64 and complex128 samples of OpInfo, outputs and gradients compared.

``counterparts.py`` says which nbdl function answers to which name. Samples that use an argument
nbdl's function does not have (``out=``, a dtype that PyTorch alone knows) are counted, and there
may be few of them.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import nbdl
from tests.ops.counterparts import COUNTERPARTS as BASE
from tests.ops.counterparts import NOT_UNIQUE, WITHOUT_GRADIENT, Unsupported
from tests.ops.counterparts_arrays import ARRAYS
from tests.ops.counterparts_linalg import (
    FACTORS,
    HERMITIAN,
    LINALG,
    REAL_ONLY,
    UP_TO_A_CHOICE,
    VARIANTS,
)
from tests.ops.counterparts_nn import NN

torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
pytestmark = [pytest.mark.judge, pytest.mark.filterwarnings("ignore")]
if not torch.__version__.startswith("2.13."):
    pytest.skip(f"the judge is torch 2.13, not {torch.__version__}", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

torch.set_num_threads(1)
COUNTERPARTS = BASE | ARRAYS | LINALG | NN
INFOS: dict[str, list[Any]] = defaultdict(list)
COMPLEX_INFOS: dict[str, list[Any]] = defaultdict(list)
for _info in op_db:
    if torch.float64 in _info.dtypes:
        INFOS[_info.name].append(_info)
    if torch.complex128 in _info.dtypes:
        COMPLEX_INFOS[_info.name].append(_info)


def _tree(function: Any, x: Any) -> Any:
    if isinstance(x, torch.Tensor):
        return function(x)
    if isinstance(x, (list, tuple)):
        return type(x)(_tree(function, v) for v in x)
    return _plain(x)


def _plain(x: Any) -> Any:
    """dtypes by their names; everything else as it is."""
    return str(x).removeprefix("torch.") if isinstance(x, torch.dtype) else x


def _to_nbdl(t: Any) -> Any:
    x = nbdl.tensor(t.detach().resolve_conj().resolve_neg().numpy().copy())
    return x.requires_grad_() if t.requires_grad else x


def _flat(x: Any, kind: type) -> list[Any]:
    if isinstance(x, kind):
        return [x]
    if isinstance(x, (list, tuple)):
        return [v for item in x for v in _flat(item, kind)]
    return []


def _check(info: Any, s: Any) -> None:
    args = (s.input, *s.args)
    expected = info(*args, **s.kwargs)
    ours = [_tree(_to_nbdl, a) for a in args]
    kwargs = {k: _tree(_to_nbdl, v) for k, v in s.kwargs.items()}
    variant = (info.name, info.variant_test_name)
    found = VARIANTS.get(variant, COUNTERPARTS[info.name])(*ours, **kwargs)
    if isinstance(expected, bool):
        assert found is expected
        return
    if info.name in UP_TO_A_CHOICE:
        expected, found = s.output_process_fn_grad(expected), s.output_process_fn_grad(found)
    es, ys = _flat(expected, torch.Tensor), _flat(found, nbdl.Tensor)
    assert len(ys) == len(es)
    for y, e in zip(ys, es, strict=True):
        assert y.shape == tuple(e.shape)
        if info.name not in NOT_UNIQUE:
            _close(y, e, "output")
    leaves = _flat((*args, *s.kwargs.values()), torch.Tensor)
    mine = _flat((*ours, *kwargs.values()), nbdl.Tensor)
    if info.name in FACTORS:
        triangle = torch.triu if s.kwargs.get("upper") else torch.tril
        leaves[FACTORS[info.name]].register_hook(triangle)
    if info.name in HERMITIAN:
        leaves[0].register_hook(lambda g: (g + g.mH) / 2)
    if info.name not in WITHOUT_GRADIENT:
        _check_gradients(es, ys, leaves, mine)


def _check_gradients(es: Any, ys: Any, leaves: Any, mine: Any) -> None:
    pairs = [(e, y) for e, y in zip(es, ys, strict=True) if e.requires_grad]
    wanted = [(a, b) for a, b in zip(leaves, mine, strict=True) if a.requires_grad]
    if not pairs or not wanted:
        return
    generator = torch.Generator().manual_seed(3)
    dys = [torch.randn(e.shape, generator=generator, dtype=e.dtype) for e, _ in pairs]
    right = torch.autograd.grad([e for e, _ in pairs], [a for a, _ in wanted], dys,
                                allow_unused=True)  # fmt: skip
    if not all(y.requires_grad for _, y in pairs):
        assert not any(r is not None and r.any() for r in right), "a gradient is missing"
        return
    got = nbdl.grad([y for _, y in pairs], [b for _, b in wanted],
                    [nbdl.tensor(d.numpy()) for d in dys], allow_unused=True)  # fmt: skip
    for g, r in zip(got, right, strict=True):
        if r is None:
            assert g is None or not g.numpy().any()
        else:
            assert g is not None or not r.any(), "a gradient is missing"
            if g is not None:
                _close(g, r, "gradient")


def _close(y: Any, e: Any, what: str) -> None:
    value = e.detach().resolve_conj().resolve_neg().numpy(force=True)
    np.testing.assert_allclose(y.numpy(), value, rtol=1e-7, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("name", sorted(COUNTERPARTS))
def test_agrees_with_pytorch(name: str) -> None:
    assert INFOS[name], f"OpInfo has no {name}"
    _judge(name, INFOS[name], torch.float64)


@pytest.mark.parametrize("name", [n for n in sorted(COUNTERPARTS) if COMPLEX_INFOS[n]])
def test_complex_numbers_agree_with_pytorch(name: str) -> None:
    if name in REAL_ONLY:
        pytest.skip(f"nbdl's {name} takes real numbers only")
    _judge(name, COMPLEX_INFOS[name], torch.complex128)


def _judge(name: str, infos: list[Any], dtype: Any) -> None:
    """All samples of one dtype."""
    checked = passed_over = 0
    for info in infos:
        torch.manual_seed(0)
        differentiable = info.supports_autograd
        for s in info.sample_inputs("cpu", dtype, requires_grad=differentiable):
            if "out" in s.kwargs:
                continue
            try:
                _check(info, s)
            except Unsupported:
                passed_over += 1
            except Exception as error:
                shown = [tuple(t.shape) for t in _flat((s.input, *s.args), torch.Tensor)]
                raise AssertionError(
                    f"{name}: inputs {shown}, arguments {s.args} {s.kwargs}: {error}"
                ) from error
            checked += 1
    assert checked > passed_over, f"{name}: {passed_over} of {checked} samples were passed over"
