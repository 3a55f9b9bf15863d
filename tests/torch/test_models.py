"""The same text runs on PyTorch and on nbdl.torch: outputs, gradients and five training steps.

The files in models/ are PyTorch programs as people write them. Each is executed twice, once as
it stands and once with ``torch`` in its imports replaced by ``nbdl.torch``; both start from the
same state dict and see the same data and the same noise. Everything is float64, so that what is
compared is the mathematics and not the order of the additions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nbdl
import nbdl.torch

MODELS = sorted((Path(__file__).parent / "models").glob("*.py"))
STEPS = 5

pytestmark = pytest.mark.judge


def with_nbdl(text: str) -> str:
    """The text after the one change a user makes: its imports."""
    text = re.sub(r"^import torch$", "import nbdl.torch as torch", text, flags=re.M)
    return re.sub(r"^(import|from) torch\b", r"\1 nbdl.torch", text, flags=re.M)


def run(path: Path, change: Callable[[str], str] = str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"{path.stem}_as_{change.__name__}"}
    exec(compile(change(path.read_text()), str(path), "exec"), names)
    return names


@contextmanager
def noise(framework: Any, seed: int) -> Iterator[None]:
    """``randn`` and ``randn_like`` draw the same numbers in both frameworks."""
    rng = np.random.default_rng(seed)
    before = framework.randn, framework.randn_like
    framework.randn = lambda *shape, **_: framework.tensor(rng.normal(size=shape))
    framework.randn_like = lambda x: framework.tensor(rng.normal(size=tuple(x.shape)))
    try:
        yield
    finally:
        framework.randn, framework.randn_like = before


def close(ours: Any, theirs: Any, what: str, tolerance: float = 1e-9) -> None:
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape, what
    scale = max(1.0, float(np.abs(b).max(initial=0)))
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


@pytest.fixture
def double(monkeypatch):
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    nbdl.set_default_float(nbdl.float64)
    torch.manual_seed(0)
    nbdl.manual_seed(0)
    yield torch
    torch.set_default_dtype(before)
    nbdl.set_default_float(nbdl.float32)


@pytest.mark.parametrize("path", MODELS, ids=[p.stem for p in MODELS])
def test_the_same_text_gives_the_same_numbers(path, double):
    torch = double
    theirs, ours = run(path), run(path, with_nbdl)
    assert ours["torch"] is nbdl.torch

    their_models, our_models = theirs["build"](), ours["build"]()
    for name, module in their_models.items():
        state = {k: v.numpy().copy() for k, v in module.state_dict().items()}
        assert list(our_models[name].state_dict()) == list(state)
        our_models[name].load_state_dict(state)
        assert repr(our_models[name]).split("(")[0] == repr(module).split("(")[0]

    arrays = theirs["data"](np.random.default_rng(1))
    their_data = [torch.tensor(a) for a in arrays]
    our_data = [nbdl.torch.tensor(a) for a in arrays]

    with noise(torch, 2):
        y = theirs["output"](their_models, *their_data)
        y.square().sum().backward()
    with noise(nbdl.torch, 2):
        z = ours["output"](our_models, *our_data)
        z.square().sum().backward()
    close(z.detach(), y.detach(), "output")
    for name, module in their_models.items():
        gradients = dict(our_models[name].named_parameters())
        for key, p in module.named_parameters():
            assert (p.grad is None) == (gradients[key].grad is None), f"gradient of {name}.{key}"
            if p.grad is not None:
                close(gradients[key].grad, p.grad, f"gradient of {name}.{key}")
        module.zero_grad()
        our_models[name].zero_grad()

    their_optimizers, our_optimizers = (
        m["optimizers"](models) for m, models in ((theirs, their_models), (ours, our_models))
    )
    for i in range(STEPS):
        with noise(torch, 3 + i):
            a = theirs["step"](their_models, their_optimizers, *their_data)
        with noise(nbdl.torch, 3 + i):
            b = ours["step"](our_models, our_optimizers, *our_data)
        close(b, a, f"loss of step {i}", 1e-7)
    for name, module in their_models.items():
        after = our_models[name].state_dict()
        for key, value in module.state_dict().items():
            close(after[key], value, f"{name}.{key} after {STEPS} steps", 1e-7)


def test_the_models_named_in_the_promise_are_all_there():
    assert {p.stem for p in MODELS} == {
        "lenet",
        "resnet18",
        "mobilenetv2",
        "unet",
        "dcgan",
        "vae",
        "lstm_lm",
        "seq2seq",
        "gpt",
        "vit",
    }
