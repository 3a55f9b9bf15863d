"""libdnnl found, loaded when first needed, and called by ctypes.

The C API of oneDNN keeps its binary interface within version 3, so any ``libdnnl.so.3`` will do:
the wheel's, conda's or the system's. Only builds on OpenMP are taken, because their threads are
the pool that all compiled kernels share.
"""

from __future__ import annotations

import ctypes
import functools
import os
import site
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

from nbdl.backends import openmp
from nbdl.errors import BackendError, MissingError

SWITCH = "NBDL_ONEDNN"
"""The environment variable that, set to 0, makes nbdl compute without oneDNN."""

_NAMES = {"linux": "libdnnl.so.3", "darwin": "libdnnl.3.dylib"}
_OPENMP_RUNTIME = 2
_CPU, _IN_ORDER = 1, 1

_Pointer, _Int, _Number = ctypes.c_void_p, ctypes.c_int, ctypes.c_float
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "engine_create": (_Pointer, _Int, ctypes.c_size_t),
    "stream_create": (_Pointer, _Pointer, ctypes.c_uint),
    "memory_desc_create_with_strides": (_Pointer, _Int, _Pointer, _Int, _Pointer),
    "memory_desc_create_with_tag": (_Pointer, _Int, _Pointer, _Int, _Int),
    "memory_desc_clone": (_Pointer, _Pointer),
    "memory_desc_query": (_Pointer, _Int, _Pointer),
    "memory_create": (_Pointer, _Pointer, _Pointer, _Pointer),
    "memory_set_data_handle": (_Pointer, _Pointer),
    "primitive_attr_create": (_Pointer,),
    "primitive_attr_set_scratchpad_mode": (_Pointer, _Int),
    "primitive_attr_set_fpmath_mode": (_Pointer, _Int),
    "primitive_attr_set_post_ops": (_Pointer, _Pointer),
    "post_ops_create": (_Pointer,),
    "post_ops_append_sum": (_Pointer, _Number, ctypes.c_int32, _Int),
    "post_ops_append_eltwise": (_Pointer, _Int, _Number, _Number),
    "post_ops_append_binary": (_Pointer, _Int, _Pointer),
    "primitive_desc_query": (_Pointer, _Int, _Int, _Pointer),
    "primitive_create": (_Pointer, _Pointer),
    "primitive_execute": (_Pointer, _Pointer, _Int, _Pointer),
    "matmul_primitive_desc_create": (_Pointer,) * 7,
    "reorder_primitive_desc_create": (_Pointer,) * 6,
    "convolution_forward_primitive_desc_create": (_Pointer, _Pointer, _Int, _Int, *(_Pointer,) * 9),
    "convolution_backward_data_primitive_desc_create": (
        _Pointer, _Pointer, _Int, *(_Pointer,) * 9
    ),
    "convolution_backward_weights_primitive_desc_create": (
        _Pointer, _Pointer, _Int, *(_Pointer,) * 10
    ),
    "pooling_forward_primitive_desc_create": (_Pointer, _Pointer, _Int, _Int, *(_Pointer,) * 8),
    "pooling_backward_primitive_desc_create": (_Pointer, _Pointer, _Int, *(_Pointer,) * 9),
}  # fmt: skip
"""The arguments of the functions that return a status, without ``dnnl_``."""

STATUS = {
    1: "out of memory",
    2: "invalid arguments",
    3: "not implemented",
    4: "no further implementation",
    5: "failed while running",
}


class _Version(ctypes.Structure):
    _fields_ = [
        ("major", _Int), ("minor", _Int), ("patch", _Int), ("hash", ctypes.c_char_p),
        ("cpu_runtime", ctypes.c_uint), ("gpu_runtime", ctypes.c_uint),
    ]  # fmt: skip


class Handle:
    """An object of the library, destroyed when nothing refers to it any more.

    Attributes:
        address: where it lives, what C functions want.
    """

    __slots__ = ("__weakref__", "address")

    def __init__(self, address: int, destroy: Any) -> None:
        self.address = address
        # Left to the system at exit: then the library may be half gone.
        weakref.finalize(self, destroy, address).atexit = False


