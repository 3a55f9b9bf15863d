"""A training step to try things on: eager and compiled, from the same start."""

from __future__ import annotations

from typing import Any

import numpy as np

import nbdl
from nbdl import nn, optim
from nbdl.compiler import CompiledStep
from nbdl.nn import functional as F

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 12)


class Step:
    """Model, optimizer and the compiled step that trains them."""

    def __init__(self, rule: str = "AdamW", **options: Any) -> None:
        nbdl.manual_seed(0)
        self.model = nn.Sequential(
            nn.Linear(6, 8, bias=False),  # before batch norm its gradient is but rounding
            nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3),
        )  # fmt: skip
        self.optimizer = getattr(optim, rule)(self.model.parameters(), **{"lr": 0.1, **options})
        self.tensors = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        self.compiled = CompiledStep(self.eager, self.tensors, self.model.modules())

    def eager(self, x: Any, y: Any) -> Any:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss

    def __call__(self, x: np.ndarray = X, y: np.ndarray = Y, accept: Any = None) -> float:
        return float(self.compiled([x, y], accept))

    def run_eagerly(self, x: np.ndarray = X, y: np.ndarray = Y) -> float:
        return float(self.eager(nbdl.tensor(x), nbdl.tensor(y)).item())

    def state(self) -> dict[str, Any]:
        """Copies of all that a step changes."""
        found: dict[str, Any] = {k: t.numpy().copy() for k, t in self.tensors.items()}
        for name, p in self.model.named_parameters():
            for key, v in self.optimizer.state.get(p, {}).items():
                found[f"{name}.{key}"] = np.array(v)
        return found


def same(found: dict[str, Any], right: dict[str, Any], tolerance: float = 0.0) -> None:
    assert found.keys() == right.keys()
    for name, value in right.items():
        np.testing.assert_allclose(found[name], value, tolerance, tolerance, err_msg=name)
