"""Make the environment: one line a step, nothing twice.

    python scripts/setup.py demo    what `make demo` needs: .venv, nbdl, the bundle, JupyterLab
    python scripts/setup.py dev     and what `make test`, `make lint` and `make docs` need

Runs on the standard library alone, started by the Python that .venv is to be made from. What is
done already is known by stamps in .venv, keyed on the contents that matter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import build_js, chromium

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMPS = VENV / "stamps"
EXTRAS = {
    "demo": ("data", "lab"),
    "dev": ("data", "lab", "test", "judges", "docs", "dev"),
}
TAIL_LINES = 60


def say(text: str) -> None:
    print(f"[setup] {text}", flush=True)


def main(level: str) -> None:
    """Bring .venv to `level` ("demo" or "dev")."""
    started = time.monotonic()
    with only_one():
        make_environment()
        build_bundle()
        install_packages(level)
        if level == "dev":
            find_browser()
    say(f"ready in {time.monotonic() - started:.0f} s")


@contextmanager
def only_one() -> Iterator[None]:
    """Two setups in one folder wait for each other."""
    with open(ROOT / ".venv.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_environment() -> None:
    """Create .venv, or make it anew if it was made elsewhere or its Python is gone."""
    version = environment_version()
    if version is not None:
        say(f"environment: .venv with Python {version}")
        return
    if VENV.exists():
        say("environment: .venv is broken or was moved, making it anew")
        shutil.rmtree(VENV)
    say(f"environment: making .venv with Python {sys.version.split()[0]} of {sys.executable}")
    run_quietly("python -m venv", [sys.executable, "-m", "venv", str(VENV)], keep_log=False)
    write_stamp("place", str(ROOT))


def environment_version() -> str | None:
    """The version of .venv's Python, or None if it cannot be used here."""
    python = VENV / "bin" / "python"
    if not python.exists() or read_stamp("place") != str(ROOT):
        return None
    asked = [str(python), "-c", "import sys; print(sys.version.split()[0])"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def build_bundle() -> None:
    """Build js/ into nbdl/widgets/static/ if its sources changed."""
    started = time.monotonic()
    if build_js.is_fresh():
        say("browser bundle: up to date")
        return
    say("browser bundle: installing js packages and building")
    build_js.build(quiet=True)
    say(f"browser bundle: built in {time.monotonic() - started:.0f} s")


def install_packages(level: str) -> None:
    """Install nbdl (editable) with the extras of `level` if pyproject.toml changed."""
    key = package_key()
    if key in (read_stamp(f"packages-{level}"), read_stamp("packages-dev")):
        say("Python packages: up to date")
        return
    say(f"Python packages: installing nbdl[{','.join(EXTRAS[level])}], minutes the first time")
    started = time.monotonic()
    target = f"{ROOT}[{','.join(EXTRAS[level])}]"
    command = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input",
               "--disable-pip-version-check", "--editable", target]  # fmt: skip
    run_quietly("pip install", command)
    write_stamp(f"packages-{level}", key)
    say(f"Python packages: installed in {time.monotonic() - started:.0f} s")


def package_key() -> str:
    """A hash of what decides which packages are installed."""
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()


def find_browser() -> None:
    """Have a Chromium for the browser tests: the system's, Debian's or Playwright's."""
    found = chromium.find(VENV / "bin" / "python")
    if found is None:
        way, commands = chromium.how_to_install(VENV / "bin" / "python")
        say(f"Chromium: none found, installing {way}")
        for command in commands:
            run_quietly(command[0], command)
        found = chromium.find(VENV / "bin" / "python")
    if found is None:
        raise SystemExit("[setup] Chromium: installed, but not found afterwards")
    say(f"Chromium: {found}")


def run_quietly(name: str, command: Sequence[str], keep_log: bool = True) -> None:
    """Run a command, its output kept in a log and shown only if it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    log = VENV / "logs" / f"{Path(name).name.replace(' ', '-')}.log"
    if keep_log:
        log.parent.mkdir(exist_ok=True)
        log.write_text(done.stdout)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-TAIL_LINES:]), file=sys.stderr)
        raise SystemExit(f"[setup] {name} failed with exit code {done.returncode}")


def read_stamp(name: str) -> str | None:
    path = STAMPS / name
    return path.read_text() if path.exists() else None


def write_stamp(name: str, text: str) -> None:
    STAMPS.mkdir(parents=True, exist_ok=True)
    (STAMPS / name).write_text(text)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in EXTRAS:
        raise SystemExit(__doc__)
    main(sys.argv[1])
