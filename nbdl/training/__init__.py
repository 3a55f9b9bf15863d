"""Training: runs, the loop, metrics, callbacks, the run store."""

from nbdl.training.active import active_runs, last_run
from nbdl.training.api import train, watch
from nbdl.training.archive.records import RunRecord, clock
from nbdl.training.callbacks import Callback
from nbdl.training.checkpointing.editing import carry_over, goes_on
from nbdl.training.lr_finder import LRFinder, lr_find
from nbdl.training.measuring.evaluation import evaluate, predict
from nbdl.training.measuring.metric import Metric
from nbdl.training.measuring.metrics import METRICS
from nbdl.training.names import LOSSES, OPTIMIZERS
from nbdl.training.run import Run
from nbdl.training.schedules import SCHEDULES
from nbdl.training.statistics.history import Gradients, History
from nbdl.training.step import SupervisedStep
from nbdl.training.stopping import Converged, EarlyStopping, StopRule
from nbdl.training.track import TrackedRun, track

__all__ = [
    "LOSSES", "METRICS", "OPTIMIZERS", "SCHEDULES", "Callback", "Converged", "EarlyStopping",
    "Gradients", "History", "LRFinder", "Metric", "Run", "RunRecord", "StopRule",
    "SupervisedStep", "TrackedRun", "active_runs", "carry_over", "clock", "evaluate", "goes_on",
    "last_run", "lr_find", "predict", "track", "train", "watch",
]  # fmt: skip
