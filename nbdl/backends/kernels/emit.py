"""A kernel written as LLVM's text."""

from __future__ import annotations

from nbdl.backends.kernels.ir import Code, Module
from nbdl.backends.kernels.loops import Loops
from nbdl.backends.kernels.machine import function_attributes
from nbdl.backends.kernels.program import Kernel
from nbdl.backends.kernels.rows import Rows


def emit(module: Module, kernel: Kernel, name: str) -> None:
    """Write ``kernel`` into ``module`` as the function ``name``."""
    arguments = [("ptr", 0), ("int64", 0), ("int64", 0)]
    code = Code(module, name, "i32", arguments, function_attributes())
    loops = Rows(kernel, code) if Rows.suit(kernel) else Loops(kernel, code)
    loops.write()
    code.end(code.constant(0, "int32"))
