"""Execute the demo notebooks and keep in them what a reader without a kernel can see.

    python -m scripts.save_demos          all of them
    python -m scripts.save_demos 02 04    these

What the documentation and GitHub show comes from here. Pictures stay as PNG, since GitHub drops
SVG; live widgets go, since nothing can bring them back to life in a saved notebook.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from scripts import demo


def main(numbers: list[str]) -> None:
    for path in sorted(demo.SOURCE.glob("*.ipynb")):
        if not numbers or path.name[:2] in numbers:
            save(path)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def save(path: Path) -> None:
    """Execute one notebook and write it back with its outputs."""
    notebook: Any = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(path.parent, folder, dirs_exist_ok=True)
        demo.run(notebook, Path(folder))
    nbformat.write(lasting(notebook), path)


def lasting(notebook: Any) -> Any:
    """The notebook without what does not outlive its kernel, or is there twice."""
    for cell in demo.without_widgets(notebook).cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                data.pop("image/svg+xml", None)
                data.pop("image/jpeg", None)  # IPython makes one of every PIL image
    return notebook


if __name__ == "__main__":
    main(sys.argv[1:])
