"""Where a view's records come from: a thing that stands still, or a run that goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Protocol

from nbdl import events
from nbdl.errors import ArgumentError, TrainingError
from nbdl.inspection.dashboard import ENDED, Have, PastRun, advanced, dashboard_record
from nbdl.inspection.flow_frames import frames_of, with_frames
from nbdl.inspection.gradient_flow import gradient_flow_record
from nbdl.inspection.records import (
    DashboardRecord,
    FlowFrames,
    GradientFlowRecord,
    GraphRecord,
    Record,
)
from nbdl.inspection.tensors import Look, Seen
from nbdl.inspection.walk import Walk
from nbdl.widgets.overlays import others_of

INTERVAL = 0.15
"""Seconds between two messages at least: six a second, whatever the rate of steps."""

JUDGED_S = 1.0
"""Seconds between two looks for findings: words that change faster cannot be read."""

HEARTBEAT = 2.0
"""Seconds after which a page hears from a live run even if nothing happened."""


class Listener(Protocol):
    """What a live source tells its news to."""

    def tell_record(self, record: Record) -> None: ...


class Source:
    """A record that does not change.

    Args:
        record: what the view shows.
        svg: draws its static twin.
        text: writes it for a terminal.

    Attributes:
        over: set once no more news will come.
    """

    def __init__(self, record: Record, svg: Callable[[], str], text: Callable[[], str]) -> None:
        self._record = record
        self.svg = svg
        self.text = text
        self.over = threading.Event()
        self.over.set()

    def whole(self) -> Record:
        """All there is."""
        return self._record

    def since(self, have: Any) -> Record:
        """What a page that says it has ``have`` still needs."""
        return self._record

    def command(self, name: str, value: Any) -> None:
        """Do what a page asks. Raises ArgumentError for what this source cannot do."""
        raise ArgumentError(f"this view has no command {name!r}")

    def start(self, listener: Listener) -> None:
        """Begin to tell news, if there will be any."""

    def poke(self) -> None:
        """Tell news soon: something was asked for."""

    def stop(self) -> None:
        """Tell no more."""

    def settle(self) -> None:
        """Return when the last news was told (at once where none will come)."""


class TensorSource(Source):
    """A tensor, of which a page asks for one part after the other.

    Args:
        seen: the tensor.
        svg, text: as for every source.
    """

    def __init__(self, seen: Seen, svg: Callable[[], str], text: Callable[[], str]) -> None:
        super().__init__(seen.record(), svg, text)
        self.seen = seen

    def since(self, have: Any) -> Record:
        return self.seen.record(Look.said(have.get("look") if isinstance(have, dict) else None))


class WalkSource(Source):
    """A model on an input: its record, and the tensors of its layers one after the other.

    Args:
        walk: the model that has run.
        svg, text: as for every source.
    """

    def __init__(self, walk: Walk, svg: Callable[[], str], text: Callable[[], str]) -> None:
        super().__init__(walk.record(), svg, text)
        self.walk = walk

    def since(self, have: Any) -> Record:
        have = have if isinstance(have, dict) else {}
        wanted = have.get("tensor")
        if isinstance(wanted, list) and len(wanted) == 2:
            seen = self.walk.tensor(str(wanted[0]), str(wanted[1]))
            if seen is not None:
                return seen.record(Look.said(have.get("look")))
        example = have.get("example")
        return self.walk.record(example if isinstance(example, int) else None)


class RunSource(Source):
    """A run, followed until it ends.

    A thread of its own sends what is new, at most six times a second; training only sets a flag.

    Args:
        run: a ``Run``, or a record of a past one.
        measure: give gradient-flow records that show this measure first; None gives dashboard
            records.
        svg, text: draw the run as it is when they are called.
    """

    def __init__(
        self, run: Any, measure: str | None, svg: Callable[[], str], text: Callable[[], str]
    ) -> None:
        self.run = run
        self.measure = measure
        self.svg = svg
        self.text = text
        self.over = threading.Event()
        self._changed = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._asked: dict[str, tuple[int, Any]] = {}  # command: (step when asked, value)
        if run.status in ENDED or isinstance(run, PastRun):
            self.over.set()

    def whole(self) -> Record:
        return self._record_since(Have())

    def since(self, have: Any) -> Record:
        self.run.watched = True  # a page shows it: nothing else need draw its progress
        said = Have.said(have)
        record = self._record_since(said)
        if isinstance(record, DashboardRecord) and said.compare is not None:
            record = replace(record, others=others_of(self.run, said.compare))
        return record

    def _news(self, have: Have, judge: bool | None = None) -> Record | None:
        """What a page that has ``have`` still needs, if anything."""
        return self._record_since(have, judge)

    def _record_since(self, have: Have, judge: bool | None = None) -> Record:
        if self.measure is not None:
            return gradient_flow_record(
                self.run, have.gradients, have.activations, have.histograms, self.measure
            )
        return dashboard_record(self.run, have, self._pending(), judge)

    def _pending(self) -> tuple[str, ...]:
        """Commands that no step boundary has come after yet."""
        step, rate = self.run.step, self.run.lr
        self._asked = {
            name: (at, value)
            for name, (at, value) in self._asked.items()
            if at == step and not (name == "set_lr" and value == rate)
        }
        return tuple(self._asked)

    def command(self, name: str, value: Any) -> None:
        """Pass a command on: the run's methods only set flags, so this returns at once.

        Raises:
            ArgumentError: for an unknown command, or a value that it cannot take.
            TrainingError: when the run is over, or keeps no checkpoints.
        """
        if self.over.is_set() or self.run.status in ENDED:
            raise TrainingError(f"This run is over ({self.run.status}): nothing to {name}.")
        run = self.run
        doors = {
            "pause": run.pause,
            "resume": run.resume,
            "step": run.single_step,
            "stop": run.stop,
            "save": run.save,
        }
        settings = {"set_lr": run.set_lr, "add_epochs": run.add_epochs}  # they check the value
        if name in settings:
            settings[name](value)
        elif name in doors:
            doors[name]()
        else:
            known = ", ".join((*doors, *settings))
            raise ArgumentError(f"this view has no command {name!r}; it has {known}")
        if name not in ("save", "add_epochs"):  # done without a step
            self._asked[name] = (run.step, value)

    def start(self, listener: Listener) -> None:
        if self.over.is_set():
            return
        self._thread = threading.Thread(
            target=self._follow, args=(listener,), name="nbdl-feed", daemon=True
        )
        self._thread.start()

    def poke(self) -> None:
        self._changed.set()

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()

    def settle(self) -> None:
        if self._thread is not None and self.run.status in ENDED:
            self._changed.set()
            self._thread.join(5.0)

    def _happened(self, event: events.RunEvent) -> None:
        if event.run is self.run:
            self._changed.set()

    def _follow(self, listener: Listener) -> None:
        try:
            self._follow_run(listener)
        finally:
            self.over.set()

    def _follow_run(self, listener: Listener) -> None:
        kinds = (events.StepDone, events.EpochDone, events.RunStatus, events.RunFinished)
        endings = [events.subscribe(kind, self._happened) for kind in kinds]
        have, judged = Have(), -JUDGED_S
        try:
            while not self._stopped:
                self._changed.wait(HEARTBEAT)
                self._changed.clear()
                ended = self.run.status in ENDED  # read first: what came before it is then sent
                judge = ended or time.monotonic() >= judged + JUDGED_S
                if judge:
                    judged = time.monotonic()
                record = self._news(have, judge)
                if record is not None:
                    have = _heard(have, record)
                    listener.tell_record(record)
                if ended:
                    break
                time.sleep(INTERVAL)
        finally:
            for unsubscribe in endings:
                unsubscribe()


class TrialSource(RunSource):
    """Runs that come one after the other, as the trials of a sweep: each is followed to its end.

    Args:
        run: the first.
        following: waits at a run's end for the next, and gives it; None: there is none.
        svg, text: draw the run that they are given.
    """

    def __init__(
        self, run: Any, following: Callable[[Any], Any], svg: Callable[[Any], str],
        text: Callable[[Any], str],
    ) -> None:  # fmt: skip
        super().__init__(run, None, lambda: svg(self.run), lambda: text(self.run))
        self.following = following
        self.over.clear()

    def _follow_run(self, listener: Listener) -> None:
        while not self._stopped:
            super()._follow_run(listener)
            run = self.following(self.run)
            if run is None:
                return
            self.run, self._asked = run, {}


class FilmSource(RunSource):
    """The graph of a run's model, coloured by what goes on in its layers, until the run ends.

    Args:
        run: a ``Run`` of one model.
        graph: the graph of that model.
        svg, text: as for every source.
    """

    def __init__(
        self, run: Any, graph: GraphRecord, svg: Callable[[], str], text: Callable[[], str]
    ) -> None:
        super().__init__(run, None, svg, text)
        self.graph = graph
        self._told = (-1, -1)  # samples that the pages know

    def _record_since(self, have: Have, judge: bool | None = None) -> Record:
        return with_frames(self.graph, self.run)

    def _news(self, have: Have, judge: bool | None = None) -> Record | None:
        """The measures alone, where there are new samples; the graph stays as it was sent."""
        history = self.run.history
        samples = (len(history.gradients), len(history.activations))
        if not judge or samples == self._told:
            return None
        self._told = samples
        return frames_of(self.graph, self.run)


def _heard(have: Have, record: Record) -> Have:
    if isinstance(record, DashboardRecord):
        return advanced(have, record)
    if isinstance(record, FlowFrames):
        return have
    assert isinstance(record, GradientFlowRecord)
    assert record.activations is not None
    assert record.histograms is not None
    return Have(
        gradients=record.gradients.end,
        activations=record.activations.end,
        histograms=record.histograms.end,
    )
