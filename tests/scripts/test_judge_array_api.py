"""The comparison with the array API's own tests: planted regressions must be found."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scripts import judge_array_api as judge

ROOT = Path(__file__).resolve().parents[2]


def test_what_got_worse_is_named() -> None:
    nbdl = {"a": "P", "b": "F", "c": "P", "d": "F", "e": "S"}
    numpy = {"a": "P", "b": "F", "c": "F", "d": "P", "e": "P"}
    found = {"a": "P", "b": "F", "c": "F", "d": "F", "e": "S", "new": "F"}
    assert judge.worse(nbdl, numpy, found) == {
        "c": "passed before, now F",
        "d": "fails, NumPy passes it",
        "new": "fails, NumPy passes it",
    }
    assert judge.worse(nbdl, numpy, dict.fromkeys("abcde", "P")) == {}
    assert judge.notes(nbdl, {"a": "P", "b": "P"}) == [
        "passes now: b",
        *(f"not there any more: {name}" for name in "cde"),
    ]


def test_a_test_that_is_left_out_is_no_pass() -> None:
    assert judge.worse({"a": "P"}, {"a": "P"}, {"a": "S"}) == {"a": "passed before, now S"}


def test_outcomes_are_read_from_pytests_report(tmp_path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="array_api_tests.test_x" name="f[1]"/>'
        '<testcase classname="array_api_tests.test_x.TestY" name="g"><failure/></testcase>'
        '<testcase classname="array_api_tests.test_x" name="h"><skipped/></testcase>'
        "</testsuite></testsuites>"
    )
    assert judge.outcomes_of(report) == {
        "test_x::f[1]": "P",
        "test_x::TestY::g": "F",
        "test_x::h": "S",
    }


def test_the_record_says_of_every_test_how_it_ended(monkeypatch, tmp_path) -> None:
    nbdl, numpy = judge.read(judge.RECORD)
    assert len(nbdl) == len(numpy) > 1300
    assert judge.worse(nbdl, numpy, nbdl) == {}
    assert set(judge.NOT_A_FAULT) == {
        name for name, outcome in nbdl.items() if outcome == "F" and numpy.get(name) == "P"
    }
    monkeypatch.setattr(judge, "RECORD", tmp_path / "record.txt")
    judge.write(nbdl, numpy, "versions")
    assert judge.read(judge.RECORD) == (nbdl, numpy)


def test_without_a_checkout_it_says_that_nothing_was_judged(monkeypatch) -> None:
    monkeypatch.delenv(judge.VARIABLE, raising=False)
    found = subprocess.run(
        (sys.executable, "scripts/judge_array_api.py"), cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == judge.SKIPPED
    assert "SKIPPED" in found.stdout


def test_a_folder_that_is_no_checkout_is_told(monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setenv(judge.VARIABLE, str(tmp_path))
    assert judge.main([]) == 2
    assert "is no checkout of array-api-tests" in capsys.readouterr().out
