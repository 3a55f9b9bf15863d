"""What happened, and who wants to know.

The floors below fire events; views and stores subscribe. Firing costs one dictionary look-up
when nobody listens. Listeners run in the thread that fires: they must be quick and must not
change what they are told about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True)
class Event:
    """Something that happened."""


E = TypeVar("E", bound=Event)

_listeners: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}
_lock = threading.Lock()


def subscribe(kind: type[E], listener: Callable[[E], None]) -> Callable[[], None]:
    """Call ``listener(event)`` for every event of class ``kind``; returns the unsubscriber."""
    with _lock:
        _listeners[kind] = (*_listeners.get(kind, ()), listener)

    def unsubscribe() -> None:
        with _lock:
            rest = tuple(f for f in _listeners.get(kind, ()) if f is not listener)
            if rest:
                _listeners[kind] = rest
            else:
                _listeners.pop(kind, None)

    return unsubscribe


def heard(kind: type[Event]) -> bool:
    """Whether anybody listens: ask before building an event that costs something."""
    return kind in _listeners


def fire(event: Event) -> None:
    """Tell every listener of this event's class."""
    for listener in _listeners.get(type(event), ()):
        listener(event)


@dataclass(frozen=True)
class RunEvent(Event):
    """Something that happened to a training run. Fired in the run's thread, between steps."""

    run: Any


class RunStarted(RunEvent):
    """A run is about to make its first step."""


class RunAwaited(RunEvent):
    """Somebody waits for the end of a run, in the thread that fires this."""


class StepDone(RunEvent):
    """A step is complete: parameters updated, ``run.history`` has its loss."""


class EpochDone(RunEvent):
    """An epoch is complete, its validation included."""


class RunStatus(RunEvent):
    """``run.status`` has changed: paused, running again, stopped, ..."""


class RunFinished(RunEvent):
    """A run is over, however it ended; ``run.status`` says how."""


@dataclass(frozen=True)
class SweepEvent(Event):
    """Something that happened to a sweep, fired in the thread that did it."""

    sweep: Any


class SweepAwaited(SweepEvent):
    """Somebody waits for the end of a sweep, in the thread that fires this."""


class SweepChanged(SweepEvent):
    """A trial has begun, or the sweep was paused, goes on, or is over."""
