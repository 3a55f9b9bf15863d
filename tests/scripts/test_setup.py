"""Set-up picks a Python that really runs, and rebuilds the bundle only when it must."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import build_js

FIND = Path(__file__).resolve().parents[2] / "scripts" / "find-python.sh"


def find_python(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(FIND)], env=os.environ | environment, capture_output=True, text=True
    )


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_shim_that_only_prints_an_error_is_passed_over(tmp_path: Path):
    shims = tmp_path / "shims"
    for name in ("python3.11", "python3.12", "python3.13", "python3", "python"):
        program(shims / name, "#!/bin/sh\necho 'not installed' >&2\nexit 127\n")
    real = Path(sys.executable).resolve()
    done = find_python(PATH=f"{shims}:{real.parent}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert "shims" not in done.stdout
    assert Path(done.stdout.strip()).exists()


def test_a_python_named_by_hand_is_taken_or_refused(tmp_path: Path):
    assert find_python(PYTHON=sys.executable).stdout.strip()
    old = program(tmp_path / "python2", "#!/bin/sh\nexit 1\n")
    refused = find_python(PYTHON=str(old))
    assert refused.returncode == 1
    assert str(old) in refused.stderr


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small js/ folder with a built bundle."""
    folder, static = tmp_path / "js", tmp_path / "static"
    folder.mkdir()
    static.mkdir()
    (folder / "main.ts").write_text("export default 1;")
    monkeypatch.setattr(build_js, "SOURCES", folder)
    monkeypatch.setattr(build_js, "LOADER", static / "loader.js")
    monkeypatch.setattr(build_js, "STAMP", static / "sources.sha256")
    (static / "loader.js").write_text("1")
    (static / "sources.sha256").write_text(build_js.source_digest())
    return folder


def test_a_bundle_is_fresh_until_its_sources_change(sources: Path):
    assert build_js.is_fresh()
    (sources / "tests").mkdir()
    (sources / "tests" / "main.test.ts").write_text("test()")
    assert build_js.is_fresh(), "tests are not in the bundle"
    (sources / "main.ts").write_text("export default 2;")
    assert not build_js.is_fresh()


def test_without_npm_the_error_says_what_to_install(
    sources: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"Node\.js"):
        build_js.run_npm("run", "build")
