"""The base of Keras's callbacks, and what ``fit`` returns."""

from __future__ import annotations

from typing import Any

Logs = dict[str, float]


class Callback:
    """Base; override the hooks that are wanted. ``self.model.stop_training = True`` ends fit."""

    model: Any = None
    params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """``fit`` says which model is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """``fit`` says ``epochs``, ``steps`` and ``verbose``."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, however fit ends."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch; they count from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch; ``logs`` has its losses and metrics, ``val_...`` too."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step; they count from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step; ``logs`` has its loss."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before a validation or an evaluation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After a validation or an evaluation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of a validation or an evaluation."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of a validation; ``logs`` has the values so far."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before ``predict``."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After ``predict``."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of ``predict``."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch of ``predict``."""


class History(Callback):
    """What ``fit`` returns.

    Attributes:
        history: for each name a list with one number an epoch.
        epoch: numbers of the epochs, from 0.
        run: the Run behind it: losses of all steps, gradient norms, events.
    """

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []
        self.run: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: the numbers, without the run."""
        return {**vars(self), "run": None}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"<History: {len(self.epoch)} epochs of {', '.join(self.history) or 'nothing'}>"
