"""Kernels made machine code: once a process, and once a machine thanks to the cache on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nbdl.backends.kernels import cache as disk
from nbdl.backends.kernels import machine
from nbdl.backends.kernels.emit import emit
from nbdl.backends.kernels.ir import Module
from nbdl.backends.kernels.program import Kernel

Writer = Callable[[Module, str], None]
"""Writes a function of the given name into a module."""

_addresses: dict[str, int] = {}


@dataclass(frozen=True)
class Compiled:
    """A kernel and the address of its machine code."""

    kernel: Kernel
    address: int


def compile_kernels(kernels: Sequence[Kernel]) -> list[Compiled]:
    """Machine code of each kernel; equal ones share it.

    Raises ArgumentError for what is not a kernel.
    """
    wanted: dict[str, Writer] = {}
    names = []
    for kernel in kernels:
        text = repr(kernel)  # not the kernel: 0.0 and -0.0 are equal and make different code
        names.append(text)
        if text not in wanted and text not in _addresses:
            kernel.check()
            wanted[text] = _writer(kernel)
    found = compile_functions(wanted)
    return [Compiled(kernel, found[text]) for kernel, text in zip(kernels, names, strict=True)]


def _writer(kernel: Kernel) -> Writer:
    return lambda module, name: emit(module, kernel, name)


def compile_functions(wanted: dict[str, Writer]) -> dict[str, int]:
    """Addresses of all functions known so far, under the texts that say what they are.

    Args:
        wanted: for each text that may be new, what writes the function.
    """
    with machine.lock:
        new = {text: write for text, write in wanted.items() if text not in _addresses}
        if new:
            keys = {text: disk.key_of(text, version(), machine.description()) for text in new}
            objects, built = {}, {}
            for text, write in new.items():
                name, data = f"nbdl_{keys[text]}", disk.read(keys[text])
                if data is None:
                    data = built[keys[text]] = _build(write, name)
                objects[name] = data
            addresses = machine.link(objects)
            _addresses.update({text: addresses[f"nbdl_{keys[text]}"] for text in new})
            if built:
                disk.write(built)
        return _addresses


def _build(write: Writer, name: str) -> bytes:
    module = Module()
    write(module, name)
    return machine.to_object(module.text())


@cache
def version() -> str:
    """Of the programs that write machine code: a digest of their own sources."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return disk.key_of(*(path.read_text("utf-8") for path in sources))
