"""The runner of all checks reports what failed, hung or could not start."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from scripts import check
from scripts.check import Check


def shell(name: str, script: str, **options: object) -> Check:
    return Check(name, (sys.executable, "-c", script), **options)  # type: ignore[arg-type]


def test_outcomes_are_told_apart(tmp_path: Path):
    assert check.run(shell("good", "pass"))[0] == "passed"
    assert check.run(shell("bad", "raise SystemExit(3)"))[0] == "FAILED (3)"
    assert check.run(Check("gone", ("no-such-program-anywhere",)))[0] == "not found"
    assert check.run(shell("lost", "pass", folder=tmp_path / "missing"))[0] == "not found"


def test_a_check_that_hangs_is_ended_with_its_children(tmp_path: Path):
    mark = tmp_path / "still-alive"
    child = f"import time, pathlib; time.sleep(4); pathlib.Path({str(mark)!r}).touch()"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    outcome, seconds = check.run(shell("hangs", script, limit=1))
    assert outcome == "TOO LONG (over 1 s)"
    assert seconds < 4
    assert check.run(shell("wait", "import time; time.sleep(4)"))[0] == "passed"
    assert not mark.exists(), "the child outlived the check"


def test_checks_get_their_environment_and_no_stdin():
    script = (
        "import os, sys; assert os.environ['NBDL_TRIED'] == 'yes'; assert sys.stdin.read() == ''"
    )
    assert check.run(shell("env", script, environment={"NBDL_TRIED": "yes"}))[0] == "passed"


def test_checks_can_be_interrupted_though_the_runner_was_started_in_the_background():
    script = "import signal as s; assert s.getsignal(s.SIGINT) is s.default_int_handler"
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert check.run(shell("background", script))[0] == "passed"
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_summary_names_what_failed(capsys: pytest.CaptureFixture[str]):
    good, bad = shell("good", ""), shell("bad", "")
    assert check.summarise([(good, "passed", 1.0)]) == 0
    assert "all passed" in capsys.readouterr().out
    assert check.summarise([(good, "passed", 1.0), (bad, "FAILED (1)", 2.0)]) == 1
    assert "FAILED: bad" in capsys.readouterr().out


def test_an_unknown_check_is_refused_with_the_names_there_are(capsys: pytest.CaptureFixture[str]):
    assert check.main(["rufff"]) == 2
    assert "ruff" in capsys.readouterr().out
