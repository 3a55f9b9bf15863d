"""What a run began with: fingerprints, environment, configuration as JSON."""

from __future__ import annotations

import json
import subprocess

import numpy as np
import pytest

import nbdl
from nbdl import data, nn
from nbdl.training.archive.environment import commit, environment
from nbdl.training.archive.origin import BLOCKS, WHOLE, array_hash, fingerprint, weights_hash
from nbdl.training.archive.recorder import objects, plain_config
from nbdl.training.models import Definition, definitions

X, Y = np.arange(40, dtype=np.float32).reshape(10, 4), np.arange(10) % 2


def test_the_same_bytes_have_the_same_fingerprint_however_they_lie():
    assert fingerprint((X, Y)) == fingerprint((X.copy(order="F"), Y.copy()))
    assert fingerprint((X, Y)) != fingerprint((X + 0, Y + 1))
    assert array_hash(X) != array_hash(X.reshape(4, 10)), "the shape counts"
    assert array_hash(X) != array_hash(X.view(np.int32)), "the dtype counts"
    assert array_hash(X) == array_hash(nbdl.tensor(X).value)


def test_what_is_in_a_data_set_a_part_of_it_and_a_loader():
    whole = data.TensorDataset(X, Y)
    part, rest = whole.split(0.5)
    loader = data.DataLoader(part, 2, shuffle=True, seed=3)
    found = fingerprint(loader)
    assert (found["kind"], found["length"], found["batch_size"]) == ("DataLoader", 3, 2)
    assert found["of"]["of"]["arrays"][0]["shape"] == [10, 4]
    assert fingerprint(part) != fingerprint(rest)
    assert fingerprint(whole.map(np.sin))["transform"] == "sin"
    json.dumps(found)


def test_nothing_is_read_from_generators_and_own_data_sets():
    class Mine:
        def __len__(self):
            return 7

        def __getitem__(self, index):
            raise AssertionError("read")

    assert fingerprint(Mine()) == {"kind": "Mine", "length": 7}
    assert fingerprint(x for x in [1 / 1])["kind"] == "generator"
    named = np.array(["a", None], object)
    assert "hash" not in fingerprint(named)["arrays"][0], "addresses say nothing"


@pytest.mark.parametrize("shape", [(WHOLE // 4 + 1024,), (1, WHOLE // 4 + 1024), (4096, 1025)])
def test_of_large_arrays_parts_are_hashed_and_it_is_said(shape):
    large = np.zeros(shape, np.float32)
    found = fingerprint(large)["arrays"][0]
    assert found["sampled"] == "64 blocks"
    before = found["hash"]
    large.reshape(-1)[-1] = 1
    assert array_hash(large) != before, "the end is among them"
    large.reshape(-1)[-1] = 0
    between = WHOLE // (16 * BLOCKS)
    large.reshape(-1)[between + 5 : between + 9] = 1
    assert array_hash(large) == before, "what lies between is not"
    assert "sampled" not in fingerprint(np.zeros(0))["arrays"][0]


def test_a_run_takes_down_what_it_began_with():
    nbdl.manual_seed(5)
    net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    definitions[net] = Definition("%%model net\nSequential()", {"seed": 5, "draw": 0})
    begun = weights_hash([net])
    run = nbdl.train(net, (X, Y), val=0.2, epochs=1, progress=False, loss=nn.CrossEntropyLoss())
    record = nbdl.runs()[0]
    assert record.origin == run.origin
    assert run.origin["weights"] == begun != weights_hash([net])
    assert run.origin["data"] == fingerprint((X, Y))
    assert run.origin["val"] == {"fraction": 0.2}
    assert run.origin["definition"] == {"seed": 5, "draw": 0}
    assert run.origin["random"]["seed"] == 5
    assert run.origin["objects"] == ["loss"]
    assert record.source == "%%model net\nSequential()"
    known = record.environment
    assert {"python", "platform", "nbdl", "numpy", "cpu", "cores", "threads"} <= set(known)
    assert known["device"] == "cpu"


def test_a_configuration_names_functions_and_has_no_addresses(monkeypatch, tmp_path):
    class Thing:
        def __repr__(self):
            return f"Thing({tmp_path}/a) at 0x7f001122"

    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path)
    config = {"loss": nn.functional.mse_loss, "lr": 0.1, "metrics": [max, "f1"], "optim": Thing()}
    plain = plain_config(config)
    assert plain == {
        "loss": "mse_loss", "lr": 0.1, "metrics": ["max", "f1"], "optim": "Thing(~/a)",
    }  # fmt: skip
    assert objects(config) == ["loss", "metrics", "optim"]


def test_the_commit_and_whether_files_differ_from_it(tmp_path):
    assert commit(tmp_path) == {}

    def git(*words):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init")
    git("config", "user.email", "a@b")
    git("config", "user.name", "a")
    (tmp_path / "a.py").write_text("1")
    git("add", "a.py")
    git("commit", "-m", "first")
    found = commit(tmp_path)
    assert len(found["git"]) == 40
    assert found["git changed"] == "no"
    hostile = tmp_path / "monitor"
    hostile.write_text(f"#!/bin/sh\ntouch {tmp_path}/pwned\n")
    hostile.chmod(0o755)
    git("config", "core.fsmonitor", str(hostile))
    (tmp_path / "a.py").write_text("2")
    assert commit(tmp_path)["git changed"] == "yes"
    assert not (tmp_path / "pwned").exists(), "no program of the repository was started"


def test_without_git_and_without_a_cpu_file_there_is_still_an_environment(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert "git" not in environment([])
    assert environment([])["cpu"]
