"""What all measurements share: fair timing, several processes by turns, tables, the page.

Two frameworks never share a process, for their thread pools would slow each other down. Each is
measured in a fresh process; the processes take turns over several rounds and start when the
machine is quiet, if it becomes so soon. Of each number the median and the minimum are kept: on a
machine that does other work as well, the median says what a person meets and the minimum what
the code costs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Timing(NamedTuple):
    """Seconds: what is usual and the best seen."""

    median: float
    minimum: float


Timings = dict[str, Timing]


# ----- in the process that is measured ------------------------------------------------------


def measure(function: Callable[[], object], budget: float = 0.03, batches: int = 5) -> Timing:
    """Seconds a call takes: ``batches`` batches of calls, or as many as fit into ``budget``.

    A batch is long enough for the clock, at least a fifth of a millisecond. The garbage
    collector stays on, as it is for people.
    """
    number, seconds = 1, _batch(function, 1)
    while seconds < 2e-4:
        number *= 2
        seconds = _batch(function, number)
    found: list[float] = []
    end = time.perf_counter() + budget
    while len(found) < batches or time.perf_counter() < end:
        found.append(_batch(function, number) / number)
    return Timing(statistics.median(found), min(found))


def _batch(function: Callable[[], object], number: int) -> float:
    calls = range(number)
    start = time.perf_counter()
    for _ in calls:
        function()
    return time.perf_counter() - start


def report(timings: Mapping[str, Timing]) -> None:
    """What a measured process says to the one that started it."""
    print(json.dumps(timings))


def timed(function: Callable[[], object], count: int, least: float, most: float) -> list[float]:
    """Seconds of each call, after one that warms up.

    There are ``count`` calls, or as many as fit into ``least`` seconds; whatever happens, no call
    begins after ``most`` seconds.
    """
    function()
    found: list[float] = []
    begin = end = time.perf_counter()
    while (len(found) < count or end - begin < least) and end - begin < most:
        before = time.perf_counter()
        function()
        end = time.perf_counter()
        found.append(end - before)
    return found


def serve(answers: Mapping[str, Callable[..., Any]]) -> None:
    """In a ``Contender``'s process: answer its questions until there are no more.

    An answer is ``[value, None]``, or ``[None, "KindOfError: what it says"]``.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # what others print is no answer
        for line in sys.stdin:
            name, more = json.loads(line)
            try:
                answer = [answers[name](**more), None]
            except Exception as error:  # whatever it is, the one that asked is told
                traceback.print_exc()
                answer = [None, f"{type(error).__name__}: {error}"]
            print(json.dumps(answer), file=out, flush=True)


# ----- how busy the machine is --------------------------------------------------------------


def wait_for_quiet(limit: float = 20.0) -> None:
    """Wait until other programs leave half of the processors idle, at most ``limit`` seconds."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = _idle_and_all()
        if before is None:
            return
        time.sleep(0.2)
        idle, whole = (b - a for a, b in zip(before, _idle_and_all() or before, strict=True))
        if idle >= 0.5 * whole:
            return


def _idle_and_all() -> tuple[int, int] | None:
    """Ticks of all processors since the start: idle ones, and all; None where nobody tells."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            ticks = [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return None
    return ticks[3] + ticks[4], sum(ticks)


# ----- in the process that compares ---------------------------------------------------------


def merged(rounds: Sequence[Timings]) -> Timings:
    """The rounds of one framework as one: median of medians, minimum of minima."""
    return {
        case: Timing(
            statistics.median(r[case].median for r in rounds), min(r[case].minimum for r in rounds)
        )
        for case in rounds[0]
    }


def turns(names: Sequence[str], rounds: int) -> list[str]:
    """Names in the order of measuring: each once a round, another one first each time."""
    shift = [i % len(names) for i in range(rounds)]
    return [name for i in shift for name in (*names[i:], *names[:i])]


