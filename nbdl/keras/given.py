"""What ``fit`` was given, made into data and a fit that has begun."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nbdl.core import modes
from nbdl.core.random import Generator, default_generator, use
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError, DataError, TrainingError
from nbdl.keras.callbacks import History
from nbdl.keras.data import Arrays, as_data
from nbdl.keras.fitting import Fit, as_callbacks
from nbdl.training.checkpointing.resume import Resumed
from nbdl.training.measuring.evaluation import eval_mode

_THINGS = ("self", "x", "y", "sample_weight", "validation_data", "callbacks", "verbose", "resume",
           "wait")  # fmt: skip
"""Arguments of ``fit`` that are no options to be kept with a run."""


@functools.cache
def _usual(fit: Callable[..., Any]) -> dict[str, Any]:
    return {name: p.default for name, p in inspect.signature(fit).parameters.items()}


def changed(fit: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Options, callbacks and further data, where they are not what ``fit`` has unless given."""
    usual = _usual(fit)
    return {
        name: given[name] for name in usual
        if name not in ("self", "x", "y", "resume") and given[name] is not usual[name]
        and (name in _THINGS or given[name] != usual[name])
    }  # fmt: skip


def things(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a run is about: ``name``, ``model``, ``data`` and ``val``, where they are given."""
    parts = [given.get(key) for key in ("x", "y", "sample_weight")]
    data = tuple(part for part in parts if part is not None)
    found = {"model": given["self"], "name": given["self"].name}
    if data:
        found["data"] = data if len(data) > 1 else data[0]
    if given.get("validation_data") is not None:
        found["val"] = given["validation_data"]
    return found


def begin(fit: Callable[..., Any], given: Mapping[str, Any]) -> tuple[History, Fit | None]:
    """The history to be, and the fit that fills it, begun; None where there is nothing to do.

    Args:
        fit: the method that was called.
        given: all its arguments by name.

    Raises what ``fit`` raises before the first step.
    """
    model, epochs, resume = given["self"], given["epochs"], given["resume"]
    model._require_compiled("fit")
    if given["x"] is None:
        raise DataError(f"{model.name}.fit needs data", hint="model.fit(x, y, epochs=10)")
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ArgumentError(f"epochs must be a whole number of at least 1, got {epochs!r}")
    found = resume if isinstance(resume, Resumed) else None
    drawn = default_generator().state()
    with use(_chance(found)):
        data, validation = _data(model, given)
        model._build_for(next(iter(data()))[0])
        if not any(p.requires_grad for p in model.parameters()):
            raise TrainingError(f"{model.name} has nothing to train: all its weights are frozen")
        _check_shapes(model, data)
        model.optimizer.bind([p for p in model.parameters() if p.requires_grad])
        model.stop_training = False
        fitting = _fit(model, data, validation, given)
        if epochs <= given["initial_epoch"]:
            return model.history, None
        kept = {k: v for k, v in changed(fit, given).items() if k not in _THINGS}
        if given["callbacks"]:
            kept["callbacks"] = given["callbacks"]
        about = things(given)
        model.history.run = fitting.start(
            {"epochs": epochs, **kept}, about["data"], about.get("val"), found, drawn
        )
    return model.history, fitting


def _chance(found: Resumed | None) -> Generator:
    """The random numbers to begin with: of a run that begins again those that it began with."""
    if found is None or found.state is not None:
        return default_generator()
    chance = Generator(0)
    chance.restore(found.run["origin"]["random"])
    return chance


def _fit(model: Any, data: Any, validation: Any, given: Mapping[str, Any]) -> Fit:
    history = model.history = History()
    level = 1 if given["verbose"] == "auto" else int(given["verbose"])
    params = {"epochs": given["epochs"], "steps": len(data) or None, "verbose": level}
    weights = given["class_weight"]
    if weights is not None:
        weights = {int(number): float(weight) for number, weight in weights.items()}
    return Fit(
        model, data, validation, given["epochs"], given["initial_epoch"],
        as_callbacks(given["callbacks"], model, params, history), level, weights,
        given["validation_freq"],
    )  # fmt: skip


def _data(model: Any, given: Mapping[str, Any]) -> tuple[Any, Any]:
    """What to train on, and to validate on or None."""
    size = given["batch_size"]
    data = as_data(
        model, given["x"], given["y"], given["sample_weight"], size, given["shuffle"],
        given["steps_per_epoch"],
    )  # fmt: skip
    if isinstance(data, Arrays) and data.y is None:
        raise DataError(f"{model.name}.fit got no targets", hint="model.fit(x, y)")
    if given["validation_data"] is not None:
        size = given["validation_batch_size"] or size
        return data, _validation(model, given["validation_data"], size, given["validation_steps"])
    if given["validation_split"]:
        return _split(data, given["validation_split"])
    return data, None


def _check_shapes(model: Any, data: Any) -> None:
    """Outputs against targets on one sample, before anything is trained."""
    if isinstance(data, Arrays) and data.y is not None:
        with eval_mode(model), modes.no_grad():
            model._loss(Tensor._wrap(data.y[:1]), model(Tensor._wrap(data.x[:1])))


def _validation(model: Any, given: Any, batch_size: int | None, steps: int | None) -> Any:
    if isinstance(given, (tuple, list)):
        if len(given) not in (2, 3):
            raise ArgumentError(
                f"validation_data must be (x, y) or (x, y, sample_weight), got {len(given)} parts"
            )
        x, y, w = (*given, None)[:3]
        return as_data(model, x, y, w, batch_size)
    return as_data(model, given, batch_size=batch_size, steps=steps)


def _split(data: Any, fraction: float) -> tuple[Any, Any]:
    if not isinstance(data, Arrays):
        raise ArgumentError("validation_split needs arrays", hint="validation_data=...")
    if not 0 < fraction < 1:
        raise ArgumentError(f"validation_split must be between 0 and 1, got {fraction!r}")
    return data.split(fraction)
