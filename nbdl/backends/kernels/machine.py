"""LLVM on this machine: text made object code, object code made functions at addresses."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

import llvmlite
import llvmlite.binding as llvm

lock = threading.RLock()
"""Held by whoever talks to LLVM."""

_kept: list[Any] = []  # object code that the engine reads until the process ends


@cache
def description() -> str:
    """Everything beside the text that decides what machine code comes out."""
    version = ".".join(map(str, llvm.llvm_version_info))
    target = llvm.get_default_triple(), *processor()
    return "|".join(["llvmlite", llvmlite.__version__, version, *target])


@cache
def processor() -> tuple[str, str]:
    """LLVM's name of this machine's processor, and its features."""
    return str(llvm.get_host_cpu_name()), str(llvm.get_host_cpu_features().flatten())


@cache
def has_wide_vectors() -> bool:
    """Whether this processor has vectors of 64 bytes."""
    return "+avx512f" in processor()[1].split(",")


@cache
def function_attributes() -> str:
    """LLVM's words for every function: vectors as wide as the machine's."""
    if not has_wide_vectors():
        return "nounwind"
    return 'nounwind "prefer-vector-width"="512" "min-legal-vector-width"="512"'


def vector_widths() -> tuple[tuple[int, bool], ...]:
    """Lanes of the vectors that loops go in, widest first, and whether under a mask.

    Wide vectors are several registers: independent work for the processor. What they leave over
    goes under masks where those are free, elsewhere at last number by number.
    """
    if has_wide_vectors():
        return (64, False), (16, True)
    return (32, False), (8, False), (1, False)


@cache
def _target() -> Any:
    return _new_target()


def _new_target() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = processor()
    # Addresses of 64 bits: in a full process the constants of a function, and the mathematical
    # library, may lie further away than the 2 GB of shorter ones, and LLVM would end the process.
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=2, reloc="default", codemodel="large", jit=True
    )


def to_object(text: str) -> bytes:
    """Object code of a module.

    The text is vectors already, so of LLVM's passes only those are run that make registers of
    variables and tidy up; the code generator behind them does the rest.
    """
    with lock:
        target = _target()
        module = llvm.parse_assembly(text, llvm.create_context())
        module.verify()
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
        builder = llvm.create_pass_builder(target, llvm.create_pipeline_tuning_options())
        passes.run(module, builder)
        return bytes(target.emit_object(module))


@cache
def _engine() -> Any:
    target = _new_target()  # the engine owns it
    module = llvm.parse_assembly("", llvm.create_context())
    return llvm.create_mcjit_compiler(module, target)


def add_symbol(name: str, address: int) -> None:
    """Let object code call what lies at an address."""
    with lock:
        llvm.add_symbol(name, address)


def link(objects: dict[str, bytes]) -> dict[str, int]:
    """The address of the function of each name, whose object code is given."""
    with lock:
        engine = _engine()
        for data in objects.values():
            found = llvm.ObjectFileRef.from_data(data)
            _kept.append(found)
            engine.add_object_file(found)
        engine.finalize_object()
        return {name: int(engine.get_function_address(name)) for name in objects}
