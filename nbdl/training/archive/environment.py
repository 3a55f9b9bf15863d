"""The machine and the software that a run's numbers may depend on."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from nbdl.backends.openmp import thread_count

PACKAGES = ("nbdl", "numpy", "scipy", "numba", "llvmlite", "onednn-cpu-gomp", "ml-dtypes",
            "cupy-cuda12x", "cupy-cuda13x")  # fmt: skip
_GIT_S = 3.0


def environment(models: list[Any]) -> dict[str, str]:
    """Versions, machine, threads, and the commit of the working directory, all as texts.

    Holds no environment variables and no paths.
    """
    found = {"python": sys.version.split()[0], "platform": platform.platform(), **versions()}
    found["cpu"] = cpu()
    found["cores"] = str(os.cpu_count() or 1)
    found["threads"] = str(threads())
    devices = {str(p.device) for model in models for p in model.parameters()}
    if devices:
        found["device"] = ", ".join(sorted(devices))
    return {**found, **commit(Path.cwd())}


def machine(models: list[Any]) -> dict[str, str]:
    """What a run's numbers depend on to the last bit, besides its program and its data."""
    features: Mapping[str, bool] = getattr(
        np._core._multiarray_umath, "__cpu_features__", {}  # type: ignore[attr-defined]
    )
    return {
        "Python": ".".join(map(str, sys.version_info[:2])), **versions(), "processor": cpu(),
        "instruction set": " ".join(name for name, there in features.items() if there),
        "threads of NumPy's library": str(threads()), "threads": str(thread_count()),
        "device": ", ".join(sorted({str(p.device) for m in models for p in m.parameters()})),
    }  # fmt: skip


def why_not_identical(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is different between two machines, each in a few words."""
    found = []
    for name in {**then, **now}:
        before, here = then.get(name), now.get(name)
        if before == here:
            continue
        if name == "instruction set":
            gone = set((before or "").split()) - set((here or "").split())
            found.append(f"the instruction set is another{' (no ' * bool(gone)}"
                         f"{', '.join(sorted(gone)[:3])}{')' * bool(gone)}")  # fmt: skip
        elif before is None or here is None:
            found.append(f"{name} {here or before} was {'not there' if here else 'there'}")
        else:
            found.append(f"{name} is {here}, it was {before}")
    return found


@functools.cache
def versions() -> dict[str, str]:
    """Of the packages that compute."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def cpu(path: str = "/proc/cpuinfo") -> str:
    """The processor's name."""
    try:
        for line in Path(path).read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def threads() -> int:
    """How many threads the libraries under NumPy compute with."""
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


def commit(folder: Path) -> dict[str, str]:
    """The git commit that is checked out in ``folder``, and whether files differ from it.

    Empty where there is no repository, or no git. Settings of the repository that would start
    programs are not followed.
    """
    head = _git(folder, "rev-parse", "--verify", "HEAD")
    if not head:
        return {}
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    said = "unknown" if changed is None else "yes" if changed else "no"
    return {"git": head, "git changed": said}


def _git(folder: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words],
            capture_output=True, text=True, errors="replace", timeout=_GIT_S,
            stdin=subprocess.DEVNULL, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
