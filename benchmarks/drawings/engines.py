"""Runs a layout engine of JavaScript on a graph: ours, dagre, elkjs."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from nbdl.inspection.layout import Shapes

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "drawings"
PACKAGES = {"@dagrejs/dagre": "3.1.3", "elkjs": "0.12.1", "axe-core": "4.14.1"}
ENGINES = {"nbdl": "nbdl", "dagre": "dagre 3.1.3", "elkjs": "elkjs 0.12.1"}


@dataclass(frozen=True)
class Drawing:
    """A graph laid out.

    Attributes:
        ms: milliseconds of each round, in one process.
        rects: x, y, width, height of each node; None for what is not drawn.
        lines: of each piece of an edge the tensor that it carries, then its points' x and y.
    """

    ms: tuple[float, ...]
    rects: list[list[float] | None]
    lines: list[list[float]]


class EngineFailed(Exception):
    """An engine gave no layout: it ran out of time, of memory or of stack."""


def prepare() -> None:
    """Fetch dagre and elkjs by npm, and translate our layout into one module of JavaScript."""
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", "--no-package-lock"],
        cwd=BUILD, check=True,
    )  # fmt: skip
    subprocess.run(
        [
            str(ROOT / "js/node_modules/.bin/esbuild"), str(ROOT / "js/graph/layout/graph.ts"),
            "--bundle", "--minify", "--format=esm", f"--outfile={BUILD / 'layout.mjs'}",
            "--log-level=error",
        ],
        check=True,
    )  # fmt: skip


def lay_out(engine: str, shapes: Shapes, rounds: int = 1, limit: float = 120.0) -> Drawing:
    """Lay out a graph with all groups open; dagre and elkjs get its operations without groups.

    Args:
        engine: a key of ENGINES.
        shapes: the graph.
        rounds: so many times; the first includes the warming-up of the engine's code.
        limit: seconds for all rounds together.

    Raises:
        EngineFailed: it did not come to an end.
    """
    env = os.environ | {
        "NODE_MODULES": str(BUILD / "node_modules"),
        "NBDL_LAYOUT": (BUILD / "layout.mjs").as_uri(),
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(asdict(shapes), file)
        file.flush()
        script = str(Path(__file__).with_name("engines.mjs"))
        command = ["node", "--expose-gc", script, engine, file.name]
        try:
            done = subprocess.run(
                [*command, str(rounds)], capture_output=True, text=True, timeout=limit, env=env
            )
        except subprocess.TimeoutExpired:
            raise EngineFailed(f"over {limit:.0f} s") from None
    if done.returncode:
        overflow = "call stack" in done.stderr
        raise EngineFailed("stack overflow" if overflow else done.stderr.strip()[-200:])
    made = json.loads(done.stdout)
    return Drawing(tuple(made["ms"]), made["rects"], made["lines"])
