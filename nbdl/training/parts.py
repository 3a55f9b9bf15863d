"""The parts of a run, put together from what ``nbdl.train`` was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from nbdl import nn
from nbdl.core.modes import no_grad
from nbdl.errors import ArgumentError, DataError, TrainingError, brief
from nbdl.training.averages import Averages
from nbdl.training.batches import Caster, model_dtype, sort_batch
from nbdl.training.extras import Extras
from nbdl.training.loop import Loop, UserStep, as_numbers
from nbdl.training.measuring.evaluation import default_metrics, eval_mode, measure
from nbdl.training.measuring.metric import Metric
from nbdl.training.measuring.metrics import as_metrics
from nbdl.training.mixing import Mixing
from nbdl.training.models import trained_parameters
from nbdl.training.names import Loss, as_loss, as_optimizer, as_optimizers, check_lr, positive
from nbdl.training.precision import Precision
from nbdl.training.recomputing import Recomputing
from nbdl.training.run import Run
from nbdl.training.sources import Source, evaluation_batches, is_data
from nbdl.training.statistics.attention import Frequencies
from nbdl.training.statistics.gradients import Sampler
from nbdl.training.step import SupervisedStep


def total(loop: Loop) -> int | None:
    """Steps in all, or None if nobody knows."""
    steps = len(loop.source) * (loop.run.epochs or 0) or None
    if loop.max_steps is not None:
        return min(steps, loop.max_steps) if steps else loop.max_steps
    return steps


def supervised(
    model: Any, loss: Any, optim: Any, lr: Any, metrics: Any, val: Any,
    clip_norm: float | None, target: str | None, device: str | None, extras: Extras,
    common: dict[str, Any],
) -> tuple[SupervisedStep, Loop]:  # fmt: skip
    """A step that fits ``model``, and the loop around it; ``common`` are the loop's other parts."""
    run: Run = common["run"]
    chosen = as_loss(loss)
    found = default_metrics(chosen) if metrics is None else as_metrics(metrics)
    clip_norm = None if clip_norm is None else positive("clip_norm", clip_norm)
    if lr is not None and not isinstance(lr, Mapping):
        check_lr(lr)
    _build(model, common["source"], target)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise TrainingError(
            f"{run.name!r} has nothing to train: no parameter requires a gradient",
            hint="model.requires_grad_(True)",
        )
    optimizer = as_optimizer(optim, model, lr)
    run.optimizers = [optimizer]
    if not isinstance(lr, Mapping):
        run.config["lr"] = run.lr
    sampled = trained_parameters([model])
    run.freezing.first = run.freezing.find("freeze", extras.freeze)
    if all(name in run.freezing.first for name, _ in sampled):
        raise TrainingError(f"freeze={list(extras.freeze)} leaves nothing of {run.name!r} to train")
    dtype = model_dtype(parameters)
    cast = Caster(dtype, run.note)
    step = SupervisedStep(
        model, chosen, optimizer, clip_norm=clip_norm, cast=cast, target_key=target,
        abort=run.abort, laps=run.laps, precision=Precision(extras.precision, run.note),
    )
    step.recomputing = Recomputing(model, extras.checkpoint_layers)
    if extras.mixup or extras.cutmix:
        step.mix = Mixing(extras.mixup, extras.cutmix, chosen, _classes(step, common["source"]))
    averages = None if extras.ema is None else Averages(model, extras.ema)
    run.ema = None if averages is None else averages.averaged
    return step, Loop(
        averages=averages,
        step=step,
        metrics=[m.copy() for m in found if m.scalar],
        validate=_validation(run, model, val, chosen, found, cast, target, device),
        sampler=Sampler(sampled, run.history, [model]),
        frequencies=Frequencies(
            chosen.is_plain_cross_entropy() and not (extras.mixup or extras.cutmix)
        ),
        **common,
    )


def _validation(
    run: Run, model: Any, val: Any, loss: Loss, metrics: list[Metric], cast: Caster,
    target: str | None, device: str | None,
) -> Callable[[], dict[str, Any] | None] | None:  # fmt: skip
    if val is None:
        return None
    try:
        batches = evaluation_batches(val, None, cast.dtype, device)
    except DataError as error:
        error.add_note("in the validation data")
        raise
    if isinstance(batches, Iterator) and run.epochs != 1:
        raise ArgumentError(
            f"val is {brief(val)} that is used up after the first of the epochs",
            hint="a list of batches, a loader or a data set",
        )
    run.classes = getattr(val, "classes", None) or getattr(batches, "classes", None)
    run.tokenizer = getattr(getattr(val, "dataset", val), "tokenizer", None)
    return lambda: measure(
        model, batches, loss, metrics, cast, target, run.carry_on, run.show_examples
    )


def _classes(step: SupervisedStep, source: Source) -> int | None:
    """How many classes the model tells apart, where targets are their numbers."""
    if step.loss.kind is None or step.loss.kind.targets != "classes":
        return None
    if source.single_pass:
        raise ArgumentError(
            "mixup and cutmix must know the number of classes, and a generator's first batch "
            "cannot be looked at without losing it",
            hint="a loader, a data set, or the function that makes the generator",
        )
    batch = step.prepare(source.first())
    with eval_mode(step.model), no_grad():
        outputs = step.model(*batch.inputs, **batch.named)
    return int(outputs.shape[1]) if getattr(outputs, "ndim", 0) > 1 else None


def _build(model: Any, source: Source, target: str | None) -> None:
    """Find sizes given as None from the shapes of the first batch."""
    if nn.is_built(model):
        return
    if source.single_pass:
        raise TrainingError(
            "the model has sizes that are found at the first call, and a generator's first "
            "batch cannot be looked at without losing it",
            hint="call the model once, or nbdl.nn.build(model, shape_of_a_batch)",
        )
    first = sort_batch(source.first(), target)
    nn.build(model, *first.inputs, **first.named)


def own_step(
    function: Callable[..., Any], models: list[Any], optimizers: Any, val: Any,
    given: dict[str, Any], extras: Extras, common: dict[str, Any],
) -> Loop:  # fmt: skip
    """The loop around a user's own step; ``given`` are options that do not go with one."""
    run: Run = common["run"]
    for option, value in given.items():
        if value is not None:
            raise ArgumentError(
                f"{option}= does not go with step=, which does the whole step itself"
            )
    extras.refuse_own_step()
    if val is not None and (is_data(val) or not callable(val)):
        raise ArgumentError(
            "with step= validation is yours too: val must be a function that returns a number or "
            f"a dict of them, got a {type(val).__name__}"
        )
    if optimizers is not None:
        run.optimizers = as_optimizers(optimizers)
    named = trained_parameters(models)
    return Loop(
        step=UserStep(function),
        keep=[t for m in models for t in (*m.parameters(), *m.buffers())],
        sampler=Sampler(named, run.history, models) if named else None,
        validate=None if val is None else lambda: _own_validation(models, val),
        **common,
    )


def _own_validation(models: list[Any], function: Callable[[], Any]) -> dict[str, float]:
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(eval_mode(model))
        stack.enter_context(no_grad())
        return as_numbers(function())
