"""A run trained again from what is recorded of it: are the losses the same?"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nbdl.core import random
from nbdl.core.tensor import Tensor
from nbdl.errors import ArgumentError
from nbdl.experiments.table import data_words
from nbdl.experiments.words import value
from nbdl.training import Callback, Run, train
from nbdl.training.archive.environment import environment
from nbdl.training.archive.origin import fingerprint
from nbdl.training.archive.records import RunRecord
from nbdl.training.settings import Settings

OPTIONS = frozenset(inspect.signature(train).parameters)
"""The arguments of ``train``; what else a run has recorded belongs to another way of training."""


class Rerun:
    """A run beside the one it repeats.

    Attributes:
        record: what was repeated.
        run: the training that repeated it.
        compared: points of the losses and metrics that both have.
        different: (step, series) of the first number that is not the same, or None.
        differences: (what, then, now) of recorded things that are not the same.
    """

    def __init__(self, record: RunRecord, run: Run) -> None:
        self.record, self.run = record, run
        self.compared, self.different = _first_difference(record, run)
        self.differences = _differences(record, run)

    @property
    def identical(self) -> bool:
        """Whether all numbers that both have are the same to the last bit."""
        return self.compared > 0 and self.different is None

    def __repr__(self) -> str:
        again = f"{self.record.name} ({self.record.id}) again, as {self.run.id}"
        if self.identical:
            lines = [f"{again}: identical, {self.compared:,} numbers to the last bit"]
        elif self.different is None:
            lines = [f"{again}: no numbers to compare"]
        else:
            step, name = self.different
            lines = [f"{again}: different from step {step:,} on, first in {name}"]
        if self.differences and not self.identical:
            lines.append("what is not the same:")
        elif self.differences:
            lines.append("although these are not the same:")
        elif self.different is not None:
            lines.append("nothing that is recorded differs")
        lines += [f"  {what}: {then} then, {now} now" for what, then, now in self.differences]
        return "\n".join(lines)


def rerun(record: RunRecord, model: Any, data: Any, changes: Mapping[str, Any]) -> Rerun:
    """Train ``record`` again; see ``KeptRun.rerun``.

    Raises ArgumentError where a part is missing or was not recorded.
    """
    options = _options(record, model, data, dict(changes))
    settings = Settings.now().like(record.origin.get("settings"))
    with random.use(_chance(record)), settings.applied():
        run = train(model, data, **options)
    return Rerun(record, run)


def _options(
    record: RunRecord, model: Any, data: Any, changes: dict[str, Any]
) -> dict[str, Any]:
    if "parent" in record.config:
        raise ArgumentError(
            f"the run {record.id} ({record.name}) is a {record.config['parent']}, whose state then "
            "was in memory alone",
            hint="train the run that it is a branch of again, with history=..., and branch from it",
        )
    began = record.origin.get("by", "train")
    if not record.origin or began != "train" or not set(record.config) <= OPTIONS:
        raise ArgumentError(
            f"the run {record.id} ({record.name}) was not started by train: what it did is not "
            "recorded"
        )
    for name in record.origin.get("objects", ()):
        if name not in changes:
            raise ArgumentError(
                f"{name} of the run {record.id} was an object, {value(record.config.get(name))}: "
                "only its name is recorded",
                hint=f"rerun(..., {name}=...)",
            )
    wanted = {"model": model, "data": data}
    then = record.origin.get("val")
    if isinstance(then, dict) and "fraction" in then:
        changes.setdefault("val", then["fraction"])
    elif then:
        wanted["val"] = changes.get("val")
    missing = [name for name, thing in wanted.items() if thing is None]
    if missing and record.config.get("step") is None:
        raise ArgumentError(
            f"rerun needs the {' and the '.join(missing)} of the run {record.id}",
            hint=f"%runs rerun {record.id} makes the model from its source and finds the data "
            "among your variables",
        )
    options = {**record.config, **changes}
    if record.status not in ("finished", "failed"):
        stop = _StopAfter(record.step)
        given = options.get("callbacks") or ()
        options["callbacks"] = [*(given if isinstance(given, (list, tuple)) else [given]), stop]
    return options


class _StopAfter(Callback):
    """Ends a run where the one that it repeats has ended."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, run: Run) -> None:
        if run.step >= self.step:
            run.end_with("stopped", "as far as the run that it repeats")


