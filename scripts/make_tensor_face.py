"""Write nbdl/core/face.pyi: the typed face of the methods that operations put on Tensor.

    python -m scripts.make_tensor_face

A test says when the file is stale.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from nbdl import ops

FACE = Path(__file__).resolve().parent.parent / "nbdl" / "core" / "face.pyi"

HEAD = '''"""The typed face of what operations put on Tensor: scripts/make_tensor_face.py writes it.

Type checkers and editors read it. A test says when it is stale.
"""

from collections.abc import Sequence
from typing import Any

from nbdl.core.tensor import Tensor

class Face:
    """Methods and operators of Tensor that are operations: see ``nbdl.ops`` for their words."""

'''

KNOWN = re.compile(r"^[\w\[\], |.]+$")
WORDS = {"Any", "Tensor", "int", "float", "bool", "str", "None", "Sequence", "tuple", "list"}


def annotation(given: Any, default: str) -> str:
    """An annotation that the face can say, else Any."""
    text = given if isinstance(given, str) else default
    words = set(re.findall(r"\w+", text))
    return text if KNOWN.match(text) and words <= WORDS else "Any"


def parameter(p: inspect.Parameter) -> str:
    """One parameter as text."""
    star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
    text = f"{star}{p.name}: {annotation(p.annotation, 'Any')}"
    return text if p.default is p.empty else f"{text} = {p.default!r}"


def method(name: str, door: Any) -> str:
    """The declaration of one method or property."""
    if isinstance(door, property):
        returns = annotation(inspect.signature(door.fget).return_annotation, "Tensor")
        return f"    @property\n    def {name}(self) -> {returns}: ..."
    signature = inspect.signature(door)
    given = list(signature.parameters.values())[1:]
    parts, only = ["self"], False
    for i, p in enumerate(given):
        if p.kind is p.KEYWORD_ONLY and not only:
            if not any(q.kind is q.VAR_POSITIONAL for q in given[:i]):
                parts.append("*")
            only = True
        parts.append(parameter(p))
    returns = annotation(signature.return_annotation, "Any")
    line = f"    def {name}({', '.join(parts)}) -> {returns}: ..."
    if len(line) <= 100:
        return line
    listed = "".join(f"        {p},\n" for p in parts)
    return f"    def {name}(\n{listed}    ) -> {returns}: ..."


def face() -> str:
    """The file's text."""
    found = ops.methods()
    return HEAD + "\n".join(method(name, found[name]) for name in sorted(found)) + "\n"


if __name__ == "__main__":
    FACE.write_text(face())
