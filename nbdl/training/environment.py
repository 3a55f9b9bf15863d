"""The machine and the software that a run's numbers may depend on."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

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
