"""What holds for the package as a whole: quick to import, its floors, its wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import nbdl
from nbdl.widgets import bundle

ROOT = Path(__file__).resolve().parents[1]

HEAVY = (
    "numba", "plotly", "cupy", "torch", "onnx", "IPython", "anywidget", "sklearn", "pandas",
    "scipy", "matplotlib", "PIL", "pyarrow", "safetensors", "sqlite3",
)  # fmt: skip

TIME_IMPORT = "import time; t = time.perf_counter(); import nbdl; print(time.perf_counter() - t)"


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.alone
def test_import_takes_under_half_a_second():
    times = [float(python("-c", TIME_IMPORT, check=True).stdout) for _ in range(6)]
    assert min(times[1:]) < 0.5, times  # the first one warms the disk; others' work only adds


def test_import_leaves_heavy_packages_alone():
    script = f"import nbdl, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert python("-c", script, check=True).stdout.strip() == "[]"


def test_every_public_name_can_be_had():
    missing = [name for name in dir(nbdl) if not hasattr(nbdl, name)]
    assert missing == []


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        _ = nbdl.no_such_thing


# -- floors --------------------------------------------------------------------------------------


def lint_floors(folder: Path) -> subprocess.CompletedProcess[str]:
    """import-linter over the copy of the package in `folder`."""
    program = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [str(program), "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copied_house(tmp_path: Path) -> Path:
    """The package and its rules, to plant errors in."""
    without_caches = shutil.ignore_patterns("__pycache__", "static")
    shutil.copytree(ROOT / "nbdl", tmp_path / "nbdl", ignore=without_caches)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_point_down(copied_house: Path):
    done = lint_floors(copied_house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("core/tensor.py", "import nbdl.ops.families"),  # up
        ("optim/__init__.py", "import nbdl.nn"),  # to a neighbour
        ("ops/__init__.py", "import cupy"),  # only backends
        ("data/__init__.py", "import IPython"),  # only magics
        ("inspection/__init__.py", "import traitlets"),  # only widgets
        ("training/__init__.py", "import torch"),  # nobody
        ("utils/__init__.py", "import sys"),  # a room nobody decided on
    ],
    ids=lambda value: value.split("/")[0] if "/" in value else None,
)
def test_a_planted_import_is_caught(copied_house: Path, file: str, line: str):
    path = copied_house / "nbdl" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as text:
        text.write(f"\n{line}\n")
    done = lint_floors(copied_house)
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def test_every_room_is_on_the_map():
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "nbdl").glob("*/__init__.py")}
    modules = {path.stem for path in (ROOT / "nbdl").glob("*.py")} - {"__init__"}
    assert [room for room in sorted(rooms | modules) if f"`{room}`" not in text] == []


# -- the wheel -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_wheel_brings_the_front_ends_and_needs_no_node(tmp_path: Path):
    build = ("-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path), str(ROOT))
    done = python(*build)
    assert done.returncode == 0, done.stdout + done.stderr
    wheel = next(tmp_path.glob("nbdl-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    built = {"loader", *bundle.BUNDLES.values()}
    assert {f"nbdl/widgets/static/{name}.js" for name in built} <= set(names)
    strangers = [name for name in names if not name.startswith(("nbdl/", "nbdl-"))]
    assert strangers == []
    script = "import nbdl.widgets; print(nbdl.__file__)"
    found = python("-c", script, cwd=tmp_path / "site", env={"PATH": ""}, check=True).stdout
    assert found.startswith(str(tmp_path))
