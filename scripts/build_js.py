"""Build the browser bundles from js/ into nbdl/widgets/static/.

One truth for everybody who needs them: `make setup`, `pip install -e .` and the wheel
(through hatch-jupyter-builder, which calls `build`). Nothing is done when they were built
from exactly the sources at hand, so a wheel made from an sdist needs no Node.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "js"
STATIC = ROOT / "nbdl" / "widgets" / "static"
LOADER = STATIC / "loader.js"
STAMP = STATIC / "sources.sha256"
MODULES = SOURCES / "node_modules"
SKIPPED = {"node_modules", "dist", "test", "tests", "coverage"}


def source_digest() -> str:
    """A hash over every file the bundles are made from."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(SOURCES):
        folders[:] = sorted(f for f in folders if f not in SKIPPED and not f.startswith("."))
        for name in sorted(names):
            if ".test." in name or name.endswith((".tsbuildinfo", ".md")):
                continue
            path = Path(folder, name)
            digest.update(path.relative_to(SOURCES).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def is_fresh() -> bool:
    """Whether the bundles were built from the sources as they are now."""
    return LOADER.exists() and STAMP.exists() and STAMP.read_text().strip() == source_digest()


def install_modules(quiet: bool = False) -> bool:
    """Install js/'s packages as the lock file says. Returns whether anything was done.

    `npm install` and not `npm ci`: the lock file may have been written where the optional binaries
    of other platforms were not to be had, and `npm ci` refuses such a file. `--no-save` keeps npm
    from writing to it.
    """
    lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    stamp = MODULES / ".nbdl-lock.sha256"
    if stamp.exists() and stamp.read_text() == lock:
        return False
    run_npm("install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", quiet=quiet)
    MODULES.mkdir(exist_ok=True)  # npm makes none when nothing is installed
    stamp.write_text(lock)
    return True


def run_npm(*arguments: str, quiet: bool = False) -> None:
    """Run npm in js/; when `quiet`, show what it printed only if it failed."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            "npm was not found, and the browser bundles have to be built from js/.\n"
            "Install Node.js 20 or later, or install nbdl from a wheel, which brings them along."
        )
    done = subprocess.run(
        [npm, *arguments],
        cwd=SOURCES,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
    )
    if done.returncode:
        print(done.stdout or "", file=sys.stderr)
        raise SystemExit(f"`npm {' '.join(arguments)}` failed in js/ (exit {done.returncode}).")


def build(target_name: str = "wheel", version: str = "standard", quiet: bool = False) -> bool:
    """Build the bundles if they are not fresh; hatch-jupyter-builder's build function.

    `target_name` ("wheel" or "sdist") and `version` ("standard" or "editable") come from hatch;
    the bundles are the same for all. Returns whether anything was built.
    """
    if is_fresh():
        return False
    install_modules(quiet)
    run_npm("run", "build", quiet=quiet)
    if not LOADER.exists():
        raise SystemExit(f"`npm run build` did not write {LOADER.relative_to(ROOT)}.")
    STAMP.write_text(source_digest() + "\n")
    return True


if __name__ == "__main__":
    print("browser bundles:", "built" if build(quiet=True) else "up to date")
