"""Execute the first demo notebooks and open JupyterLab on the second.

    python scripts/demo.py              execute, then serve until Ctrl-C
    python scripts/demo.py --headless   execute only

The notebooks run as copies in .demo/, so that trying things out never changes the repository. A
copy that was executed with the nbdl at hand is kept, and so is one that a person has edited.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "demo_notebooks"
PLACE = ROOT / ".demo"
STAMP = PLACE / ".executed.json"
LOG = PLACE / ".jupyter.log"
FIRST = ("01", "02")
CELL_LIMIT = 600
WIDGET = "application/vnd.jupyter.widget-view+json"
# JupyterLab asks at its first start whether it may fetch news, over the notebook.
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
# The demos' matrices are small. A second BLAS thread gains little with them, and where other work
# keeps a core busy, waiting for it made 02 ten times as slow. Who has set a number keeps it.
FEW_THREADS = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}


def say(text: str) -> None:
    print(f"[demo] {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--headless", action="store_true", help="execute, but do not serve")
    options = parser.parse_args()
    copy_notebooks()
    for number in FIRST:
        execute(find(number))
    if options.headless:
        say("done (headless: not serving)")
    else:
        serve(find("02").name)


def find(number: str) -> Path:
    """The demo notebook whose name starts with `number`."""
    found = sorted(PLACE.glob(f"{number}*.ipynb"))
    if len(found) != 1:
        raise SystemExit(f"[demo] expected one notebook {number}* in {SOURCE}, found {len(found)}")
    return found[0]


def copy_notebooks() -> None:
    """Copy demo_notebooks/ to .demo/, leaving alone what a person changed there."""
    PLACE.mkdir(exist_ok=True)
    done = read_stamp()
    for path in sorted(SOURCE.rglob("*")):
        target = PLACE / path.relative_to(SOURCE)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        elif path.suffix != ".ipynb":
            shutil.copyfile(path, target)
        else:
            copy_notebook(path, target, done)
    write_stamp(done)


def copy_notebook(path: Path, target: Path, done: dict[str, dict[str, str]]) -> None:
    """Copy one notebook, unless the copy is current or was edited by hand."""
    entry = done.get(path.name)
    if target.exists() and entry:
        if digest(target) != entry["result"]:
            say(f"{target.name}: kept as you edited it ({target.relative_to(ROOT)})")
            return
        if entry["inputs"] == inputs_of(path):
            return
    shutil.copyfile(path, target)
    done.pop(path.name, None)


def execute(path: Path) -> None:
    """Run a notebook from top to bottom in its folder and keep the outputs in it."""
    import nbformat  # noqa: PLC0415  (only the executing half needs it)

    done = read_stamp()
    if path.name in done:
        say(f"{path.name}: executed already")
        return
    started = time.monotonic()
    notebook: Any = nbformat.read(path, as_version=4)
    run(notebook, PLACE)
    nbformat.write(without_widgets(notebook), path)
    done[path.name] = {"inputs": inputs_of(SOURCE / path.name), "result": digest(path)}
    write_stamp(done)
    say(f"{path.name}: executed in {time.monotonic() - started:.0f} s")


def run(notebook: Any, folder: Path) -> None:
    """Execute a notebook's cells in `folder`; the outputs stay in the notebook."""
    from nbclient import NotebookClient  # noqa: PLC0415  (only the executing half needs these)
    from traitlets.config import Config  # noqa: PLC0415

    client = NotebookClient(
        notebook,
        timeout=CELL_LIMIT,
        resources={"metadata": {"path": str(folder)}},
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )
    client.execute(env=os.environ | FEW_THREADS)


def without_widgets(notebook: Any) -> Any:
    """The notebook without its live views: their kernel is gone, and the pictures stay."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if WIDGET not in o.get("data", {})]
    return notebook


def inputs_of(notebook: Path) -> str:
    """A hash of the notebook and of all of nbdl: when it changes, the outputs are old."""
    sources = sorted((ROOT / "nbdl").rglob("*.py"))
    everything = hashlib.sha256()
    for path in (notebook, *sources):
        everything.update(path.read_bytes())
    return everything.hexdigest()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_stamp() -> dict[str, dict[str, str]]:
    return json.loads(STAMP.read_text()) if STAMP.exists() else {}


def write_stamp(done: dict[str, dict[str, str]]) -> None:
    STAMP.write_text(json.dumps(done, indent=1))


def serve(notebook: str) -> None:
    """JupyterLab on loopback, on a free port, with a token of its own, until Ctrl-C."""
    port, token = free_port(), secrets.token_urlsafe(24)
    # The token travels in the environment: command lines can be read by other users.
    environment = os.environ | FEW_THREADS | {"JUPYTER_TOKEN": token} | lab_settings()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1",
               f"--port={port}", "--ServerApp.port_retries=0",
               f"--ServerApp.root_dir={PLACE}"]  # fmt: skip
    if os.geteuid() == 0:
        command.append("--allow-root")
    # In a session of its own: Ctrl-C is ours, and ends the server without its question.
    with LOG.open("wb") as log:
        server = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        wait_until_up(server, port)
        say(f"open http://127.0.0.1:{port}/lab/tree/{notebook}?token={token}")
        say("Ctrl-C ends it")
        server.wait()
    except KeyboardInterrupt:
        say("ending JupyterLab")
    finally:
        server.terminate()
        server.wait()


def lab_settings() -> dict[str, str]:
    """Settings of JupyterLab for the demo alone, as what to add to its environment."""
    page = PLACE / ".jupyter" / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(json.dumps(NO_NEWS))
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    return {"JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, (str(page.parents[1]), others)))}


def free_port() -> int:
    """A port that is free now: 8888 if possible, since people know it."""
    for port in (8888, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise SystemExit("[demo] no free port on 127.0.0.1")


def wait_until_up(server: subprocess.Popen[bytes], port: int, limit: float = 120) -> None:
    """Wait until the server answers; say so if it ends instead."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if server.poll() is not None:
            print(LOG.read_text()[-4000:], file=sys.stderr)
            raise SystemExit(f"[demo] JupyterLab ended with exit code {server.returncode}")
        try:
            with urlopen(f"http://127.0.0.1:{port}/api", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"[demo] JupyterLab did not answer within {limit:.0f} s")


if __name__ == "__main__":
    main()
