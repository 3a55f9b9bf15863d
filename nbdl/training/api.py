"""``nbdl.train``: from a person's words to a run."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nbdl import events, nn
from nbdl.core import random
from nbdl.errors import ArgumentError, brief
from nbdl.training.active import release
from nbdl.training.archive.origin import origin
from nbdl.training.archive.recorder import objects
from nbdl.training.callbacks import Callbacks
from nbdl.training.checkpointing.options import NOT_CONFIGURATION, resumable
from nbdl.training.checkpointing.policy import Policy, as_policy
from nbdl.training.checkpointing.resume import Resumed, enter, take_up
from nbdl.training.checkpointing.travel import ONCE, Start
from nbdl.training.checks import check_before_training
from nbdl.training.compilation import Compilation
from nbdl.training.extras import Extras
from nbdl.training.loop import Loop
from nbdl.training.models import modules_of, name_of, one_module
from nbdl.training.parts import own_step, supervised, total
from nbdl.training.progress import AFTER_S, TextProgress
from nbdl.training.run import Run
from nbdl.training.schedules import as_schedule
from nbdl.training.sources import read_floats_as, split_off, training_source, whole
from nbdl.training.step import SupervisedStep
from nbdl.training.stopping import as_rules


@resumable("train")
def train(
    model: Any = None,
    data: Any = None,
    *,
    val: Any = None,
    loss: Any = "cross_entropy",
    optim: Any = "adamw",
    lr: float | dict[str, float] | None = None,
    epochs: int = 5,
    batch_size: int | None = None,
    accumulate: int = 1,
    seed: int = 0,
    metrics: Any = None,
    freeze: Any = None,
    max_steps: int | None = None,
    stop_when: Any = None,
    early_stopping: Any = None,
    clip_norm: float | None = None,
    precision: str | None = None,
    ema: float | None = None,
    mixup: float | None = None,
    cutmix: float | None = None,
    checkpoint_layers: Any = None,
    schedule: Any = None,
    compile: bool | None = None,
    step: Callable[..., Any] | None = None,
    optimizers: Any = None,
    callbacks: Any = (),
    target: str | None = None,
    device: str | None = None,
    deterministic: bool | None = None,
    name: str | None = None,
    source: str | None = None,
    parameters: dict[str, Any] | None = None,
    line: str | None = None,
    history: Any = None,
    start: Start | None = None,
    wait: bool = True,
    progress: bool | None = None,
    store: Any = True,
    checkpoint: Any = True,
    resume: Any = None,
    check: bool = True,
) -> Run:
    """Train a model; returns its Run.

    ``nbdl.train(net, train, val=val, epochs=5)`` fits a classifier; ``loss="mse"`` a regression;
    ``nbdl.train(step=f, data=loader, model=[g, d])`` runs a step of one's own.

    The work is done in a thread. State changes only between steps: pause, resume, stop and
    learning rate act there, an interrupt ends the run there with everything kept, and the run's
    own random numbers are not disturbed by what other code draws meanwhile.

    Args:
        model: a module. With ``step``: a module, a list or a dict of them, or None.
        data: ``(x, y)``, a data set, a DataLoader, or batches: any iterable of them, or a
            function that makes one for each epoch. A batch is ``(input, target)``, ``(input_1,
            ..., target)``, or a dict.
        val: the same for validation after each epoch; or a fraction of ``data`` to hold out; with
            ``step`` a function that returns numbers.
        loss: a name (``nbdl.training.LOSSES``), a layer, or any function of (outputs, targets).
        optim: a name (``OPTIMIZERS``), a class, a function of the parameters, or an optimizer.
        lr: the learning rate; each optimizer has its own default. A dict gives one by pattern of
            parameter names, ``{"head.*": 1e-3, "*": 1e-4}``: the first that fits counts.
        epochs: how often to go through the data.
        batch_size: samples a batch, 64 (or all, if there are fewer), where data is not batched.
        accumulate: batches that one update of the weights learns from: their mean loss, as of one
            large batch. Steps are updates; the last of an epoch may have fewer batches.
        seed: of the order of the data, dropout and all other chance.
        metrics: names (``METRICS``) or functions of (outputs, targets), one or several; accuracy
            for losses of classes unless given.
        freeze: names of parameters and layers that are left as they are, ``"features.*"`` or
            several; ``run.unfreeze`` trains them later. At the end they are as before.
        max_steps: end after so many steps.
        stop_when: ``"loss converged"``, ``"val_accuracy > 0.98"``, ``"loss < 0.01"``, a function
            of the run; or a list of these. Asked after each epoch.
        early_stopping: epochs without improvement to end after; or a dict of the arguments of
            ``EarlyStopping``, such as ``{"patience": 3, "restore_best": True}``.
        clip_norm: the most that the norm of all gradients together may be.
        precision: ``"bf16"`` or ``"fp16"``: products in half precision, sums, losses and norms in
            float32 (``nbdl.autocast``), weights and validation too; fp16 scales the loss and leaves
            steps out that overflow.
        ema: decay of an exponential mean of the weights, 0.999: validation, early stopping and the
            model in the end have the mean; ``run.ema`` is it at any time.
        mixup, cutmix: mix samples and targets, by weights (0.2) or by rectangles of images (1.0);
            with both, each batch by one of them. Metrics of training compare with the target of a
            sample's greater part.
        checkpoint_layers: names of layers, ``"blocks.*"``, that compute their activations again
            for the gradient: less memory, more time; such trainings are not compiled.
        schedule: of the learning rate: a name (``SCHEDULES``), or a function of the optimizer.
        compile: trace the step once and replay it as fused kernels: True from the second step on,
            False never; unless given, from step 2 on if the training is long enough to gain by
            it. What cannot be compiled goes on as before, and the run says why. Not with ``step``:
            there ``nbdl.compile`` may stand over the function.
        step: a function of the batch that does one whole step (several models and optimizers,
            GANs, VAEs) and returns the loss or a dict of numbers; replaces loss, optim, metrics.
        optimizers: with ``step``: the optimizers it uses, so that the learning rate can be
            watched and set.
        callbacks: functions of the run, called after each epoch, or ``Callback`` objects.
        target: the key of the target in dict batches.
        device: move model and data there first, such as ``"cuda"``.
        deterministic: the same numbers each time on a GPU, too, where it is slower; the CPU always
            gives them. None: as ``nbdl.use_deterministic_algorithms`` says.
        name: of the run; the model's name unless given.
        source: the text that defined the model, kept with the run; that of its %%model cell
            unless given.
        parameters: what the model was made with, kept with the run.
        line: the line of ``%train`` that it was started with, kept with the run.
        history: keep so many snapshots of weights and optimizer state, 50, or as many as fit into
            ``"200MB"``, evenly over the whole run: for ``run.at(step)`` and ``run.branch(step)``.
            ``{"count": 50, "optimizer": False}`` keeps weights alone.
        start: where to begin, as ``run.branch`` says it.
        wait: wait for the end, and raise the run's exception if it fails.
        progress: draw a bar of text while waiting; None draws one once the run has taken half a
            second and no view listens.
        store: keep the run in the run store; False for not, or the path of another store.
        checkpoint: how the run's state is kept, so that ``resume`` can go on after whatever
            happens: True, at the start, the end and in between, as often as it costs less than a
            hundredth of the time, the last two and the best; a number of steps; a dict of the
            arguments of ``Policy``, such as ``{"minutes": 10, "best": "val_accuracy"}``; False.
        resume: go on with a run that was cut off, exactly where it was: True, the newest of the
            model's name; a run's id; or the path of a checkpoint. Options that are not given are
            those that the run was started with.
        check: look through data in memory for NaN, Inf and classes out of range first.

    Raises before the first step: ArgumentError for unknown names and options out of range,
    DataError, ShapeError, DtypeError and IndexRangeError for data that does not fit. While
    waiting: what the training raises (TrainingError for a loss that became NaN), and
    KeyboardInterrupt when it was interrupted.
    """
    arguments = {key: value for key, value in locals().items() if key not in ONCE}
    config = {
        key: value
        for key, value in arguments.items()
        if key not in NOT_CONFIGURATION and value is not None
    }
    epochs = whole("epochs", epochs)
    max_steps = None if max_steps is None else whole("max_steps", max_steps)
    policy = as_policy(checkpoint)
    extras = Extras.read(
        accumulate=accumulate, freeze=freeze, precision=precision, ema=ema, mixup=mixup,
        cutmix=cutmix, checkpoint_layers=checkpoint_layers,
    )  # fmt: skip
    began = random.default_generator().state()
    models = [one_module(model)] if step is None else modules_of(model)
    _check_given(name, data)
    for module in models if device is not None else ():
        module.to(device=device)
    run = Run(name or name_of(models), config, model, seed=seed, source=source)
    run.settings = run.settings.but(deterministic)
    run.epochs = epochs
    original, given_val = data, val
    data, val = split_off(data, val, seed)
    batches = training_source(data, batch_size, seed, device, run.note, extras.accumulate)
    rules = as_rules(stop_when, early_stopping)
    common: dict[str, Any] = {
        "run": run, "source": batches, "max_steps": max_steps,
        "rules": rules, "callbacks": Callbacks(callbacks), "modules": models,
    }  # fmt: skip
    if step is not None:
        given = {"metrics": metrics, "lr": lr, "clip_norm": clip_norm, "target": target,
                 "compile": compile or None}  # fmt: skip
        loop = own_step(step, models, optimizers, val, given, extras, common)
    else:
        fit, loop = supervised(
            model, loss, optim, lr, metrics, val, clip_norm, target, device, extras, common
        )
        fit.compilation = Compilation(
            fit, compile, lambda: run.total_steps, run.note, lambda f: setattr(run, "compiled", f)
        )
        read_floats_as(fit.cast.dtype, batches, original, run.note)
        if check:
            check_before_training(model, batches.batches, val, fit)
    run.total_steps = total(loop)
    if schedule is not None:
        steps = run.total_steps if start is None else start.left(run.total_steps)
        run.schedule = as_schedule(schedule, run.optimizers, steps, epochs)
    run.parts.update(loop.parts())
    run.again = functools.partial(train, **arguments)
    run.remember(history)
    if start is not None:
        start.enter(run, max_steps)
    run.origin = origin(models, original, given_val, began, objects(config), line)
    if isinstance(resume, Resumed):
        take_up(resume, run, loop)
    return _go(run, loop, wait, progress, store, policy, resume)


def _check_given(name: Any, data: Any) -> None:
    """Refuse a name and data that cannot be such."""
    if name is not None and not isinstance(name, str):
        raise ArgumentError(f"the run's name must be a text, got {brief(name)}")
    if data is None:
        raise ArgumentError("train needs data: nbdl.train(model, (x, y))")
    if isinstance(data, nn.Module):
        raise ArgumentError(
            f"the data is a model, {type(data).__name__}", hint="nbdl.train(model, (x, y))"
        )


def _go(
    run: Run, loop: Loop, wait: bool, progress: bool | None, store: Any, policy: Policy | None,
    resume: Any,
) -> Run:  # fmt: skip
    found = resume if isinstance(resume, Resumed) else None
    enter(run, store, policy, found, isinstance(loop.step, SupervisedStep))
    try:
        run.launch(loop)
    except BaseException:
        release(run)
        raise
    return watch(run, progress) if wait else run


def watch(run: Run, progress: bool | None = None) -> Run:
    """Wait for a run as ``Run.wait`` does, drawing progress as text."""
    if progress is False:
        return run.wait()
    run.tell(events.RunAwaited)
    try:
        if progress is None and (run.join(AFTER_S) or run.watched):
            return run.wait()
        bar = TextProgress(run)
        try:
            while not run.join(bar.interval):
                bar.update()
        finally:
            bar.close()
    except KeyboardInterrupt:
        run.wind_up()
    return run.outcome()
