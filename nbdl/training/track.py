"""``nbdl.track``: a hand-written loop with everything a run has."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType
from typing import Any

from nbdl import events
from nbdl.core.random import default_generator
from nbdl.core.rows import elements
from nbdl.data import batch_length
from nbdl.errors import ArgumentError, TrainingError
from nbdl.optim import Optimizer
from nbdl.training.archive.origin import origin
from nbdl.training.archive.recorder import objects
from nbdl.training.checkpointing.hand_written import Body, Chance, as_parts
from nbdl.training.checkpointing.options import resumable
from nbdl.training.checkpointing.policy import Policy, as_policy
from nbdl.training.checkpointing.resume import Resumed, enter, take_up
from nbdl.training.checkpointing.state import LeftGradients
from nbdl.training.controls import AGAIN_S
from nbdl.training.loop import as_numbers
from nbdl.training.models import modules_of, name_of, trained_parameters
from nbdl.training.names import as_optimizers
from nbdl.training.progress import AFTER_S, TextProgress
from nbdl.training.run import Run
from nbdl.training.settings import Settings
from nbdl.training.sources import Source, training_source, whole
from nbdl.training.statistics.gradients import Sampler, norm
from nbdl.training.statistics.histograms import even_sample


class TrackedRun(Run):
    """A run whose steps are the body of a ``for`` loop; made by ``nbdl.track``.

    Attributes:
        done: epochs that are complete.
    """

    source_of_batches: Source
    done = 0
    over: str | None = None
    max_steps: int | None = None
    _sampler: Sampler | None = None
    _logged: dict[str, float]
    _store: Any = None
    _policy: Policy | None = None
    _found: Resumed | None = None
    _random: tuple[Any, ...] = ()
    _body: Body
    _batch: Any = None
    _began = False
    _progress: bool | None = None
    _tick: Callable[[], None] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Where the loop is."""
        return {"done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.done = state["done"]

    def log(self, **values: Any) -> None:
        """Take down numbers of the step under way: ``run.log(loss=loss, accuracy=a)``.

        Tensors of one element are numbers. After the loop they belong to its last step.
        """
        numbers = as_numbers(values)
        if self.is_alive:
            self._logged.update(numbers)
        else:
            self.history.append(self.step, numbers)

    def __iter__(self) -> Iterator[Any]:
        if self._began:
            raise TrainingError(
                "this run has been gone through already", hint="run = nbdl.track(...) again"
            )
        self._began = True
        return self._iterate()

    def __len__(self) -> int:
        """Batches in all epochs. Raises TypeError if nobody can tell."""
        if self.total_steps is None:
            raise TypeError("the number of batches is not known")
        return self.total_steps

    def _iterate(self) -> Iterator[Any]:
        enter(self, self._store, self._policy, self._found)
        if self._found is not None:  # cells in between may have drawn
            self._body.chance.put(self._random)
        other = self.settings != Settings.now()
        with _deferred_interrupts(self), self.settings.applied() if other else nullcontext():
            self.begin()
            if self.checkpoints is not None:
                self.checkpoints.begin()
            try:
                yield from self._epochs()
            except GeneratorExit:
                self.end(*self._left())
                raise
            except BaseException as error:
                self._left()
                self.end("failed", f"{type(error).__name__}: {error}", error)
                raise
            self._save_end()
            if self._ending is None:
                self.end("finished", f"{self.done} epoch{'s' * (self.done != 1)} done")
                return
            self.end(self._ending[0], None)
        if self.status == "interrupted":
            self.outcome()

    def _left(self) -> tuple[str, str]:
        """Status and message when the loop's body left the loop: by ``break``, or by an error,
        which looks the same from here.

        A step whose updates are all made is done; one without any has never been, and what it
        has drawn and added up is not kept; half a step is no state to go on from.
        """
        body = self._body
        moved = body.moved() if body.is_under_way else True
        if body.is_under_way and moved:
            self._step_done()
        if moved is None:
            self.note(f"the loop was left in the middle of step {self.step + 1}: resume goes on "
                      "from the checkpoint before it")  # fmt: skip
        elif moved:
            self._save_end()
        else:
            with body.undone():
                self._save_end()
        where = f"after step {self.step}" if moved else f"in step {self.step + 1}"
        if self._ending is not None:
            return self._ending[0], f"{self._ending[1]} {where}"
        return "stopped", f"the loop was left {where}"

    def _save_end(self) -> None:
        if self.checkpoints is not None:
            self.checkpoints.end()

    def _epochs(self) -> Iterator[Any]:
        while self.done < (self.epochs or 1):
            self.epoch = self.done + 1
            for batch in self.source_of_batches.epoch():
                if not self.between_steps():
                    return
                self._logged, self._batch = {}, batch
                if self.checkpoints is not None:
                    self._body.begins()
                with _Sampled(self._sampler, self.step + 1):
                    yield batch
                self._step_done()
                if self.checkpoints is not None:
                    self.checkpoints.after_step()
                self._draw()
            self._epoch_done()

    def _step_done(self) -> None:
        """The body has been gone through."""
        self.source_of_batches.step_done(self._batch)
        self.step_done(self._logged, batch_length(self._batch))
        self._batch, self._body.is_under_way = None, False

    def _draw(self) -> None:
        """Progress as text, now and then, where no view shows the run."""
        if self._tick is not None:
            self._tick()
        elif self._progress or (
            self._progress is None and not self.watched and self.elapsed > AFTER_S
        ):
            bar = TextProgress(self)
            self._tick = bar.tick
            self.at_end.append(bar.close)

    def _epoch_done(self) -> None:
        means = {}
        for name in self.history.names():
            steps, values = self.history.series(name)
            mine = values[steps > self.step - max(1, len(self.source_of_batches))]
            if len(mine):
                means[name] = float(mine.mean())
        self.epoch_values.append(means)
        self.source_of_batches.epoch_done()
        self.done = self.epoch
        self.tell(events.EpochDone)
        if self.checkpoints is not None:
            self.checkpoints.after_epoch(means)


class _Sampled:
    """Around one step: takes gradient norms by hooks, as the body may clear gradients itself."""

    def __init__(self, sampler: Sampler | None, step: int) -> None:
        self.sampler, self.step = sampler, step
        self.norms: dict[int, float] = {}
        self.samples: dict[int, Any] = {}
        self.hooks: list[Any] = []

    def __enter__(self) -> None:
        self.start = time.perf_counter()
        if self.sampler is None:
            return
        self.around = self.sampler.sampled(self.step)
        self.around.__enter__()
        if self.sampler.samples_norms:
            self.hooks = [
                p.register_post_accumulate_grad_hook(self._note) for p in self.sampler.parameters
            ]

    def _note(self, p: Any) -> None:
        self.norms[id(p)] = norm(p.grad.value)
        if self.sampler is not None and self.sampler.is_moment:
            self.samples[id(p)] = even_sample(elements(p.grad.value))

    def __exit__(self, *error: Any) -> None:
        sampler = self.sampler
        if sampler is None:
            return
        for hook in self.hooks:
            hook.remove()
        seconds = time.perf_counter() - self.start
        self.around.__exit__(None, None, None)
        if error[0] is None:
            norms = {n: self.norms.get(id(p), 0.0) for n, p in sampler.named}
            found = [self.samples.get(id(p)) for p in sampler.parameters]
            known = found if sampler.is_moment else None
            sampler.end(self.step, seconds, norms, elements_of=known)


_UPDATE_S = 0.01
"""Seconds after which is looked again whether an optimizer's update is done."""


def _updates(frame: FrameType | None) -> bool:
    """Whether this code was called by an optimizer's ``step``."""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if frame.f_code.co_name == "step" and module.startswith("nbdl.optim."):
            return True
        frame = frame.f_back
    return False


@contextmanager
def _deferred_interrupts(run: Run) -> Iterator[None]:
    """Ctrl-C ends the loop at the end of its step; a second one at once, or right after the
    optimizer's update that is under way: parameters are never left half updated."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    last = -AGAIN_S

    def interrupt(number: int, frame: Any) -> None:
        nonlocal last
        now = time.monotonic()
        again, last = now - last < AGAIN_S, now
        run.interrupt()
        if again and _updates(frame):
            threading.Timer(_UPDATE_S, _thread.interrupt_main).start()
        elif again:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@resumable("track")
def track(
    data: Any,
    *,
    model: Any = None,
    epochs: int = 1,
    optimizer: Any = None,
    batch_size: int | None = None,
    seed: int = 0,
    state: Any = None,
    name: str | None = None,
    source: str | None = None,
    progress: bool | None = None,
    store: Any = True,
    deterministic: bool | None = None,
    checkpoint: Any = True,
    resume: Any = None,
) -> TrackedRun:
    """Batches for a hand-written loop, which gets the dashboard, gradient flow, the run store,
    a clean interrupt, and checkpoints to go on from.

        run = nbdl.track(loader, model=net, epochs=5, optimizer=optimizer)
        for x, y in run:
            loss = cross_entropy(net(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss)

    The loop runs where it stands; an interrupt ends it between two steps (a second one within
    two seconds at once), ``run.stop()`` ends it as if the data were used up. The same cell with
    ``resume=True`` goes on with the next batch, as if the loop had never been stopped.

    Args:
        data: a DataLoader or other iterable of batches, a function that makes one for each
            epoch, or data to be batched and shuffled.
        model: a module, or a list or dict of them: its gradients are sampled.
        epochs: how often to go through the data.
        optimizer: one or several, so that the learning rate is shown and can be set; ``[]`` for a
            loop that changes the parameters itself.
        batch_size, seed: as for ``nbdl.train``, if data is not batched yet.
        state: what else the loop changes, by name, for checkpoints: schedulers, a GradScaler,
            averages of weights, NumPy generators, anything with ``state_dict`` and
            ``load_state_dict``. Random numbers of nbdl, NumPy and Python are kept anyway.
        name, source, progress, store, deterministic: as for ``nbdl.train``.
        checkpoint: as for ``nbdl.train``; there are none without ``model`` and ``optimizer``.
        resume: as for ``nbdl.train``: True, a run's id or the path of a checkpoint. Model,
            optimizer and ``state`` are put where the loop was, at once.

    Raises ArgumentError for what cannot be kept or gone on with, TrainingError and DataError for
    another model or other data than those of the run that ``resume`` means.
    """
    models, began = modules_of(model), default_generator().state()
    optimizers = None if optimizer is None else as_optimizers(optimizer)
    policy = _policy(checkpoint, models, optimizers, resume)
    config = {
        "epochs": whole("epochs", epochs), "seed": seed, "batch_size": batch_size,
        "checkpoint": False if policy is None else checkpoint,
        **({} if deterministic is None else {"deterministic": deterministic}),
    }  # fmt: skip
    run = TrackedRun(name or name_of(models), config, model, seed=seed, source=source)
    run.generator = default_generator()
    run.settings = Settings.now().but(deterministic)
    run.epochs = epochs
    run._store, run._policy, run._progress = store, policy, progress
    run._logged = {}
    run.source_of_batches = training_source(data, batch_size, seed)
    run.total_steps = len(run.source_of_batches) * epochs or None
    run.optimizers = optimizers or []
    named = trained_parameters(models)
    run._sampler = Sampler(named, run.history, models) if named else None
    chance = Chance(run.generator)
    run._body = Body(run, chance)
    run.parts |= {"loop": run, "source": run.source_of_batches, "chance": chance,
                  "gradients": LeftGradients(models), **as_parts(state)}  # fmt: skip
    if run._sampler is not None:
        run.parts["sampler"] = run._sampler
    run.origin = origin(models, data, None, began, objects(config), by="track")
    if isinstance(resume, Resumed):
        run._found = resume
        if resume.state is None:
            run.generator.restore(resume.run["origin"]["random"])
        take_up(resume, run, run)
        run._random = chance.now()
    return run


def _policy(checkpoint: Any, models: list[Any], optimizers: Any, resume: Any) -> Policy | None:
    """When to write checkpoints; None where it is not known what steps change."""
    policy = as_policy(checkpoint)
    known = models and optimizers is not None
    if not known and (resume or checkpoint is not True):
        what = "resume" if resume else "checkpoint"
        if policy is not None:
            raise ArgumentError(
                f"{what} needs to know what the loop trains, and by which optimizer",
                hint="nbdl.track(data, model=net, optimizer=optimizer)",
            )
    for optimizer in optimizers or ():
        if not isinstance(optimizer, Optimizer):  # nobody knows what its state is
            known = False
    return policy if known else None
