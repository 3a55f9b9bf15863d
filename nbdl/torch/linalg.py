"""PyTorch's ``torch.linalg``: the functions of ``nbdl.linalg``, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from nbdl import linalg as _ours
from nbdl.torch.naming import in_words

_POSITIONS: dict[str, tuple[str, ...]] = {
    "cross": (), "matrix_norm": ("ord", "axis", "keepdims"), "norm": ("ord", "axis", "keepdims"),
    "qr": ("mode",), "svd": ("full_matrices",), "vector_norm": ("ord", "axis", "keepdims"),
}  # fmt: skip
"""What PyTorch also takes by position after the matrix."""

for _name in dir(_ours):
    _found: Any = getattr(_ours, _name)
    if not _name.startswith("_") and callable(_found) and hasattr(_found, "__code__"):
        globals()[_name] = in_words(_found, _POSITIONS.get(_name, ()))