def _chance(record: RunRecord) -> random.Generator:
    """Random numbers as they stood when the run was started, for sizes found at that time."""
    generator = random.Generator(0)
    state = record.origin.get("random")
    if isinstance(state, dict):
        generator.restore(state)
    return generator


# ----- parts found among a person's variables -------------------------------------------------


def find(recorded: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """The data with a recorded fingerprint among named values; None if it is not there.

    A pair that has no variable of its own is made of its arrays.
    """
    found = _same(recorded, list(values.values()))
    if found is not None or recorded.get("kind") not in ("tuple", "list"):
        return found
    arrays = [_array_like(array, list(values.values())) for array in recorded.get("arrays", ())]
    complete = len(arrays) == recorded.get("length") and all(a is not None for a in arrays)
    return tuple(arrays) if complete else None


def _same(recorded: Mapping[str, Any], values: list[Any]) -> Any:
    outline = _outline(recorded)
    for thing in values:
        if inspect.ismodule(thing) or isinstance(thing, (type, str, int, float)):
            continue
        try:
            if fingerprint(thing, hashed=False) == outline and fingerprint(thing) == recorded:
                return thing
        except Exception:  # a variable of any kind: what cannot be asked is not the data
            continue
    return None


def _array_like(recorded: Mapping[str, Any], values: list[Any]) -> Any:
    for thing in values:
        array = isinstance(thing, (np.ndarray, Tensor))
        alike = array and list(thing.shape) == recorded.get("shape")
        if alike and fingerprint(thing)["arrays"] == [recorded]:
            return thing
    return None


def _outline(recorded: Any) -> Any:
    """A fingerprint without its hashes."""
    if isinstance(recorded, dict):
        return {k: _outline(v) for k, v in recorded.items() if k not in ("hash", "sampled")}
    return [_outline(part) for part in recorded] if isinstance(recorded, list) else recorded


# ----- then and now ---------------------------------------------------------------------------


def _first_difference(record: RunRecord, run: Run) -> tuple[int, tuple[int, str] | None]:
    """(numbers compared, (step, series) of the first that differs or None)."""
    compared, first = 0, None
    for name in run.history.names():
        if name == "throughput":
            continue
        then, now = np.stack(record.series(name), 1), np.stack(run.history.series(name), 1)
        n = min(len(then), len(now))
        compared += n
        same = (then[:n] == now[:n]) | (np.isnan(then[:n]) & np.isnan(now[:n]))
        wrong = np.flatnonzero(~same.all(axis=1))
        steps = [then[wrong[:1], 0], now[wrong[:1], 0]]
        if not len(wrong):  # one may have gone on where the other has nothing
            steps = [rows[n : n + 1, 0] for rows in (then, now)]
        step = min(np.concatenate(steps), default=math.inf)
        if step <= min(record.step, run.step) and (first is None or step < first[0]):
            first = (int(step), name)
    return compared, first


def _differences(record: RunRecord, run: Run) -> list[tuple[str, str, str]]:
    now_environment = environment(run.models) | run.settings.said()
    found = [
        (name, then, now_environment.get(name, "–"))
        for name, then in record.environment.items()
        if name not in ("git", "git changed") and then != now_environment.get(name)
    ]
    for name in ("git", "git changed"):
        then, now = record.environment.get(name, "–"), now_environment.get(name, "–")
        if then != now or then == "yes":
            found.append((name, then[:12], now[:12]))
    for name, said in (("data", data_words), ("val", data_words), ("weights", _short)):
        was, is_now = record.origin.get(name), run.origin.get(name)
        if was != is_now:
            found.append((name, _words(said, was), _words(said, is_now)))
    return [*found, *_configured(record, run), *_by_hand(record)]


def _words(said: Callable[[Any], str], thing: Any) -> str:
    return said(thing) if thing else "–"


def _short(text: Any) -> str:
    return str(text)[:12]


def _configured(record: RunRecord, run: Run) -> list[tuple[str, str, str]]:
    return [
        (name, value(record.config.get(name)), value(run.config.get(name)))
        for name in dict.fromkeys((*record.config, *run.config))
        if name not in record.origin.get("objects", ())
        and _plain(record.config.get(name)) != _plain(run.config.get(name))
    ]


def _plain(x: Any) -> Any:
    return list(x) if isinstance(x, tuple) else x


def _by_hand(record: RunRecord) -> list[tuple[str, str, str]]:
    """What a person changed while it trained."""
    events = record.store.events(record.id)
    return [("by hand", text, "nothing") for _, kind, text in events if kind == "control"]
