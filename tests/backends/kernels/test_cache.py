"""Machine code on disk: kept, damaged, shared by processes, bounded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nbdl.backends.kernels import cache, compile
from tests.backends.kernels.reference import Builder, execute

PROGRAM = """
import numpy as np
from tests.backends.kernels.reference import Builder, execute
for number in range(12):
    k = Builder(1, 0, "outer")
    k.store(k("add", k.load(k.array("float32", "1")), k("constant", attribute=number + 0.5)), "1")
    x, y = np.ones(100, "f4"), np.zeros(100, "f4")
    execute(k.kernel(), (100,), [x, y])
    assert (y == number + 1.5).all()
print("right")
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache, in a process that has compiled nothing."""
    monkeypatch.setenv("NBDL_CACHE", str(tmp_path))
    monkeypatch.setattr(compile, "_addresses", {})
    return tmp_path / "kernels"


def add_one(number: float = 1.0) -> bool:
    k = Builder(1, 0, "outer")
    k.store(k("add", k.load(k.array("float32", "1")), k("constant", attribute=number)), "1")
    x, y = np.ones(100, "f4"), np.zeros(100, "f4")
    execute(k.kernel(), (100,), [x, y])
    return bool((y == number + 1).all())


def forget(monkeypatch) -> None:
    monkeypatch.setattr(compile, "_addresses", {})


def test_what_was_compiled_is_read_again(folder, monkeypatch):
    assert add_one()
    assert len(list(folder.iterdir())) >= 1
    forget(monkeypatch)
    monkeypatch.setattr(compile, "_build", lambda *_: pytest.fail("compiled again"))
    assert add_one()


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "folder"])
def test_a_damaged_file_is_built_anew(folder, monkeypatch, damage):
    assert add_one()
    for path in folder.iterdir():
        raw = bytearray(path.read_bytes())
        if damage == "folder":
            path.unlink()
            path.mkdir()
            continue
        if damage == "bit":
            raw[len(raw) // 2] ^= 4
        path.write_bytes({"cut": raw[:-9], "bit": raw, "empty": b""}[damage])
    forget(monkeypatch)
    assert add_one()
    if damage != "folder":
        built = compile._build
        forget(monkeypatch)
        monkeypatch.setattr(compile, "_build", lambda *_: pytest.fail(f"{built} again"))
        assert add_one()


def test_another_version_of_the_compiler_makes_other_files(folder, monkeypatch):
    assert add_one()
    before = {path.name for path in folder.iterdir()}
    forget(monkeypatch)
    monkeypatch.setattr(compile, "version", lambda: "another")
    assert add_one()
    assert before < {path.name for path in folder.iterdir()}


def test_a_cache_that_cannot_be_written_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("NBDL_CACHE", str(tmp_path / "file"))
    forget(monkeypatch)
    assert add_one()


def test_files_unused_for_longest_go_first(folder, monkeypatch):
    monkeypatch.setattr(cache, "LIMIT", 1000)
    cache.write({"old": b"1" * 300})
    os.utime(folder / "old", (1, 1))
    cache.write({"used": b"2" * 300})
    os.utime(folder / "used", (2, 2))
    assert cache.read("used") == b"2" * 300
    assert cache.read("old") == b"1" * 300
    os.utime(folder / "old", (1, 1))
    cache.write({"new": b"3" * 300})
    assert {path.name for path in folder.iterdir()} == {"used", "new"}


def test_processes_compile_into_one_folder_at_once(tmp_path):
    environment = {**os.environ, "NBDL_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0] for process in running] == ["right\n"] * 2
    assert not list((tmp_path / "kernels").glob(".new-*"))


def test_kernels_are_linked_however_full_the_memory_is():
    """Code, and the constants that it reads, stay within reach of each other."""
    code = """
import mmap
from nbdl.backends.kernels.compile import compile_kernels
from nbdl.backends.kernels.program import Array, Instruction, Kernel

kept, array = [], Array("float32", "1")
for i in range(40):
    kernel = Kernel(1, 0, "outer", (array, array), (
        Instruction("load", (), "float32", 0), Instruction("constant", (), "float32", i + 0.5),
        Instruction("exp", (0,)), Instruction("multiply", (1, 2)),
        Instruction("store", (3,), "float32", 1),
    ))
    compile_kernels([kernel])
    kept.append(mmap.mmap(-1, 300 << 20))
    kept += [mmap.mmap(-1, 4096 * (1 + i % 7)) for _ in range(20)]
print("linked")
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert done.stdout == "linked\n"
