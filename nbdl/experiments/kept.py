"""One run of the past, and what can be done with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdl.errors import ArgumentError, brief
from nbdl.experiments import export, report, rerun, table, travel
from nbdl.experiments.comparison import Comparison
from nbdl.training.archive.records import RunRecord


class KeptRun(RunRecord):
    """A run of the past: ``nbdl.runs()[0]``, ``nbdl.runs()["lenet"]``.

    Besides its fields: ``history()`` and ``series(name)`` read its numbers; ``rename``, ``tag``,
    ``untag`` and ``note`` say something of it; ``delete`` and ``restore``; ``compare``,
    ``export``, ``report``, ``rerun``.
    """

    # ----- what people say of it ------------------------------------------------------------

    @property
    def note(self) -> str:
        """What a person has written about the run; setting it keeps it in the store."""
        return self.notes

    @note.setter
    def note(self, text: str) -> None:
        self.store.update_run(self.id, notes=_text("a note", text))
        self.notes = text

    def rename(self, name: str) -> KeptRun:
        """Give the run another name."""
        if not _text("a name", name).strip():
            raise ArgumentError("a run's name must not be empty")
        self.store.update_run(self.id, name=name)
        self.name = name
        return self

    def tag(self, *tags: str) -> KeptRun:
        """Add tags: short words to find the run by."""
        return self._tagged((*self.tags, *(_tag(tag) for tag in tags)))

    def untag(self, *tags: str) -> KeptRun:
        """Take tags away; those it does not have are refused."""
        for tag in tags:
            if tag not in self.tags:
                has = ", ".join(self.tags) or "none"
                raise ArgumentError(f"the run {self.id} has no tag {tag!r}; its tags: {has}")
        return self._tagged(tuple(tag for tag in self.tags if tag not in tags))

    def _tagged(self, tags: tuple[str, ...]) -> KeptRun:
        tags = tuple(dict.fromkeys(tags))
        self.store.update_run(self.id, tags=json.dumps(tags))
        self.tags = tags
        return self

    # ----- the trash ------------------------------------------------------------------------

    def delete(self) -> None:
        """Put the run into the trash: ``restore`` or ``nbdl.experiments.undo()`` bring it back,
        with its checkpoints; ``nbdl.experiments.empty_trash()`` removes it for ever.

        Raises ArgumentError while it trains.
        """
        if self.is_alive:
            raise ArgumentError(
                f"the run {self.id} ({self.name}) is still training", hint="stop it first"
            )
        self.store.delete([self.id])

    def restore(self) -> None:
        """Take the run out of the trash."""
        self.store.restore([self.id])
        self.deleted = None

    # ----- looking at it --------------------------------------------------------------------

    def compare(self, *others: RunRecord) -> Comparison:
        """This run beside others: curves, differences of configuration and source."""
        return Comparison([self, *others])

    def export(self, path: str | Path) -> Path:
        """Write its numbers to a file: ``.csv``, ``.json``, or a folder for TensorBoard.

        Returns the path. Raises FileError, with nothing half-written, where that cannot be.
        """
        return export.export([self], path)

    def report(self, path: str | Path) -> Path:
        """Write one HTML page about it that needs no other file, to send or to print."""
        return report.write([self], path)

    def rerun(self, model: Any = None, data: Any = None, **changes: Any) -> rerun.Rerun:
        """Train it again, and say whether the losses are the same to the last bit.

        Args:
            model: untrained, as at the beginning of this run. ``%runs rerun ID`` makes it from
                the recorded source.
            data: what it was trained on.
            changes: arguments of ``train`` in place of recorded ones, ``val`` among them.
        """
        return rerun.rerun(self, model, data, changes)

    # ----- back in time ---------------------------------------------------------------------

    @property
    def steps_kept(self) -> list[int]:
        """The steps that ``at`` and ``branch`` can go back to: those of its snapshots while it is
        in memory, of its checkpoints later."""
        return travel.steps_kept(self)

    def at(self, step: int, model: Any = None) -> Any:
        """A copy of the model as it was at a step, in evaluation mode.

        Args:
            step: while the run is in memory as for ``Run.at``; else one of ``steps_kept``.
            model: built like the one that was trained, once that is not in memory any more.

        Raises ArgumentError for other steps and models, FileError for a damaged checkpoint.
        """
        return travel.at(self, step, model)

    def branch(self, step: int, model: Any = None, data: Any = None, **changes: Any) -> Any:
        """Train on from a step as a new run, as ``Run.branch`` does; returns the Run.

        Args:
            step, model: as for ``at``.
            data: what it was trained on, once that is not in memory any more; with other data the
                epoch begins anew.
            changes: arguments of ``nbdl.train`` that are to be others, and those that no file can
                keep.
        """
        return travel.branch(self, step, model, data, changes)

    def details(self) -> dict[str, Mapping[str, Any]]:
        """What is recorded beside the numbers, by headings: for people."""
        return table.details(self)

    def __repr__(self) -> str:
        return table.record_text(self)

    def _repr_html_(self) -> str:
        return table.record_html(self)


def _text(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise ArgumentError(f"{what} must be a text, got {brief(text)}")
    return text


def _tag(tag: Any) -> str:
    if not _text("a tag", tag).strip() or len(tag) > 60 or not tag.isprintable():
        raise ArgumentError(f"a tag is a short word, got {brief(tag)}")
    return str(tag).strip()
