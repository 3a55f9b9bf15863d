"""Find a Chromium for the browser tests, or say how to install one.

NBDL_CHROMIUM names one; else the system's; else the one Playwright installed for itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

ASK_PLAYWRIGHT = """
from playwright.sync_api import sync_playwright
with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
"""


def find(python: Path) -> str | None:
    """The path of a Chromium, or None; `python` is the one that has Playwright."""
    named = os.environ.get("NBDL_CHROMIUM")
    if named:
        if not os.access(named, os.X_OK):
            raise SystemExit(f"NBDL_CHROMIUM={named} is not a program that can be run.")
        return named
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    asked = subprocess.run([str(python), "-c", ASK_PLAYWRIGHT], capture_output=True, text=True)
    path = asked.stdout.strip()
    return path if asked.returncode == 0 and path and os.path.exists(path) else None


def how_to_install(python: Path) -> tuple[str, list[list[str]]]:
    """The kindest way here: Debian's package when root on Debian, else Playwright's own."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return "Debian's package", [
            ["apt-get", "update", "-qq"],
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium",
             "fonts-dejavu-core"],
        ]  # fmt: skip
    return "Playwright's own", [[str(python), "-m", "playwright", "install", "chromium"]]
