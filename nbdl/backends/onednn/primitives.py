"""Primitives: made once for given layouts, run many times on given addresses."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec

from nbdl.backends.onednn.library import Handle, failure, library, threads
from nbdl.backends.onednn.memory import AnyOf, Layout, Opaque, layout_of
from nbdl.backends.onednn.post_ops import Post, attributes, described
from nbdl.errors import ArgumentError, BackendError, MissingError

# Numbers of arguments.
SRC, WEIGHTS, BIAS, DST, WORKSPACE, SCRATCHPAD = 1, 33, 41, 17, 64, 80
DIFF_SRC, DIFF_WEIGHTS, DIFF_BIAS, DIFF_DST = 129, 161, 169, 145

FORWARD_TRAINING, FORWARD_INFERENCE = 64, 96

_QUERY_ARGUMENT, _QUERY_IMPLEMENTATION = 255, 8

KEPT = 1024
"""How many primitives of each kind are kept for the next time they are asked for."""

Arguments = ParamSpec("Arguments")


class _Argument(ctypes.Structure):
    """dnnl_exec_arg_t."""

    _fields_ = [("number", ctypes.c_int), ("memory", ctypes.c_void_p)]


class Call:
    """A primitive bound to addresses.

    Attributes:
        function: address of ``int function(void*, void*, int64, void*)``, which returns 0 if all
            went well.
        arguments: its four arguments as integers; they live as long as this object.
    """

    __slots__ = ("_array", "_memories", "arguments", "function", "primitive")

    def __init__(self, primitive: Primitive, memories: dict[str, Handle]) -> None:
        lib = library()
        pairs = [_Argument(primitive.numbers[role], m.address) for role, m in memories.items()]
        self._array = (_Argument * len(pairs))(*pairs)
        self._memories, self.primitive = memories, primitive
        self.function = lib.execute
        self.arguments = (
            primitive.handle.address,
            lib.stream.address,
            len(pairs),
            ctypes.addressof(self._array),
        )

    def move(self, addresses: Mapping[str, int]) -> None:
        """Work on other addresses from now on; roles that are not named stay."""
        call, memories = library().call, self._memories
        for role, address in addresses.items():
            call("memory_set_data_handle", memories[role].address, address)

    def __call__(self) -> None:
        """Run, and return when the results are there; raises BackendError."""
        status = library().status("primitive_execute", *self.arguments)
        if status:
            raise failure(f"oneDNN's {self.primitive.name}", status)


class Primitive:
    """A computation for given layouts, compiled by oneDNN.

    Attributes:
        name: which computation.
        roles: names of its arguments in order; ``"post0"``, … are operands of post-ops, by their
            place in ``post``.
        layouts: how each argument must lie in memory; of ``"scratchpad"`` and ``"workspace"`` only
            ``nbytes`` matters to the caller.
        implementation: oneDNN's name of it; ``"ref…"`` and ``"simple…"`` are slow loops.
        threads: the number of threads under which it was made and must be run.
    """

    def __init__(
        self, name: str, descriptor: Handle, roles: Mapping[str, int], joined: str = ""
    ) -> None:
        """``roles`` gives each role its number, ``joined`` names the one laid out by groups."""
        lib = library()
        self.name, self.threads = name, threads()
        self.implementation = _implementation(descriptor)
        self.layouts: dict[str, Layout | Opaque] = {}
        self.numbers: dict[str, int] = {}
        self._descriptor, self._memory = descriptor, {}  # the latter point into the former
        for role, number in {**roles, "workspace": WORKSPACE, "scratchpad": SCRATCHPAD}.items():
            found = lib.query_md(descriptor.address, _QUERY_ARGUMENT, number)
            if found and lib.size(found):
                self._memory[role], self.numbers[role] = found, number
                self.layouts[role] = layout_of(found, role == joined)
        self.roles = tuple(self.layouts)
        self.handle = lib.make("primitive_create", descriptor.address)

    @property
    def scratchpad_bytes(self) -> int:
        """Memory it needs while it runs, on a boundary of 64 bytes at best."""
        layout = self.layouts.get("scratchpad")
        return layout.nbytes if layout else 0

    @property
    def is_fast(self) -> bool:
        """Whether it is more than a plain loop."""
        return not self.implementation.startswith(("ref", "simple"))

    def bind(self, addresses: Mapping[str, int]) -> Call:
        """A call on these addresses, one for each role.

        What lies there must outlive the call. Raises ArgumentError when a role is missing or
        unknown.
        """
        if set(addresses) != set(self.roles):
            raise ArgumentError(
                f"{self.name} takes addresses of {', '.join(self.roles)}; "
                f"got {', '.join(addresses) or 'none'}"
            )
        lib, engine = library(), library().engine.address
        return Call(
            self,
            {
                role: lib.make("memory_create", self._memory[role], engine, addresses[role])
                for role in self.roles
            },
        )

    def __repr__(self) -> str:
        layouts = ", ".join(f"{role} {layout}" for role, layout in self.layouts.items())
        return f"<{self.name} by {self.implementation}: {layouts}>"


def _implementation(descriptor: Handle) -> str:
    text = ctypes.c_char_p()
    library().call(
        "primitive_desc_query", descriptor.address, _QUERY_IMPLEMENTATION, 0, ctypes.byref(text)
    )
    return (text.value or b"").decode()


def descriptor(
    name: str,
    arguments: Sequence[Any],
    layouts: Mapping[str, AnyOf | None],
    post: Post = (),
) -> Handle:
    """The descriptor that ``dnnl_<name>_primitive_desc_create`` makes.

    ``arguments`` are those between the engine and the attributes, handles as their addresses;
    ``layouts`` are what to name when oneDNN refuses them: BackendError.
    """
    lib, place = library(), ctypes.c_void_p()
    maker = f"{name}_primitive_desc_create"
    engine = (lib.engine.address,) if name != "reorder" else ()
    after = attributes(post, layouts.get("dst"))
    status = lib.status(maker, ctypes.byref(place), *engine, *arguments, after.address)
    if status:
        given = ", ".join(f"{role} {layout}" for role, layout in layouts.items() if layout)
        with_post = f" followed by {described(post)}" if post else ""
        raise failure(f"oneDNN has no {name} of {given}{with_post}", status)
    return lib.own(maker, place)


def supports(
    maker: Callable[Arguments, Primitive], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> bool:
    """Whether ``maker(*args, **kwargs)`` gives a primitive that is more than a plain loop.

    False, too, where oneDNN is not there. The primitive is kept, so making it then costs nothing.
    Raises what ``maker`` raises for arguments that make no sense.
    """
    try:
        return maker(*args, **kwargs).is_fast
    except (BackendError, MissingError):
        return False
