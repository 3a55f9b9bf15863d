"""The same call to PyTorch and to nbdl, outputs and gradients: what the tests of OpInfo compare.

``counterparts.py`` says which nbdl function answers to which name.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nbdl
from tests.ops.counterparts import COUNTERPARTS as BASE
from tests.ops.counterparts import WITHOUT_GRADIENT, Unsupported
from tests.ops.counterparts_arrays import ARRAYS
from tests.ops.counterparts_linalg import FACTORS, HERMITIAN, LINALG, UP_TO_A_CHOICE, VARIANTS
from tests.ops.counterparts_nn import NN

torch = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
if not torch.__version__.startswith("2.13."):
    pytest.skip(f"the judge is torch 2.13, not {torch.__version__}", allow_module_level=True)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

torch.set_num_threads(1)
COUNTERPARTS = BASE | ARRAYS | LINALG | NN


def infos(dtype: Any) -> dict[str, list[Any]]:
    """OpInfo's entries that take a dtype, by name: some names have several."""
    found: dict[str, list[Any]] = defaultdict(list)
    for info in op_db:
        if dtype in info.dtypes:
            found[info.name].append(info)
    return found


def samples(info: Any, dtype: Any) -> list[Any]:
    """The entry's sample inputs; those with ``out=``, which nbdl does not have, are left out."""
    torch.manual_seed(0)
    differentiable = info.supports_autograd and dtype in info.supported_backward_dtypes("cpu")
    drawn = info.sample_inputs("cpu", dtype, requires_grad=differentiable)
    return [s for s in drawn if "out" not in s.kwargs]


@dataclass(frozen=True)
class Result:
    """What a call gave: tensors, and a gradient (None: zero) of each input that wants one."""

    outputs: list[Any]
    gradients: list[Any]


def theirs(info: Any, s: Any) -> Result:
    """PyTorch's result, with random gradients of the outputs."""
    args = (s.input, *s.args)
    y = info(*args, **s.kwargs)
    if isinstance(y, bool):
        return Result([torch.tensor(y)], [])
    es = flat(s.output_process_fn_grad(y) if info.name in UP_TO_A_CHOICE else y, torch.Tensor)
    leaves = flat((*args, *s.kwargs.values()), torch.Tensor)
    if info.name in FACTORS:
        triangle = torch.triu if s.kwargs.get("upper") else torch.tril
        leaves[FACTORS[info.name]].register_hook(triangle)
    if info.name in HERMITIAN:
        leaves[0].register_hook(lambda g: (g + g.mH) / 2)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    differentiable = [e for e in es if e.requires_grad]
    if info.name in WITHOUT_GRADIENT or not wanted or not differentiable:
        return Result(es, [])
    dys = [_dy(e) for e in differentiable]
    return Result(es, list(torch.autograd.grad(differentiable, wanted, dys, allow_unused=True)))


def ours(info: Any, s: Any, expected: Result) -> Result:
    """nbdl's result of the same call, with the same gradients of the outputs."""
    args = [tree(to_nbdl, a) for a in (s.input, *s.args)]
    kwargs = {k: tree(to_nbdl, v) for k, v in s.kwargs.items()}
    variant = (info.name, info.variant_test_name)
    y = VARIANTS.get(variant, COUNTERPARTS[info.name])(*args, **kwargs)
    if isinstance(y, bool):
        return Result([nbdl.tensor(y)], [])
    ys = flat(s.output_process_fn_grad(y) if info.name in UP_TO_A_CHOICE else y, nbdl.Tensor)
    assert [y.shape for y in ys] == [tuple(e.shape) for e in expected.outputs]
    if not expected.gradients:
        return Result(ys, [])
    pairs = [(y, e) for y, e in zip(ys, expected.outputs, strict=True) if e.requires_grad]
    wanted = [x for x in flat((*args, *kwargs.values()), nbdl.Tensor) if x.requires_grad]
    if not all(y.requires_grad for y, _ in pairs):
        return Result(ys, [None] * len(wanted))
    dys = [to_nbdl(_dy(e)) for _, e in pairs]
    return Result(ys, list(nbdl.grad([y for y, _ in pairs], wanted, dys, allow_unused=True)))


def pairs(found: Result, expected: Result) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """What is compared: its name, nbdl's array and PyTorch's."""
    for y, e in zip(found.outputs, expected.outputs, strict=True):
        yield "output", y.numpy(), to_numpy(e)
    for g, r in zip(found.gradients, expected.gradients, strict=True):
        if g is not None or r is not None:
            right = to_numpy(r.to_dense()) if r is not None else np.zeros(g.shape, g.dtype)
            yield "gradient", g.to_dense().numpy() if g is not None else np.zeros_like(right), right


def judge(name: str, info: Any, chosen: list[Any], check: Callable[[Any, Any], None]) -> None:
    """Check samples of an entry, most of which nbdl must be able to answer.

    Samples that use an argument nbdl's function does not have are counted, and there may be few.
    """
    passed_over = 0
    for s in chosen:
        try:
            check(info, s)
        except Unsupported:
            passed_over += 1
        except Exception as error:
            shown = [tuple(t.shape) for t in flat((s.input, *s.args), torch.Tensor)]
            raise AssertionError(
                f"{name}: inputs {shown}, arguments {s.args} {s.kwargs}: {error}"
            ) from error
    assert len(chosen) > passed_over, f"{name}: {passed_over} of {len(chosen)} were passed over"


def to_nbdl(t: Any) -> Any:
    """PyTorch's tensor, its dtype, and whether it wants a gradient."""
    x = nbdl.tensor(to_numpy(t).copy())
    return x.requires_grad_() if t.requires_grad else x


def to_numpy(t: Any) -> np.ndarray:
    """PyTorch's tensor as an array; bfloat16 is ml_dtypes'."""
    t = t.detach().resolve_conj().resolve_neg()
    if t.dtype == torch.bfloat16:
        return t.float().numpy(force=True).astype(nbdl.bfloat16)
    return t.numpy(force=True)


def flat(x: Any, kind: type) -> list[Any]:
    """The values of one kind in lists and tuples."""
    if isinstance(x, kind):
        return [x]
    if isinstance(x, (list, tuple)):
        return [v for item in x for v in flat(item, kind)]
    return []


def _dy(e: Any) -> Any:
    """The same numbers for every dtype."""
    generator = torch.Generator().manual_seed(3 + e.numel())
    kind = torch.complex64 if e.is_complex() else torch.float32
    return torch.randn(e.shape, generator=generator, dtype=kind).to(e.dtype)


def tree(function: Any, x: Any) -> Any:
    """``function`` of the tensors in lists and tuples; dtypes by their names."""
    if isinstance(x, torch.Tensor):
        return function(x)
    if isinstance(x, (list, tuple)):
        return type(x)(tree(function, v) for v in x)
    return str(x).removeprefix("torch.") if isinstance(x, torch.dtype) else x
