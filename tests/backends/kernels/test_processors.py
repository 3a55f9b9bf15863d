"""Machine code for other processors: older ones of this kind are run, others only compiled."""

from __future__ import annotations

import platform

import llvmlite.binding as llvm
import numpy as np
import pytest

from nbdl.backends.kernels import compile, machine
from nbdl.backends.kernels.emit import emit
from nbdl.backends.kernels.ir import Module
from nbdl.backends.kernels.program import Kernel
from tests.backends.kernels.reference import Builder, empty, example, execute, interpret
from tests.backends.kernels.test_kernels import softmax

OLDER = {
    "haswell": "+avx,+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+popcnt,+sse4.2",
    "x86-64": "",
}


def set_processor(monkeypatch: pytest.MonkeyPatch, cpu: str, features: str) -> None:
    """As if this were another machine, until the test ends."""
    monkeypatch.setattr(machine, "processor", lambda: (cpu, features))
    monkeypatch.setattr(compile, "_addresses", {})
    for function in (
        machine.description, machine.has_wide_vectors, machine.function_attributes, machine._target,
    ):  # fmt: skip
        monkeypatch.setattr(machine, function.__name__, function.__wrapped__)
    for module in ("emit", "special"):
        monkeypatch.setattr(
            f"nbdl.backends.kernels.{module}.function_attributes", machine.function_attributes
        )


def pointwise(*names: str) -> Kernel:
    k = Builder(1, 0, "outer")
    x = k.load(k.array("float32", "1"))
    for name in names:
        k.store(k(name, x), "1")
    return k.kernel()


def statistics(lanes: str, dtype: str) -> Kernel:
    k = Builder(1, 1, lanes)
    axes = {"outer": "1s", "inner": "s1"}[lanes]
    x = k.load(k.array(dtype, axes))
    for what in ("sum", "max", "min"):
        k.store(k("reduce", x, attribute=what), axes.replace(axes[1], "0") if lanes == "inner"
                else "10")  # fmt: skip
    return k.kernel()


KERNELS = {
    "exponentials": pointwise("exp", "log", "tanh", "sigmoid", "expm1", "log1p"),
    "trigonometry": pointwise("sin", "cos", "atan", "erf", "cbrt"),
    "softmax of rows": softmax("inner", "s1"),
    "softmax of columns": softmax("outer", "1s"),
    "statistics of rows": statistics("inner", "float32"),
    "statistics of columns": statistics("outer", "float64"),
    "integers": statistics("inner", "int64"),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs an x86-64 processor")
@pytest.mark.parametrize("cpu", OLDER)
@pytest.mark.parametrize("name", KERNELS)
def test_older_processors(name, cpu, monkeypatch):
    set_processor(monkeypatch, cpu, OLDER[cpu])
    assert machine.vector_widths() == ((32, False), (8, False), (1, False))
    kernel, rng = KERNELS[name], np.random.default_rng(0)
    for sizes in [(3, 75), (75, 3), (1, 1), (40, 40)]:
        sizes = sizes[: kernel.axes]
        x = np.abs(example(rng, kernel.arrays[0], sizes))
        expected = [x, *(empty(array, sizes) for array in kernel.arrays[1:])]
        got = [x, *(empty(array, sizes) for array in kernel.arrays[1:])]
        interpret(kernel, sizes, expected)
        execute(kernel, sizes, got)
        for one, two in zip(expected, got, strict=True):
            np.testing.assert_allclose(one, two, rtol=3e-6)


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "arm64-apple-macosx11"])
@pytest.mark.parametrize("name", KERNELS)
def test_arm_code_can_be_made(name, triple, monkeypatch):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    set_processor(monkeypatch, "generic", "+neon")
    target = llvm.Target.from_triple(triple).create_target_machine(
        opt=2, reloc="pic", codemodel="small"
    )
    monkeypatch.setattr(machine, "_target", lambda: target)
    module = Module()
    emit(module, KERNELS[name], "body")
    text = f'target triple = "{triple}"\n' + module.text()
    assert machine.to_object(text)[:4] in (b"\x7fELF", b"\xcf\xfa\xed\xfe")
