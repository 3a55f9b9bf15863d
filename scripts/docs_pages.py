"""MkDocs hook: one reference page a room of nbdl, the demo notebooks and the changelog.

The pages are made when the documentation is built, so that they list what is there.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "nbdl"
DEMOS = ROOT / "demo_notebooks"

# In the order in which people meet them; rooms that are missing here come last.
ORDER = (
    "magics", "data", "nn", "optim", "training", "inspection", "widgets", "keras", "torch",
    "interop", "ops", "autograd", "core", "backends", "testing",
)  # fmt: skip
SMALL = ("events", "errors", "shapes", "dtypes")
# Rooms whose text is a list of other rooms' names: their page lists modules, not members.
BY_MODULE = ("ops", "backends", "magics", "inspection", "testing")

# An operation's class is its rule; people call the function of the same name.
DOORS_ONLY = '      filters: ["!^_", "!^[A-Z]"]\n'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the demos and the reference pages into the navigation."""
    assert config.nav is not None
    for entry in config.nav:
        if "Demos" in entry:
            entry["Demos"] = [{title_of_demo(path): page_of_demo(path)} for path in demos()]
        if "Reference" in entry:
            pages = [{f"nbdl.{room}": f"api/{room}.md"} for room in rooms()]
            entry["Reference"] = [*pages, {"Events, errors, shapes, dtypes": "api/small.md"}]
        if "House" in entry and (ROOT / "docs" / "performance.md").exists():
            entry["House"].insert(1, {"Performance": "performance.md"})
    return config


@event_priority(50)  # before mkdocs-jupyter looks for notebooks, else they are copied, not shown
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for room in rooms():
        files.append(File.generated(config, f"api/{room}.md", content=room_page(room)))
    files.append(File.generated(config, "api/small.md", content=small_page()))
    files.append(
        File.generated(config, "changelog.md", content=(ROOT / "CHANGELOG.md").read_text())
    )
    for path in demos():
        files.append(
            File(page_of_demo(path), str(ROOT), config.site_dir, config.use_directory_urls)
        )
    return files


def rooms() -> list[str]:
    """The packages of nbdl in the order in which people meet them."""
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return [room for room in ORDER if room in found] + sorted(found - set(ORDER))


def demos() -> list[Path]:
    return sorted(DEMOS.glob("*.ipynb"))


def page_of_demo(path: Path) -> str:
    """Where the demo is, seen from the repository: there mkdocs-jupyter reads it."""
    return path.relative_to(ROOT).as_posix()


def title_of_demo(path: Path) -> str:
    """`02_digits.ipynb` is 'Digits' in the navigation."""
    number, _, name = path.stem.replace("-", "_").partition("_")
    return f"{number} {name.replace('_', ' ')}"


def room_page(room: str) -> str:
    """The page of one room: its members, or its modules one after the other."""
    parts = [f"# nbdl.{room}\n"]
    if room in BY_MODULE:
        parts.append(summary(PACKAGE / room / "__init__.py"))
        for path in sorted((PACKAGE / room).glob("[!_]*.py")):
            doors_only = room == "ops" and path.stem != "families"
            module = f"## {path.stem}\n\n::: nbdl.{room}.{path.stem}\n"
            parts.append(module + deeper() + (DOORS_ONLY if doors_only else ""))
    else:
        parts.append(f"::: nbdl.{room}\n")
    return "\n\n".join(parts)


def small_page() -> str:
    """The four modules of the ground floors on one page."""
    parts = [f"## nbdl.{name}\n\n::: nbdl.{name}\n{deeper()}" for name in SMALL]
    return "# Events, errors, shapes, dtypes\n\n" + "\n\n".join(parts)


def deeper() -> str:
    """Members one heading below their module's."""
    return "    options:\n      heading_level: 3\n"


def summary(path: Path) -> str:
    """A module's docstring."""
    text: Any = ast.get_docstring(ast.parse(path.read_text()))
    return text or ""