def compare(
    module: str, peers: Sequence[str], rounds: int, threads: int, more: Sequence[str] = ()
) -> dict[str, Timings]:
    """Timings of each peer: ``python -m module --worker peer`` by turns, in fresh processes."""
    found: dict[str, list[Timings]] = {peer: [] for peer in peers}
    for peer in turns(peers, rounds):
        wait_for_quiet()
        command = [sys.executable, "-m", module, "--worker", peer, *more]
        text = subprocess.run(
            command, cwd=ROOT, env=environment(threads), stdout=subprocess.PIPE, text=True,
            check=True,
        ).stdout  # fmt: skip
        found[peer].append({k: Timing(*v) for k, v in json.loads(text.splitlines()[-1]).items()})
    return {peer: merged(found[peer]) for peer in peers}


def environment(threads: int) -> dict[str, str]:
    """The environment of measured processes: this nbdl, and pools of ``threads`` threads.

    Byte code may be written, so that only the first import compiles, as where it is installed.
    """
    rest = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    pools = dict.fromkeys(_POOLS, str(threads))
    return {**rest, **pools, "PYTHONPATH": os.pathsep.join(paths)}


class Contender:
    """A measured process that stays: asked by turns with others, stopped when not asked.

    ``python -m module *arguments`` is to call ``serve``. Stopped means that the system gives it
    no time at all: threads that wait busily for the next work would slow the others down.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], env: Mapping[str, str], folder: Path = ROOT
    ) -> None:
        self._command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(
            self._command, cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Contender:
        return self

    def ask(self, name: str, **more: Any) -> Any:
        """The answer to one question; RuntimeError with what went wrong if there is none."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._send(signal.SIGCONT)
        print(json.dumps([name, more]), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(self._command[2:])} ended without an answer to {name}")
        self._send(signal.SIGSTOP)
        answer, error = json.loads(line)
        if error:
            raise RuntimeError(error)
        return answer

    def _send(self, what: signal.Signals) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, what)

    def __exit__(self, *_: object) -> None:
        self._send(signal.SIGKILL)
        self._process.communicate()


class Spent(NamedTuple):
    """Seconds a whole process took: by the clock, and of processors."""

    wall: float
    cpu: float


def run(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[Spent, str]:
    """Run a command to its end; what it took and what it wrote."""
    wait_for_quiet()
    before, start = _children_seconds(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    spent = Spent(time.perf_counter() - start, _children_seconds() - before)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return spent, done.stdout


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def geometric_mean(values: Iterable[float]) -> float:
    """The mean of ratios."""
    return math.exp(statistics.fmean(math.log(v) for v in values))


# ----- tables and the page ------------------------------------------------------------------


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; columns after the first are aligned to the right."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def micro(seconds: float) -> str:
    """``12.3``: microseconds with three digits or more."""
    value = seconds * 1e6
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def milli(seconds: float) -> str:
    """``12.3``: milliseconds with three digits or more."""
    return f"{seconds * 1e3:.3f}" if seconds < 1e-3 else micro(seconds * 1e-3)


def both(timing: Timing, form: Callable[[float], str] = micro) -> str:
    """``median (minimum)``."""
    return f"{form(timing.median)} ({form(timing.minimum)})"


def ratio(mine: Timing, peer: Timing) -> str:
    """Ratio of the medians, and of the minima in parentheses; below 1 is faster than the peer."""
    return f"{mine.median / peer.median:.2f} ({mine.minimum / peer.minimum:.2f})"


def machine(*packages: str, rounds: int, threads: int | str) -> str:
    """One paragraph: on what, with what and how it was measured."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in packages)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    return (
        f"{time.strftime('%Y-%m-%d')}, {_processor()}, {cores} cores, {threads} thread(s) each, "
        f"Python {platform.python_version()}, {versions}; {rounds} rounds of fresh processes by "
        f"turns; load average at the end {load}. Medians, minima in parentheses."
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def publish(name: str, text: str, page: Path = PAGE) -> None:
    """Put ``text`` between the page's markers of ``name``; ValueError if it has none."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"{page} has no {begin} ... {end}")
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def arguments(doc: str | None, rounds: int, threads: int = 1) -> argparse.ArgumentParser:
    """The options all measurements take."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=rounds, help="fresh processes of each peer")
    parser.add_argument("--threads", type=int, default=threads, help="compute threads of each")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def show(name: str, text: str, write: bool) -> None:
    """Print the tables, and put them on the page if asked to."""
    print(text)
    if write:
        publish(name, text)
