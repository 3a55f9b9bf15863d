"""Runs of the past: listed, compared, named, thrown away, exported, reported, trained again."""

from nbdl.experiments.comparison import Comparison
from nbdl.experiments.kept import KeptRun
from nbdl.experiments.rerun import Rerun
from nbdl.experiments.runs import RunList, empty_trash, runs, undo
from nbdl.experiments.sweep import sweep
from nbdl.experiments.trials import Sweep, Trial

__all__ = [
    "Comparison", "KeptRun", "Rerun", "RunList", "Sweep", "Trial", "empty_trash", "runs", "sweep",
    "undo",
]  # fmt: skip
