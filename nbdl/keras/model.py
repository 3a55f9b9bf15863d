"""Model: compile, fit, evaluate, predict, summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nbdl import dtypes
from nbdl.core import modes
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DataError, FileError, ShapeError, TrainingError
from nbdl.interop import save
from nbdl.interop.safetensors import load_with_metadata
from nbdl.keras import losses, metrics, optimizers
from nbdl.keras.callbacks import History
from nbdl.keras.data import Arrays, as_data
from nbdl.keras.fitting import as_callbacks, measure, tell, to_restore
from nbdl.keras.given import begin, changed, things
from nbdl.keras.layers.base import Layer, ShapeOrNone
from nbdl.keras.summary import summary_lines
from nbdl.nn import build
from nbdl.shapes import Spec
from nbdl.training.checkpointing.options import resumable
from nbdl.training.inference import forward_of
from nbdl.training.measuring.evaluation import eval_mode


class Model(Layer):
    """A network that can be compiled and fitted.

    Subclass it with layers as attributes and ``call(self, x)``, or use Sequential. It is an
    ``nbdl.nn.Module`` as well: ``%inspect``, ``nbdl.train`` and ``nbdl.save`` take it.
    """

    def __init__(self, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.optimizer: Any = None
        self.loss: Any = None
        self.stop_training = False
        self.history: History | None = None
        self._loss: Any = None
        self._metrics: list[Any] = []
        self._wants_compiled: bool | None = None
        self._fit_run: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """What a copy gets: all but the run of the last ``fit``, which stays with this model."""
        return {**vars(self), "_fit_run": None}

    # ----- what it consists of --------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        """The layers directly inside."""
        return list(self.children())

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by its name or its place."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if getattr(layer, "name", layer._name) == name:
                return layer
        known = [getattr(layer, "name", layer._name) for layer in self.layers]
        raise ArgumentError(f"{self.name} has no layer {name!r}", hint="one of " + ", ".join(known))

    @property
    def built(self) -> bool:
        """Whether all weights have been made."""
        inside = [m for m in self.modules() if isinstance(m, Layer) and not isinstance(m, Model)]
        return bool(inside) and not any(m._waiting for m in inside)

    @built.setter
    def built(self, value: bool) -> None:
        """It is known without."""

    @property
    def weights(self) -> list[Tensor]:
        """All weights, layer by layer."""
        own = [getattr(self, name) for name in self._weight_order]
        for child in self.children():
            if isinstance(child, Layer):
                own += child.weights
            else:
                own += [*child.parameters(), *child.buffers()]
        return own

    @property
    def metrics_names(self) -> list[str]:
        """``"loss"`` and the metrics' names: what ``evaluate`` gives, in this order."""
        return ["loss", *(m.name for m in self._metrics)]

    def _rows(self) -> list[tuple[Any, Any]]:
        """(layer, output shape or None) for ``summary``."""
        return [(layer, None) for layer in self.layers]

    def summary(self, line_length: int | None = None, print_fn: Any = None) -> None:
        """Print the layers, their output shapes and numbers of weights."""
        text = "\n".join(summary_lines(self, line_length or 80))
        if print_fn is None:
            sys.stdout.write(text + "\n")
        else:
            print_fn(text)

    # ----- inputs ---------------------------------------------------------------------------

    def _wants_integers(self) -> bool:
        return any(isinstance(m, Layer) and m.takes_integers for m in self.modules())

    def _expected_shape(self) -> ShapeOrNone | None:
        """The shape of one sample, if it is known."""
        return self._given_shape

    def _as_input(self, x: np.ndarray) -> np.ndarray:
        """``x`` with the axis that 1-D samples lack; ShapeError if it does not fit the model."""
        expected = self._expected_shape()
        if x.ndim == 1 and expected != ():
            x = x[:, None]
        if x.ndim == 0:
            raise ShapeError("x is a single number", hint="np.array([x]) is one sample")
        if expected is None:
            return x
        sample = x.shape[1:]
        fits = len(sample) == len(expected) and all(
            e is None or n == e for n, e in zip(sample, expected, strict=True)
        )
        if not fits:
            hint = None
            if sample == expected[:-1] and expected[-1:] == (1,):
                hint = "x[..., None] adds the axis of channels"
            elif x.shape == expected:
                hint = "x[None] makes a batch of one sample"
            raise ShapeError(
                f"{self.name} takes inputs (batch, {', '.join(map(str, expected))}), x has shape "
                f"{x.shape}",
                hint=hint,
            )
        return x

    def _as_float_tensor(self, x: Any) -> Any:
        if isinstance(x, Tensor) and (x.dtype.kind == "f" or not self._wants_integers()):
            return x.to(dtypes.default_float())
        return x

    def _build_for(self, x: Any) -> None:
        """Make the weights that wait for the shape of an input."""
        if not self.built:
            build(self, Spec(tuple(x.shape), x.dtype))

    # ----- compile and fit ------------------------------------------------------------------

    def compile(
        self, optimizer: Any = "rmsprop", loss: Any = None, metrics: Any = None,
        weighted_metrics: Any = None, run_eagerly: bool = False, jit_compile: Any = "auto",
        steps_per_execution: int = 1,
    ) -> None:  # fmt: skip
        """Choose how to train.

        Args:
            optimizer: a name or one of ``keras.optimizers``.
            loss: a name, one of ``keras.losses``, or a function of (y_true, y_pred).
            metrics: a list of the same kinds; all samples count alike.
            weighted_metrics: those that count samples by their weights.
            run_eagerly: compile no training step.
            jit_compile: True: compile it from the second step on; "auto": if it is worth it.
            steps_per_execution: accepted for Keras's sake.

        Raises ArgumentError for unknown names, with the nearest one.
        """
        chosen = optimizers.get(optimizer)
        found = None if loss is None else losses.get(loss)
        made = [_metrics_get(m) for m in _listed(metrics)]
        for metric in map(_metrics_get, _listed(weighted_metrics)):
            metric.weighted = True
            made.append(metric)
        self.optimizer, self.loss, self._loss, self._metrics = chosen, loss, found, made
        automatic = None if jit_compile == "auto" else bool(jit_compile)
        self._wants_compiled = False if run_eagerly else automatic

    def _require_compiled(self, what: str) -> None:
        if self.optimizer is None or self._loss is None:
            missing = "a loss" if self.optimizer is not None else "an optimizer and a loss"
            raise TrainingError(
                f"{self.name}.{what} needs {missing} first",
                hint=f"{self.name}.compile(optimizer='adam', loss='mean_squared_error')",
            )

    @resumable("fit", things)
    def fit(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, epochs: int = 1,
        verbose: Any = "auto", callbacks: Any = None, validation_split: float = 0.0,
        validation_data: Any = None, shuffle: bool = True,
        class_weight: dict[int, float] | None = None, sample_weight: Any = None,
        initial_epoch: int = 0, steps_per_epoch: int | None = None,
        validation_steps: int | None = None, validation_batch_size: int | None = None,
        validation_freq: int = 1, checkpoint: Any = True, resume: Any = None, wait: bool = True,
    ) -> History:  # fmt: skip
        """Train; returns a History with the numbers of each epoch.

        The work is done in a thread between whose steps a run's controls act; an interrupt ends
        it there with everything kept.

        Args:
            x: arrays (batch first; 1-D arrays get an axis), a data set, a loader, or an iterable
                of batches ``(x, y)``.
            y: targets, where x does not give them itself.
            batch_size: samples a step, 32 unless given.
            epochs: number of the last epoch (they count on from ``initial_epoch``).
            verbose: 1 or "auto" for a bar an epoch, 2 for a line, 0 for nothing.
            callbacks: a list of ``keras.callbacks``.
            validation_split: the last part of the samples is held out for validation.
            validation_data: ``(x, y)``, ``(x, y, sample_weight)``, a data set or a loader.
            shuffle: a new order each epoch.
            class_weight: a weight in the loss for each class.
            sample_weight: a weight in the loss for each sample.
            checkpoint, resume: as for ``nbdl.train``: with ``resume=True`` the newest run of the
                model's name goes on as if it had never been stopped. Arguments that are not given
                are those it was started with.
            wait: wait for the end; else ``history.run`` is the run under way.

        Raises TrainingError before ``compile`` and for a loss that becomes NaN, ShapeError,
        DataError and ArgumentError for data that does not fit.
        """
        given = dict(locals())
        again = to_restore(callbacks) if resume is None else None
        if again is not None:
            return self.fit(**{**changed(Model.fit, given), "x": x, "y": y, "resume": again})
        history, begun = begin(Model.fit, given)
        if begun is not None and wait:
            begun.wait(history.run)
        return history

    # ----- evaluate and predict -------------------------------------------------------------

    def evaluate(
        self, x: Any = None, y: Any = None, batch_size: int | None = None, verbose: Any = "auto",
        sample_weight: Any = None, steps: int | None = None, callbacks: Any = None,
        return_dict: bool = False,
    ) -> Any:  # fmt: skip
        """The loss, or a list of loss and metrics, or a dict of them with ``return_dict``."""
        self._require_compiled("evaluate")
        if x is None:
            raise DataError(f"{self.name}.evaluate needs data")
        data = as_data(self, x, y, sample_weight, batch_size, steps=steps)
        if isinstance(data, Arrays) and data.y is None:
            raise DataError(f"{self.name}.evaluate got no targets", hint="model.evaluate(x, y)")
        watchers = as_callbacks(callbacks, self, {"steps": len(data) or None})
        values = measure(self, data, self._metrics, watchers) or {}
        if return_dict:
            return values
        return list(values.values()) if len(values) > 1 else values["loss"]

    def predict(
        self, x: Any, batch_size: int | None = None, verbose: Any = "auto",
        steps: int | None = None, callbacks: Any = None,
    ) -> Any:  # fmt: skip
        """The outputs for all samples, as a NumPy array; the model is in evaluation mode."""
        data = as_data(self, x, None, None, batch_size, steps=steps)
        watchers = as_callbacks(callbacks, self, {"steps": len(data) or None})
        parts: list[Any] = []
        tell(watchers, "on_predict_begin", {})
        with eval_mode(self), modes.no_grad():
            for i, (batch, _, _) in enumerate(data()):
                tell(watchers, "on_predict_batch_begin", i, {})
                parts.append(forward_of(self)(batch))
                tell(watchers, "on_predict_batch_end", i, {"outputs": parts[-1]})
        tell(watchers, "on_predict_end", {})
        if not parts:
            raise DataError("there is nothing to predict: no batches")
        if isinstance(parts[0], tuple):
            return tuple(
                np.concatenate([p.numpy() for p in column]) for column in zip(*parts, strict=True)
            )
        return np.concatenate([p.numpy() for p in parts])

    # ----- saving ---------------------------------------------------------------------------

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Write all weights to a safetensors file."""
        path = _weights_path(filepath)
        if not overwrite and path.exists():
            raise ArgumentError(f"{path} exists already", hint="overwrite=True")
        if not self.built:
            raise ArgumentError(
                f"{self.name} has no weights to save yet", hint="fit it, or give input_shape="
            )
        state = self.state_dict()
        save(state, path, metadata={_ORDER: json.dumps(list(state))})

    def load_weights(self, filepath: Any) -> None:
        """Read the weights that ``save_weights`` of a model of the same layers wrote.

        Weights are matched in order, so that names may differ; ArgumentError or ShapeError if
        number or shapes do.
        """
        loaded = _in_order(*load_with_metadata(_weights_path(filepath)), filepath)
        mine = list(self.state_dict(keep_vars=True).values())
        if not self.built:
            raise ArgumentError(
                f"{self.name} is not built, so it has no weights to load into",
                hint="give input_shape=, or call the model once",
            )
        if len(loaded) != len(mine):
            raise ArgumentError(
                f"{filepath} has {len(loaded)} weights, {self.name} has {len(mine)}"
            )
        for i, (w, new) in enumerate(zip(mine, loaded, strict=True)):
            if w.shape != new.shape:
                raise ShapeError(
                    f"weight {i} of {filepath} has shape {new.shape}, {self.name}'s {w.shape}"
                )
        for w, new in zip(mine, loaded, strict=True):
            w.data = new.to(w.dtype)


def _listed(given: Any) -> list[Any]:
    """None, one, or several, as a list."""
    return [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]


_ORDER = "nbdl.keras.order"  # of the weights in a file, which keeps them by name

_metrics_get: Callable[[Any], Any] = metrics.get


def _in_order(tensors: dict[str, Tensor], metadata: dict[str, str], path: Any) -> list[Tensor]:
    """The tensors in the order of the model that saved them."""
    try:
        return [tensors[name] for name in json.loads(metadata.get(_ORDER, "[]")) or tensors]
    except (KeyError, TypeError, ValueError):
        raise FileError(f"{str(path)!r} says an order of weights that it does not hold") from None


def _weights_path(filepath: Any) -> Path:
    path = Path(filepath)
    if path.suffix in (".h5", ".hdf5", ".keras"):
        raise ArgumentError(
            f"weights are kept in safetensors files, not {path.suffix} ({path})",
            hint=str(path.with_suffix(".safetensors")),
        )
    return path
