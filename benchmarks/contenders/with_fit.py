"""The classic listing as people run it: a thousand epochs of nbdl's ``fit``."""

from __future__ import annotations

from typing import Any

from benchmarks.contenders.training import Measured, spread
from benchmarks.contenders.with_nbdl import WithNbdl
from benchmarks.harness import timed
from benchmarks.models import Example, weights

EPOCHS = 1000


class WithFit(WithNbdl):
    """Linear regression through Keras's names. A step is an epoch of one batch, all in all.

    Everything ``fit`` does besides is in it: history, checks, the run's record.
    """

    def __init__(self, example: Example, small: bool) -> None:
        super().__init__(example, small, compiled=False)

    def build(self) -> None:
        from nbdl import keras

        start = weights({"weight": (1, 1), "bias": (1,)})
        self.network = keras.models.Sequential([keras.layers.Dense(1, input_shape=[1])])
        self.network.set_weights([start["weight"].T, start["bias"]])
        adamw = keras.optimizers.AdamW(1e-3, weight_decay=0.01, epsilon=1e-8)
        self.network.compile(optimizer=adamw, loss="mean_squared_error")
        self.x, self.y = self.example.sample(small=self.small)
        self.losses.clear()

    def compute(self) -> float:
        return self._fit(1)[-1]

    def _fit(self, epochs: int) -> list[float]:
        return self.network.fit(self.x, self.y, epochs=epochs, verbose=0).history["loss"]

    def steps(self, count: int, least: float, most: float) -> Measured:
        """Time of an epoch among a thousand."""
        runs = timed(lambda: self._fit(EPOCHS), -(-count // EPOCHS), least, most)
        median, minimum, number = spread(runs)
        return median / EPOCHS, minimum / EPOCHS, number * EPOCHS

    def predict(self, x: Any) -> Any:
        return self.network.predict(x, verbose=0)
