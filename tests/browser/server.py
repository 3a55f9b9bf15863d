"""Real notebook servers on loopback, with default settings and a folder of their own.

One Jupyter server is two hosts: JupyterLab under /lab and Notebook 7 under /notebooks.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

# Threads of a matrix product wait for each other; where other programs hold the cores, each product
# then takes many times as long, and these tests are about views.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# The news question would lie over the page; everything else stays as a new user finds it.
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}


class Server:
    """Starts on `start()`, serves `folder` under `url`, ends with its kernels on `stop()`."""

    ANSWERS = "/api"
    """What answers as soon as the server is up."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.folder = place / "notebooks"
        self.log = place / "server.log"
        self.token = secrets.token_hex(16)
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, limit: float = 180) -> None:
        """Start and wait until the API answers; on failure, the error shows the server's log."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                self._command(port),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urlopen(f"{self.url}{self.ANSWERS}", timeout=5):
                    return
            except OSError:
                time.sleep(0.25)
        self.stop()
        raise RuntimeError(f"the server did not come up:\n{self.log.read_text()[-4000:]}")

    def stop(self) -> None:
        """End the server and its kernels; whatever does not end by itself is killed."""
        process, self._process = self._process, None
        if process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
                process.wait(timeout=20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue

    def _command(self, port: int) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        """The environment of a person without any configuration."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("JUPYTER", "MARIMO", "PYTEST"))
        }
        return kept | ONE_THREAD | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}


class JupyterServer(Server):
    """JupyterLab and Notebook 7."""

    def forget_theme(self) -> None:
        """A theme chosen by one test is not the next one's."""
        chosen = "settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
        (self.place / chosen).unlink(missing_ok=True)

    def _command(self, port: int) -> list[str]:
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
            "--ServerApp.port_retries=0", f"--ServerApp.root_dir={self.folder}",
            "--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--ServerApp.jpserver_extensions={'jupytext': False}",
        ]  # fmt: skip
        return [*command, "--allow-root"] if os.geteuid() == 0 else command

    def _environment(self) -> dict[str, str]:
        settings = self.place / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True, exist_ok=True)
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(NO_NEWS))
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        own = {name: str(self.place / folder) for name, folder in folders.items()}
        return super()._environment() | own | {"JUPYTER_TOKEN": self.token}


class MarimoServer(Server):
    """marimo's editor; a notebook runs as soon as it is opened."""

    ANSWERS = "/health"

    def _command(self, port: int) -> list[str]:
        return [
            sys.executable, "-m", "marimo", "edit", str(self.folder), "--headless",
            "--host=127.0.0.1", f"--port={port}", f"--token-password={self.token}",
            "--skip-update-check", "--no-sandbox",
        ]  # fmt: skip

    def _environment(self) -> dict[str, str]:
        settings = self.place / "config" / "marimo" / "marimo.toml"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("[runtime]\nauto_instantiate = true\n")
        folders = {
            "XDG_CONFIG_HOME": "config",
            "XDG_CACHE_HOME": "cache",
            "XDG_DATA_HOME": "data",
            "XDG_STATE_HOME": "state",
        }
        own = {name: str(self.place / folder) for name, folder in folders.items()}
        return super()._environment() | own


def free_port() -> int:
    """A port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
