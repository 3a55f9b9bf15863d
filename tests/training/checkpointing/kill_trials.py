"""Trainings that are killed with SIGKILL at random moments and resumed until they are done.

    python kill_trials.py FOLDER COUNT SEED

Each trial is a run in a process of its own (a fork, so that starting it costs nothing), killed up
to three times, also while it writes checkpoints; in the end its losses must be those of a run
that was never stopped. Prints what happened as JSON; fails otherwise.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

import nbdl
from nbdl import nn
from nbdl.training.archive.store import default_path
from nbdl.training.checkpointing.checkpoints import read

X = np.random.default_rng(0).normal(size=(256, 24)).astype(np.float32)
Y = np.random.default_rng(1).integers(0, 3, 256)
OPTIONS = {"epochs": 12, "batch_size": 8, "lr": 0.01, "schedule": "cosine", "compile": False}
EVERY = {"checkpoint": {"steps": 5}}


def train(**options):
    nbdl.manual_seed(7)
    net = nn.Sequential(nn.Linear(24, 96), nn.ReLU(), nn.Dropout(0.2), nn.Linear(96, 3))
    return nbdl.train(net, (X, Y), progress=False, name="net", **options)


def in_child(work):
    """Start ``work`` in a fork; its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        sys.stderr.flush()
        os._exit(code)


def reference():
    losses = train(**OPTIONS, store=False).history["loss"].tolist()
    Path("losses.json").write_text(json.dumps(losses))


def begin_or_go_on():
    kept = default_path().exists() and nbdl.runs()
    if kept and kept[0].status == "finished":
        return
    train(resume=True) if kept else train(**OPTIONS, **EVERY)


def kept_losses():
    losses = nbdl.runs()[0].history()["loss"].tolist()
    Path("kept.json").write_text(json.dumps([nbdl.runs()[0].status, losses]))


def done(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def trial(chance, expected):
    """How often it was killed."""
    kills = 0
    for _ in range(3):
        child = in_child(begin_or_go_on)
        time.sleep(chance.uniform(0.0, 0.6))
        os.kill(child, signal.SIGKILL)
        kills += done(child) == -signal.SIGKILL
        for path in Path(".nbdl/checkpoints").glob("*/step-*"):
            read(path)  # never half a file
    assert done(in_child(begin_or_go_on)) == 0
    assert done(in_child(kept_losses)) == 0
    status, losses = json.loads(Path("kept.json").read_text())
    assert status == "finished"
    assert losses == expected
    strays = list(Path(".nbdl/checkpoints").glob("*/.*"))
    assert not strays, strays
    return kills


def main(folder, count, seed):
    os.chdir(folder)
    assert done(in_child(reference)) == 0
    expected = json.loads(Path("losses.json").read_text())
    chance, kills = random.Random(seed), 0
    for number in range(count):
        place = Path(folder) / f"trial{number}"
        place.mkdir()
        os.chdir(place)
        kills += trial(chance, expected)
    print(json.dumps({"trials": count, "killed": kills}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
