"""What reading in threads and in processes brings.

    python -m benchmarks.loading [--write]

Two data sets: one whose samples are computed in pure Python, where threads take turns, and one of
large arrays, where handing over a batch must not cost what reading it does.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.harness import (
    Timing,
    Timings,
    arguments,
    compare,
    machine,
    report,
    show,
    table,
)
from nbdl import data

WAYS = {
    "in the loop": {"num_workers": 0},
    "2 threads": {"num_workers": 2},
    "2 processes": {"num_workers": 2, "processes": True},
}


class Trigrams(data.Dataset):
    """Counts of hashed trigrams, computed letter by letter."""

    def __len__(self) -> int:
        return 600

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        text = " ".join(str(index * k) for k in range(400))
        counts = np.zeros(256, np.float32)
        for start in range(len(text) - 2):
            number = 0
            for letter in text[start : start + 3]:
                number = (number * 31 + ord(letter)) & 255
            counts[number] += 1
        return counts, index % 7


class Images(data.Dataset):
    """Arrays of 600 kB."""

    def __len__(self) -> int:
        return 1000

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.full((3, 224, 224), index, np.float32), index % 7


def rate(dataset: data.Dataset, batch_size: int, options: dict[str, object]) -> float:
    """Samples a second after the first batch, when threads and processes are under way."""
    reader = iter(data.DataLoader(dataset, batch_size, **options))
    next(reader)
    begun = time.perf_counter()
    count = sum(len(y) for _, y in reader)
    return count / (time.perf_counter() - begun)


def _measured() -> Timings:
    """Seconds a sample takes, for each data set and way."""
    found = {}
    for dataset, batch_size in ((Trigrams(), 20), (Images(), 20)):
        for way, options in WAYS.items():
            rates = [rate(dataset, batch_size, options) for _ in range(3)]
            name = f"{type(dataset).__name__}/{way}"
            found[name] = Timing(float(1 / np.median(rates)), float(1 / max(rates)))
    return found


SAID = {
    "Trigrams": "counts of trigrams, in pure Python",
    "Images": "arrays of 600 kB, cheap to make",
}


def tables(found: Timings, how: str) -> str:
    """Samples a second."""
    rows = [
        (said, *(f"{1 / found[f'{name}/{way}'].median:,.0f}" for way in WAYS))
        for name, said in SAID.items()
    ]
    return "\n\n".join([table(("samples a second", *WAYS), rows), how])


def main(argv: list[str] | None = None) -> None:
    """Measure and show."""
    options = arguments(__doc__, rounds=2).parse_args(argv)
    if options.worker:
        report(_measured())
        return
    found = compare("benchmarks.loading", ("nbdl",), options.rounds, options.threads)["nbdl"]
    how = machine("numpy", "nbdl", rounds=options.rounds, threads=options.threads)
    show("loading", tables(found, how), options.write)


if __name__ == "__main__":
    main()
