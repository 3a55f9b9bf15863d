"""A process that answers, for the tests of the one that asks."""

from __future__ import annotations

import os

from benchmarks.harness import serve


def _chatty(x: int) -> int:
    print("said to nobody")
    return x + 1


def _wrong() -> None:
    raise ValueError("no such thing")


if __name__ == "__main__":
    serve({"next": _chatty, "wrong": _wrong, "end": lambda: os._exit(3)})
