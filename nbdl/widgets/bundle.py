"""The built files of the front-end: the loader each widget carries, and the bundles of code.

A bundle holds the views of one kind; a page is sent those of what it shows, each once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbdl.errors import FileError

STATIC = Path(__file__).parent / "static"

BUNDLES = {
    "activations": "walks", "dashboard": "runs", "data": "values", "gradients": "runs",
    "graph": "graphs", "tensor": "values",
}  # fmt: skip
"""View -> the bundle that has it, as in js/bundles/."""


@dataclass(frozen=True)
class Bundle:
    """Code of the front-end and the hash that pages keep it by."""

    code: bytes
    hash: str


@cache
def bundle(view: str) -> Bundle:
    """The bundle with this view. Raises FileError when the front-end was never built."""
    code = _read(f"{BUNDLES[view]}.js")
    return Bundle(code, hashlib.sha256(code).hexdigest()[:16])


def code(name: str) -> str:
    """The code of a bundle by its own name."""
    return _read(f"{name}.js").decode()


def page_script() -> str:
    """The script of a saved page."""
    return _read("page.js").decode()


@cache
def loader() -> str:
    """The small module that is each widget's ``_esm``."""
    return _read("loader.js").decode()


def _read(name: str) -> bytes:
    try:
        return (STATIC / name).read_bytes()
    except FileNotFoundError:
        raise FileError(
            f"nbdl's front-end has not been built: {name} is missing in {STATIC}. "
            "In a clone of the repository run `make setup`; a wheel brings it along."
        ) from None
