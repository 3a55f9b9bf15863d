"""Callbacks with Keras's names. They are called in the training thread, between steps."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbdl import files
from nbdl.backends import to_device
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, did_you_mean
from nbdl.keras.callback import Callback as Callback
from nbdl.keras.callback import History as History
from nbdl.keras.callback import Logs
from nbdl.training.checkpointing.resume import is_cut_off


class LambdaCallback(Callback):
    """Functions as hooks: ``LambdaCallback(on_epoch_end=lambda epoch, logs: ...)``."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            if name not in HOOKS:
                raise ArgumentError(
                    f"LambdaCallback has no hook {name!r}{did_you_mean(name, HOOKS)}",
                    hint="one of " + ", ".join(HOOKS),
                )
            if function is not None:
                setattr(self, name, function)


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


class _Monitor(Callback):
    """Watches one of the logs for improvement."""

    remembers: tuple[str, ...] = ("best",)
    """What it knows of the epochs so far: kept with a run's checkpoints."""

    def __init__(self, monitor: str, mode: str, min_delta: float) -> None:
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(
                f"{type(self).__name__}: mode={mode!r} must be 'auto', 'min' or 'max'"
            )
        self.monitor, self.min_delta = monitor, abs(min_delta)
        plain = monitor.removeprefix("val_")
        grows = plain in ("acc", "precision", "recall") or plain.startswith(("auc", "fmeasure"))
        grows = grows or plain.endswith("accuracy")
        self.sign = 1.0 if mode == "max" or (mode == "auto" and grows) else -1.0
        self.best: float = -self.sign * math.inf

    def value(self, logs: Logs | None) -> float:
        """The value watched; ArgumentError if there is none."""
        logs = logs or {}
        if self.monitor not in logs:
            raise ArgumentError(
                f"{type(self).__name__} watches {self.monitor!r}, which this training does not "
                f"have{did_you_mean(self.monitor, logs)}",
                hint=f"it has {', '.join(logs)}"
                + ("; give validation_data" if self.monitor.startswith("val_") else ""),
            )
        return logs[self.monitor]

    def improves(self, value: float, than: float) -> bool:
        """Whether ``value`` is better by more than ``min_delta``."""
        return self.sign * value > self.sign * than + self.min_delta

    def state_dict(self) -> dict[str, Any]:
        """What it remembers."""
        return {name: getattr(self, name) for name in self.remembers}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that."""
        for name in self.remembers:
            setattr(self, name, state[name])


class EarlyStopping(_Monitor):
    """End fit when ``monitor`` has not improved for ``patience`` epochs."""

    remembers = ("best", "wait", "stopped_epoch", "best_epoch")

    def __init__(
        self, monitor: str = "val_loss", min_delta: float = 0, patience: int = 0,
        verbose: int = 0, mode: str = "auto", baseline: float | None = None,
        restore_best_weights: bool = False, start_from_epoch: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        self.patience, self.baseline = patience, baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best = -self.sign * math.inf
        self.best_weights: list[tuple[Tensor, Any]] | None = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.value(logs)
        if epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:  # values are never changed in place: no copies
                self.best_weights = [(w, w.value) for w in self.model.weights]
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        for weight, value in self.best_weights or ():
            weight.value = value

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, the best weights among it."""
        best = self.best_weights
        values = None if best is None else [Tensor._wrap(value) for _, value in best]
        return {**super().state_dict(), "weights": values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with that."""
        super().load_state_dict(state)
        if state["weights"] is not None:
            pairs = zip(self.model.weights, state["weights"], strict=True)
            self.best_weights = [(w, to_device(saved.value, w.device)) for w, saved in pairs]


class ReduceLROnPlateau(_Monitor):
    """Multiply the learning rate by ``factor`` when ``monitor`` has stopped improving."""

    remembers = ("best", "wait", "cooldown_counter")

    def __init__(
        self, monitor: str = "val_loss", factor: float = 0.1, patience: int = 10,
        verbose: int = 0, mode: str = "auto", min_delta: float = 1e-4, cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise ArgumentError(f"ReduceLROnPlateau: factor={factor!r} must be below 1")
        self.factor, self.patience = factor, patience
        self.cooldown, self.min_lr = cooldown, min_lr

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.best = -self.sign * math.inf
        self.wait = self.cooldown_counter = 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        value = self.value(logs)
        optimizer = self.model.optimizer
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooldown_counter <= 0:
            self.wait += 1
            if self.wait >= self.patience and optimizer.learning_rate > self.min_lr:
                optimizer.learning_rate = max(optimizer.learning_rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
        if logs is not None:
            logs["learning_rate"] = optimizer.learning_rate


class LearningRateScheduler(Callback):
    """Set the learning rate before each epoch: ``schedule(epoch, learning_rate)``."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        if not callable(schedule):
            raise ArgumentError(f"LearningRateScheduler needs a function, got {schedule!r}")
        self.schedule = schedule

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        optimizer = self.model.optimizer
        try:
            optimizer.learning_rate = float(self.schedule(epoch, optimizer.learning_rate))
        except TypeError:  # a function of the epoch alone
            optimizer.learning_rate = float(self.schedule(epoch))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


class ModelCheckpoint(_Monitor):
    """Save the weights after each epoch, or the best ones only.

    ``filepath`` may name the epoch and the logs: ``"w-{epoch:02d}-{val_loss:.2f}.safetensors"``.
    Only weights are saved, so ``save_weights_only=True`` has to be said.
    """

    def __init__(
        self, filepath: Any, monitor: str = "val_loss", verbose: int = 0,
        save_best_only: bool = False, save_weights_only: bool = False, mode: str = "auto",
        save_freq: Any = "epoch", initial_value_threshold: float | None = None,
    ) -> None:  # fmt: skip
        super().__init__(monitor, mode, 0.0)
        if not save_weights_only:
            raise ArgumentError(
                "ModelCheckpoint saves weights, not whole models",
                hint="ModelCheckpoint(path, save_weights_only=True)",
            )
        if save_freq != "epoch":
            raise ArgumentError(f"ModelCheckpoint: save_freq={save_freq!r} must be 'epoch'")
        self.filepath, self.save_best_only = str(filepath), save_best_only
        if initial_value_threshold is not None:
            self.best = initial_value_threshold

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_best_only:
            value = self.value(logs)
            if not self.improves(value, self.best):
                return
            self.best = value
        try:
            path = self.filepath.format(epoch=epoch + 1, **(logs or {}))
        except KeyError as error:
            raise ArgumentError(
                f"ModelCheckpoint: filepath={self.filepath!r} names {error}, there is "
                f"{', '.join(['epoch', *(logs or {})])}"
            ) from None
        self.model.save_weights(path)


class CSVLogger(Callback):
    """Write one line an epoch into a CSV file, behind those of the epochs of a resumed fit."""

    def __init__(self, filename: Any, separator: str = ",", append: bool = False) -> None:
        self.path, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.append and not self.params.get("resumed"):
            self.path.write_text("")
        self._header = not self.state_dict()["size"]

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        names = sorted(logs or {})
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file, delimiter=self.separator)
            if self._header:
                writer.writerow(["epoch", *names])
                self._header = False
            writer.writerow([epoch, *((logs or {})[name] for name in names)])

    def state_dict(self) -> dict[str, int]:
        """How long the file is."""
        return {"size": self.path.stat().st_size if self.path.exists() else 0}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take away what was written later."""
        if self.state_dict()["size"] > state["size"]:
            os.truncate(self.path, state["size"])
        self._header = not self.state_dict()["size"]


class TerminateOnNaN(Callback):
    """End fit quietly when the loss is NaN or infinite; without it that is an error.

    The step that gave it does not change the weights.
    """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            self.model.stop_training = True
            self.model._fit_run.stop()


class BackupAndRestore(Callback):
    """Go on by itself where the fit of this cell was cut off.

    ``backup_dir`` remembers which run it was; its state lies with the checkpoints of all runs, so
    that the fit goes on in the middle of an epoch, as ``fit(..., resume=True)`` does.

    Args:
        backup_dir: a folder for this fit alone.
        save_freq: ``"epoch"``, as often as costs next to nothing, or a number of steps.
        double_checkpoint: accepted for Keras's sake; ends of epochs are kept anyway.
        delete_checkpoint: forget the run when it is finished.
    """

    def __init__(
        self, backup_dir: Any, save_freq: Any = "epoch", double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:  # fmt: skip
        if save_freq != "epoch" and (type(save_freq) is not int or save_freq < 1):
            raise ArgumentError(
                f"BackupAndRestore: save_freq={save_freq!r} must be 'epoch' or a number of steps"
            )
        self.path = Path(backup_dir) / "run.json"
        self.checkpoint = True if save_freq == "epoch" else save_freq
        self.delete_checkpoint = delete_checkpoint

    def remembered(self) -> str | None:
        """The id of the run that was cut off, if its state is there; else None."""
        try:
            run = str(json.loads(self.path.read_text())["run"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return run if is_cut_off(run) else None

    def begins(self, run: Any) -> None:
        """Remember this run, until it is finished."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        said = json.dumps({"run": run.id}).encode()
        files.write_whole(self.path, lambda file: file.write(said))

        def ended() -> None:
            if run.status == "finished" and self.delete_checkpoint:
                self.path.unlink(missing_ok=True)

        run.at_end.append(ended)
