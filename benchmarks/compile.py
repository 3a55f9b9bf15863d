"""Training steps of twelve models: nbdl, compiled and eager, beside PyTorch's ways.

    python -m benchmarks.compile [--write] [--models mlp,lenet] [--no-torch-compile]

Each is one text, run with nbdl's layers and with PyTorch's (``benchmarks/models``), from the same
weights on the same batch with the same loss and AdamW; the recommender has SparseAdam in both and
sparse gradients in PyTorch. A step is zero_grad, forward, loss, backward, update and the loss as a
number. Everything is strict float32. PyTorch's ways: as it is; images in channels_last;
torch.compile of network and loss, whose C++ compiler must be there. Its optimizer is the default
one in all three.

Linear regression is the classic listing: a step is an epoch among a thousand of ``fit``, compared
with a bare loop in PyTorch.

Each way has its own process with two threads, which stays; the processes are asked by turns, and
all but the one that is asked are stopped by the system. A compiling way is first started with
empty caches, in a process that then ends: "cold". Memory is the most that a step holds, everything
alive included: traced by tracemalloc for nbdl and by torch.profiler for PyTorch.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.contenders import (
    CHANNELS_LAST,
    COMPILED,
    FIT,
    NBDL,
    NBDL_EAGER,
    OURS,
    PEERS,
    TORCH,
    TORCH_COMPILE,
    training,
)
from benchmarks.contenders.results import (
    BATCHES,
    Result,
    Results,
    comparable,
    failures,
    inference,
    memory,
    starts,
    steps,
    summary,
)
from benchmarks.harness import (
    Contender,
    Timing,
    arguments,
    environment,
    machine,
    milli,
    serve,
    show,
    table,
    turns,
    wait_for_quiet,
)
from benchmarks.models import EXAMPLES

LOSSES = 5
LEAST = 0.2  # seconds of a turn at least, for quick steps
QUIET = 2.0  # seconds to wait for a quiet machine before a turn


def ways(model: str, torch_compile: bool) -> list[str]:
    """The ways to train a model that there are."""
    return [
        *([FIT] if EXAMPLES[model].fit else []),
        NBDL, NBDL_EAGER, TORCH,
        *([CHANNELS_LAST] if EXAMPLES[model].images else []),
        *([TORCH_COMPILE] if torch_compile else []),
    ]  # fmt: skip


class Race:
    """The contenders of one model, asked by turns; one that fails is left out from then on."""

    def __init__(self, model: str, options: argparse.Namespace, stack: ExitStack) -> None:
        self.model = model
        self.options = options
        self.stack = stack
        self.results: Results = {way: Result() for way in ways(model, options.torch_compile)}
        self.contenders: dict[str, Contender] = {}

    def start(self) -> None:
        """Start all: imports, the first step, the first losses."""
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        for way in self.results:
            wait_for_quiet(QUIET)
            self._trying(way, lambda way=way: self._begin(way, folder))

    def _begin(self, way: str, folder: Path) -> None:
        result, options = self.results[way], self.options
        more = ["--worker", way, "--models", self.model, "--threads", str(options.threads)]
        more += ["--small"] if options.small else []
        env = {
            **environment(options.threads),
            "NBDL_CACHE": str(folder / "nbdl"),
            "TORCHINDUCTOR_CACHE_DIR": str(folder / "torch"),
        }
        if way in COMPILED:
            with Contender("benchmarks.compile", more, env, folder) as cold:
                cold.ask("start")
                result.cold = cold.ask("first")
        contender = self.stack.enter_context(Contender("benchmarks.compile", more, env, folder))
        result.start = contender.ask("start")
        result.first = contender.ask("first")
        result.losses = contender.ask("first_losses", count=LOSSES)
        self.contenders[way] = contender

    def _trying(self, way: str, action: Callable[[], None]) -> None:
        try:
            action()
        except RuntimeError as error:
            self.results[way].failure = str(error)
            self.contenders.pop(way, None)

    def ask(self, question: str, **more: Any) -> dict[str, tuple[Timing, int]]:
        """The timings of all, by turns, and how many calls each had."""
        options = self.options
        often = -(-options.steps // options.rounds)
        found: dict[str, list[tuple[float, float, int]]] = {way: [] for way in self.contenders}

        def turn(way: str) -> None:
            measured = self.contenders[way].ask(
                question, count=often, least=LEAST, most=options.most, **more
            )
            found[way].append(measured)

        for way in turns(list(self.contenders), options.rounds):
            if way in self.contenders:
                wait_for_quiet(QUIET)
                self._trying(way, lambda way=way: turn(way))
        return {way: _merged(found[way]) for way in self.contenders}

    def run(self) -> Results:
        """Ask everything."""
        self.start()
        for way, (timing, count) in self.ask("steps").items():
            self.results[way].step, self.results[way].count = timing, count
        for size in BATCHES if self.options.inference else ():
            for way, (timing, _) in self.ask("infer", size=size).items():
                self.results[way].infer[size] = timing
        for way in list(self.contenders):
            self._trying(way, lambda way=way: self._last(way))
        return self.results

    def _last(self, way: str) -> None:
        result, contender = self.results[way], self.contenders[way]
        result.roofline = contender.ask("roofline")
        if way == NBDL_EAGER and self.options.operations:
            print(operations(self.model, contender.ask("operations")), end="\n\n", flush=True)
        result.memory = contender.ask("memory")


def _merged(rounds: Sequence[tuple[float, float, int]]) -> tuple[Timing, int]:
    medians, minima, counts = zip(*rounds, strict=True)
    return Timing(statistics.median(medians), min(minima)), sum(counts)


def operations(model: str, spent: Sequence[tuple[str, float]], most: int = 12) -> str:
    """Where the time of an eager step of nbdl goes."""
    whole = sum(seconds for _, seconds in spent)
    rows = [(name, milli(s), f"{100 * s / whole:.1f} %") for name, s in spent[:most]]
    return table((f"{EXAMPLES[model].title}, nbdl eager", "ms", "of the step"), rows)


def tables(found: dict[str, Results], how: str) -> str:
    """All tables and what they say."""
    both_sides = comparable(found)
    seen = {way for results in both_sides.values() for way in results}
    columns = [way for way in (*OURS, *PEERS) if way in seen]
    parts = [failures(found)]
    if both_sides:
        parts += [part(both_sides, columns) for part in (steps, starts, memory)]
        parts.insert(0, summary(both_sides))
    if any(result.infer for results in both_sides.values() for result in results.values()):
        parts.append(inference(both_sides, columns))
    return "\n\n".join([*filter(None, parts), how])


def _models(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in EXAMPLES]
    if unknown:
        known = ", ".join(EXAMPLES)
        raise argparse.ArgumentTypeError(f"no model {unknown[0]!r}; there are {known}")
    return names


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    parser = arguments(__doc__, rounds=5, threads=2)
    on = argparse.BooleanOptionalAction
    parser.add_argument("--models", type=_models, default=list(EXAMPLES), help="with commas")
    parser.add_argument("--steps", type=int, default=30, help="steps of each way, at least")
    parser.add_argument("--most", type=float, default=20.0, help="seconds of a turn, at most")
    parser.add_argument("--torch-compile", action=on, default=True, help="measure torch.compile")
    parser.add_argument("--inference", action=on, default=True, help="measure predictions as well")
    parser.add_argument("--operations", action="store_true", help="where eager steps spend time")
    parser.add_argument("--small", action="store_true", help="tiny models, to try the script")
    options = parser.parse_args(argv)
    if options.small and options.write:
        parser.error("the page is for the models as they are: --small does not go with --write")
    if options.worker:
        (model,) = options.models
        serve(training(options.worker, model, options.threads, options.small).answers())
        return
    found = {}
    for model in options.models:
        with ExitStack() as stack:
            found[model] = Race(model, options, stack).run()
        print(model, flush=True, file=sys.stderr)
    how = machine("numpy", "nbdl", "torch", rounds=options.rounds, threads=options.threads)
    show("compile", tables(found, how), options.write)


if __name__ == "__main__":
    main()
