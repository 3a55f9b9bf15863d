"""Runs of the past: listed, compared, named, thrown away, exported, reported, trained again."""

from nbdl.experiments.comparison import Comparison
from nbdl.experiments.kept import KeptRun
from nbdl.experiments.rerun import Rerun
from nbdl.experiments.runs import RunList, empty_trash, runs, undo

__all__ = ["Comparison", "KeptRun", "Rerun", "RunList", "empty_trash", "runs", "undo"]