class Library:
    """A loaded libdnnl with its CPU engine and stream.

    Attributes:
        path: the file it was loaded from, or the name the system's loader knew.
        version: ``(major, minor, patch)``.
        engine, stream: of the CPU; execution is synchronous.
        execute: the address of ``dnnl_primitive_execute``.

    Raises OSError or AttributeError when the file is no usable oneDNN 3.
    """

    def __init__(self, path: str) -> None:
        openmp.library()
        self._dll = dll = ctypes.CDLL(path)
        dll.dnnl_version.restype = ctypes.POINTER(_Version)
        found = dll.dnnl_version().contents
        self.path, self.version = path, (found.major, found.minor, found.patch)
        if found.major != 3 or found.cpu_runtime != _OPENMP_RUNTIME:
            raise OSError(f"{path} is not oneDNN 3 on OpenMP")
        self._functions = {name: self._function(name, a) for name, a in _SIGNATURES.items()}
        self.execute = ctypes.cast(self._functions["primitive_execute"], _Pointer).value or 0
        self.query_md = dll.dnnl_primitive_desc_query_md
        self.query_md.argtypes, self.query_md.restype = (_Pointer, _Int, _Int), _Pointer
        self.size = dll.dnnl_memory_desc_get_size
        self.size.argtypes, self.size.restype = (_Pointer,), ctypes.c_size_t
        # Looked up through libdnnl, so that they are those of the OpenMP it is linked with.
        self.get_threads, self.set_threads = dll.omp_get_max_threads, dll.omp_set_num_threads
        self.engine = self.make("engine_create", _CPU, 0)
        self.stream = self.make("stream_create", self.engine.address, _IN_ORDER)

    def _function(self, name: str, arguments: tuple[Any, ...]) -> Any:
        function = getattr(self._dll, f"dnnl_{name}")
        function.argtypes = arguments
        return function

    def call(self, name: str, *arguments: Any) -> None:
        """Call ``dnnl_<name>``; raises BackendError unless it succeeds."""
        status = self._functions[name](*arguments)
        if status:
            raise failure(f"oneDNN's {name}", status)

    def status(self, name: str, *arguments: Any) -> int:
        """Call ``dnnl_<name>`` and return its status, 0 for success."""
        return int(self._functions[name](*arguments))

    def make(self, name: str, *arguments: Any) -> Handle:
        """The object that ``dnnl_<name>`` makes; raises BackendError unless it succeeds."""
        place = ctypes.c_void_p()
        self.call(name, ctypes.byref(place), *arguments)
        return self.own(name, place)

    def own(self, name: str, place: ctypes.c_void_p) -> Handle:
        """A handle of what ``dnnl_<name>`` put into ``place``."""
        assert place.value is not None
        return Handle(place.value, self._destructor(name))

    @functools.cache  # noqa: B019 - there is one library, and it is never unloaded
    def _destructor(self, maker: str) -> Any:
        kind = maker.partition("_create")[0].removesuffix("_clone")
        kind = "primitive_desc" if kind.endswith("_primitive_desc") else kind
        destroy = getattr(self._dll, f"dnnl_{kind}_destroy")
        destroy.argtypes = (_Pointer,)
        return destroy


def failure(what: str, status: int) -> BackendError:
    """The error for a status of the library other than success."""
    return BackendError(f"{what}: {STATUS.get(status, f'status {status}')}")


def _places() -> list[str]:
    """Where the library may be, the environment's own first; the bare name asks the system."""
    name = _NAMES.get(sys.platform)
    if name is None:
        return []
    roots = [sys.prefix, os.environ.get("CONDA_PREFIX"), site.getuserbase(), sys.base_prefix]
    files = [Path(root, "lib", name) for root in dict.fromkeys(roots) if root]
    return [*(str(file) for file in files if file.exists()), name]


def _search() -> Library | str:
    """The first library that works, or why there is none."""
    if os.environ.get(SWITCH) == "0":
        return f"oneDNN is switched off: {SWITCH}=0"
    reasons = []
    for place in _places():
        try:
            return Library(place)
        except (OSError, AttributeError, BackendError) as error:
            reasons.append(f"{place}: {error}")
    return "oneDNN was not found" + "".join(f"\n  {reason}" for reason in reasons)


_lock = threading.Lock()
_found: Library | str | None = None


def library() -> Library:
    """The loaded library; raises MissingError, which says why, where there is none."""
    global _found
    if _found is None:
        with _lock:
            _found = _search() if _found is None else _found
    if isinstance(_found, str):
        raise MissingError(_found, hint="pip install onednn-cpu-gomp (Linux on x86-64)")
    return _found


def available() -> bool:
    """Whether oneDNN can be used here; never raises, and loads it when first asked."""
    try:
        library()
    except MissingError:
        return False
    return True


def version() -> str:
    """The library's version, ``"3.2.0"``; raises MissingError where there is none."""
    return ".".join(map(str, library().version))


def threads() -> int:
    """How many threads a primitive called from this thread may use."""
    return int(library().get_threads())


def set_threads(count: int) -> None:
    """Let primitives called from this thread use ``count`` threads.

    OpenMP keeps the number per calling thread; threads started later begin with its default.
    A primitive belongs to the number of threads under which it was made.
    """
    if count < 1:
        raise BackendError(f"set_threads: {count} threads cannot compute", hint="1 or more")
    library().set_threads(count)
