"""Run the checks and say at the end, in one table, what passed.

    python scripts/check.py                 all of them, in this order
    python scripts/check.py ruff mypy       only these

All checks run even if one fails. On few cores the processes share them: Python tests run in as
many workers as there are cores with one compute thread each, and whatever measures time or memory
(marker `alone`) runs by itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
WORKERS = str(max(1, min(8, CORES)))
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
APART = ("--ignore=tests/browser", "--ignore=tests/notebooks")


@dataclass(frozen=True)
class Check:
    """One command with the seconds it may take at most and what it adds to the environment."""

    name: str
    command: tuple[str, ...]
    limit: int = 300
    folder: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)


def tool(name: str) -> str:
    return str(BIN / name)


def pytest(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", "--no-header", *arguments)


ALL = (
    Check("ruff", (tool("ruff"), "check", "--quiet", ".")),
    Check("mypy", (tool("mypy"), "--no-error-summary")),
    Check("floors", (tool("lint-imports"), "--no-logo")),
    Check("tsc", ("npm", "run", "--silent", "check"), folder=ROOT / "js"),
    Check("vitest", ("npx", "--no-install", "vitest", "run"), folder=ROOT / "js"),
    Check(
        "python",
        pytest("-n", WORKERS, "--dist", "worksteal", "-m", "not browser and not alone", *APART),
        limit=1200,
        environment=ONE_THREAD,
    ),
    Check("alone", pytest("-m", "alone and not browser", *APART), limit=600),
    Check(
        "notebooks",
        pytest("-n", WORKERS, "tests/notebooks"),
        limit=900,
        environment=ONE_THREAD,
    ),
    Check("browser", pytest("-m", "browser", "tests/browser"), limit=1500),
)
# Not part of everything: `python` includes the first, the second needs a checkout of its own.
EXTRA = (
    Check(
        "judge",
        pytest("-n", WORKERS, "-m", "judge", *APART),
        limit=1200,
        environment=ONE_THREAD | {"NBDL_JUDGE": "all"},
    ),
    Check(
        "array-api",
        (sys.executable, "scripts/judge_array_api.py"),
        limit=1200,
        environment=ONE_THREAD,
    ),
)
SKIPPED = 77  # the exit status of a check that cannot run here, and says why


def main(names: list[str]) -> int:
    """Run the checks called `names` (all if none are given); 0 if all passed."""
    known = {check.name: check for check in (*ALL, *EXTRA)}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    chosen = [known[name] for name in names] or list(ALL)
    results = [(check, *run(check)) for check in chosen]
    return summarise(results)


def run(check: Check) -> tuple[str, float]:
    """Run one check with its output shown as it comes. Returns (outcome, seconds)."""
    print(f"\n=== {check.name}: {shown(check)}", flush=True)
    started = time.monotonic()
    program = shutil.which(check.command[0])
    if program is None or not check.folder.is_dir():
        print(f"{check.command[0]} or {check.folder} was not found")
        return "not found", 0.0
    environment = os.environ | check.environment | {"PYTHONHASHSEED": "0"}
    process = subprocess.Popen(
        (program, *check.command[1:]),
        cwd=check.folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=listen_to_interrupts,
    )
    try:
        code = process.wait(timeout=check.limit)
        outcome = {0: "passed", SKIPPED: "skipped"}.get(code, f"FAILED ({code})")
    except subprocess.TimeoutExpired:
        outcome = f"TOO LONG (over {check.limit} s)"
    finally:
        end(process)
    return outcome, time.monotonic() - started


def listen_to_interrupts() -> None:
    """In the child: SIGINT as usual, though a shell starts background jobs with it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def shown(check: Check) -> str:
    """The command as one would type it."""
    words = [str(Path(word).name) if word.startswith("/") else word for word in check.command]
    return " ".join(f"'{word}'" if " " in word else word for word in words)


def end(process: subprocess.Popen[bytes]) -> None:
    """End the check's whole process group, servers and browsers it may have left included."""
    try:
        os.killpg(process.pid, 15)
    except ProcessLookupError:
        return
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)


def summarise(results: list[tuple[Check, str, float]]) -> int:
    """Print the table and return the exit status."""
    print("\n" + "=" * 46)
    for check, outcome, seconds in results:
        print(f"  {check.name:<12} {outcome:<22} {seconds:7.1f} s")
    failed = [check.name for check, outcome, _ in results if outcome not in ("passed", "skipped")]
    total = sum(seconds for _, _, seconds in results)
    skipped = [check.name for check, outcome, _ in results if outcome == "skipped"]
    verdict = f"FAILED: {', '.join(failed)}" if failed else "all passed"
    verdict += f"; skipped: {', '.join(skipped)}" if skipped else ""
    print("-" * 46 + f"\n  {verdict}; {total / 60:.1f} min on {CORES} cores\n" + "=" * 46)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
