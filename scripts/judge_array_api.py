"""The array API standard's own tests judge nbdl: github.com/data-apis/array-api-tests.

    ARRAY_API_TESTS=/path/to/checkout python scripts/judge_array_api.py           compare
    ARRAY_API_TESTS=/path/to/checkout python scripts/judge_array_api.py --write   record anew

The checkout needs its submodule. The record, tests/judges/array_api.txt, has a line for each test
with the outcome for nbdl and for NumPy (as array_api_compat gives it): P passed, F failed, S
skipped. It is an error if a test that passed no longer does, or if one fails that NumPy passes.
Examples may differ between versions of hypothesis, so NumPy is asked again before that is said.
Without the variable nothing is judged, which the exit status says (77).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "judges" / "array_api.txt"
VARIABLE = "ARRAY_API_TESTS"
SKIPPED = 77
"""Exit status of a check that could not run here."""

NOT_A_FAULT = {
    "test_data_type_functions::test_can_cast": (
        "it expects every dtype to be castable to float64 where dtypes are NumPy's, because "
        "NumPy calls None == dtype('float64') true; complex64 is not"
    ),
}
"""Tests that fail although NumPy passes them, with the reason."""


def main(arguments: list[str]) -> int:
    """Compare with the record, or write it; 0 if nothing got worse."""
    checkout = os.environ.get(VARIABLE)
    if not checkout:
        print(f"array-api-tests SKIPPED: {VARIABLE} does not name a checkout of them")
        return SKIPPED
    folder = Path(checkout).resolve()
    if not (folder / "array_api_tests").is_dir() or not any((folder / "array-api").glob("*")):
        print(f"{VARIABLE}={checkout} is no checkout of array-api-tests with its submodule")
        return 2
    if arguments == ["--write"]:
        outcomes = [run(folder, module) for module in ("nbdl", "array_api_compat.numpy")]
        write(*outcomes, about=versions(folder))
        print(counted("nbdl", outcomes[0]), counted("NumPy", outcomes[1]), sep="\n")
        return 0
    nbdl, numpy = read(RECORD)
    found = run(folder, "nbdl")
    print(counted("nbdl", found), counted("NumPy, as recorded", numpy), sep="\n")
    for line in notes(nbdl, found):
        print(line)
    faults = worse(nbdl, numpy, found)
    if faults:
        files = sorted({f"array_api_tests/{name.split('::')[0]}.py" for name in faults})
        here = run(folder, "array_api_compat.numpy", *files)
        for name in [name for name in faults if here.get(name) == "F"]:
            print(f"fails here for NumPy too: {name}")
            del faults[name]
    for name, text in faults.items():
        print(f"{text}: {name}")
    return 1 if faults else 0


def run(folder: Path, module: str, *files: str) -> dict[str, str]:
    """The outcome of every test (of some files) for a namespace."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        environment = os.environ | {
            "ARRAY_API_TESTS_MODULE": module,
            "ARRAY_API_TESTS_VERSION": "2024.12",
            "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(ROOT),
        }
        workers = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
        command = (
            sys.executable, "-m", "pytest", *(files or ("array_api_tests",)), "-q", "--no-header",
            "--tb=no", "-p", "no:cacheprovider", "-p", "no:warnings", "-n", workers,
            "--disable-deadline", "--derandomize", "-p", "scripts.judge_array_api",
            f"--junitxml={report}",
        )  # fmt: skip
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if not report.exists():
            raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
        return outcomes_of(report)


def pytest_runtest_setup(item: object) -> None:
    """A hook of pytest, which loads this file: the same examples whenever a test runs.

    Some of the tests draw theirs outside of what --derandomize reaches.
    """
    random.seed(0)


def outcomes_of(report: Path) -> dict[str, str]:
    """P, F or S by the test's name, from pytest's XML."""
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        where = case.get("classname", "").removeprefix("array_api_tests.").replace(".", "::")
        kinds = {child.tag for child in case}
        outcome = "F" if kinds & {"failure", "error"} else "S" if "skipped" in kinds else "P"
        found[f"{where}::{case.get('name')}"] = outcome
    return found


def worse(
    nbdl: dict[str, str], numpy: dict[str, str], found: dict[str, str]
) -> dict[str, str]:
    """Tests with an outcome worse than that recorded of nbdl, or than NumPy's, and which it is."""
    faults = {}
    for name, outcome in sorted(found.items()):
        if outcome == "P" or name in NOT_A_FAULT:
            continue
        if nbdl.get(name) == "P":
            faults[name] = f"passed before, now {outcome}"
        elif outcome == "F" and numpy.get(name, "P") == "P":
            faults[name] = "fails, NumPy passes it"
    return faults


def notes(nbdl: dict[str, str], found: dict[str, str]) -> list[str]:
    """What else differs from the record."""
    better = [n for n, o in found.items() if o == "P" and nbdl.get(n, "P") != "P"]
    gone = sorted(set(nbdl) - set(found))
    return [f"passes now: {n}" for n in sorted(better)] + [f"not there any more: {n}" for n in gone]


def counted(who: str, outcomes: dict[str, str]) -> str:
    """``nbdl: 1339 passed, 27 failed, 14 skipped``."""
    numbers = [sum(o == letter for o in outcomes.values()) for letter in "PFS"]
    return "{}: {} passed, {} failed, {} skipped".format(who, *numbers)


def versions(folder: Path) -> str:
    """What the outcomes depend on."""
    commit = subprocess.run(
        ("git", "-C", str(folder), "rev-parse", "--short", "HEAD"), capture_output=True, text=True
    ).stdout.strip()
    packages = ("numpy", "array-api-compat", "hypothesis")
    return ", ".join([f"array-api-tests {commit or 'of unknown commit'}",
                      *(f"{p} {metadata.version(p)}" for p in packages)])  # fmt: skip


def write(nbdl: dict[str, str], numpy: dict[str, str], about: str) -> None:
    """The record: a heading, then a line for each test."""
    heading = (f"# nbdl, NumPy, test. {about}", f"# {counted('nbdl', nbdl)}",
               f"# {counted('NumPy', numpy)}")  # fmt: skip
    lines = [f"{nbdl.get(n, '-')}{numpy.get(n, '-')} {n}" for n in sorted(nbdl | numpy)]
    RECORD.write_text("\n".join((*heading, *lines)) + "\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The outcomes of nbdl and of NumPy from the record."""
    rows = [r for r in path.read_text(encoding="utf-8").splitlines() if r and r[0] != "#"]
    nbdl = {row[3:]: row[0] for row in rows if row[0] != "-"}
    numpy = {row[3:]: row[1] for row in rows if row[1] != "-"}
    return nbdl, numpy


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
