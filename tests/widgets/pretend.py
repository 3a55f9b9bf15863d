"""Runs whose numbers are made by formulas, so that views can be tried without training."""

from __future__ import annotations

import threading
import time

import numpy as np

from nbdl.core.tensor import Tensor
from nbdl.training.run import Run

LAYERS = (
    "conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "norm.weight", "norm.bias",
    "head.0.weight", "head.0.bias", "head.2.weight", "head.2.bias",
)  # fmt: skip


class PretendRun(Run):
    """A real Run whose steps only write numbers down.

    Args:
        epochs, steps: how many epochs of how many steps.
        pace: seconds a step takes.
        fail_at: the step that raises, or None.
    """

    def __init__(
        self, epochs: int = 5, steps: int = 60, pace: float = 0.0, fail_at: int | None = None
    ) -> None:
        config = {"loss": "cross_entropy", "optim": "adamw", "batch_size": 64, "device": "cpu"}
        super().__init__("lenet", config)
        self.epochs, self.total_steps = epochs, epochs * steps
        self.classes = ("zero", "one", *map(str, range(2, 10)))
        self.steps_an_epoch, self.pace, self.fail_at = steps, pace, fail_at
        self._lr = 1e-3
        self.numbers = np.random.default_rng(0)

    def go(self) -> PretendRun:
        """Run in a thread of its own."""
        threading.Thread(target=lambda: self._work(self.work), daemon=True).start()
        return self

    def work(self) -> str | None:
        """All steps; how it ended, or None when somebody wished it to end."""
        for epoch in range(1, self.epochs + 1):
            self.epoch = epoch
            for _ in range(self.steps_an_epoch):
                if not self.between_steps():
                    return None
                self.one_step()
            self.validate()
        return f"{self.epochs} epochs done"

    def one_step(self) -> None:
        """One step's numbers: a falling loss with noise, gradients of different sizes."""
        if self.pace:
            time.sleep(self.pace)
        if self.fail_at == self.step + 1:
            raise ValueError("Linear(128, 10) got (64, 64): expected 128 features")
        noise = self.numbers.normal(0, 0.08)
        loss = 0.08 + 2.2 * np.exp(-self.step / 60) * (1 + noise)
        accuracy = min(1.0, 1 - loss / 2.6 + noise / 4)
        self.step_done({"loss": loss, "accuracy": accuracy}, 64)
        if self.step % 3 == 0:
            sizes = np.logspace(-3, 0, len(LAYERS)) * (0.3 + np.exp(-self.step / 80))
            norms = sizes * self.numbers.lognormal(0, 0.3, len(LAYERS))
            weights = np.linspace(1, 4, len(LAYERS))
            self.history.gradients.append(LAYERS, self.step, norms, weights, norms * 3e-3)

    def validate(self) -> None:
        """An epoch's validation."""
        loss = 0.1 + 2.3 * float(np.exp(-self.step / 70))
        self.history.append(self.step, {"val_loss": loss, "val_accuracy": 1 - loss / 2.7})
        right = 20 + self.epoch
        counts = self.numbers.integers(0, 3, (10, 10)) + right * np.eye(10, dtype=int)
        self.results["confusion_matrix"] = counts
        self.show_examples(Tensor(np.eye(8)[None].repeat(2, 0)), Tensor(np.eye(2, 10)),
                           Tensor(np.arange(2)))  # fmt: skip
        self.history.note("status", f"epoch {self.epoch}: val_loss {loss:.3f}")
