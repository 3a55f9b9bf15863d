"""Layers that find their first size at the first call, beside PyTorch's."""

from __future__ import annotations

import pytest

import nbdl.torch as ours

theirs = pytest.importorskip("torch", reason="PyTorch, the judge, is not installed")
pytestmark = pytest.mark.judge


@pytest.mark.filterwarnings("ignore:Lazy modules")
@pytest.mark.parametrize("name", sorted(n for n in dir(theirs.nn) if n.startswith("Lazy")))
def test_a_lazy_layer_has_pytorchs_sizes_after_a_call(name: str) -> None:
    axes = int(name[-2]) if name.endswith("d") else 0
    args = (5, 3)[: 2 if "Conv" in name else 1] if "Norm" not in name else ()
    options = {"affine": True, "track_running_stats": True} if "Norm" in name else {}
    shape = (2, 4, *(6,) * axes)
    mine, other = (getattr(m.nn, name)(*args, **options) for m in (ours, theirs))
    y, e = mine(ours.ones(*shape)), other(theirs.ones(*shape))
    assert tuple(y.shape) == tuple(e.shape)
    sizes = {k: tuple(v.shape) for k, v in other.state_dict().items()}
    assert {k: tuple(v.shape) for k, v in mine.state_dict().items()} == sizes
