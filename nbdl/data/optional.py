"""Libraries that only some data need: loaded when asked for, named when missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from nbdl.errors import MissingError

_PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow"}


def require(module: str, purpose: str, *, extra: str | None = "data") -> ModuleType:
    """Import ``module``, or raise MissingError that says what needs it and what to install.

    Args:
        module: dotted name, such as ``"sklearn.datasets"``.
        purpose: what needs it, the subject of the sentence: ``"data.digits()"``.
        extra: the extra of nbdl that brings it, or None.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != top:
            raise  # it is installed, and something else inside it is broken
        package = _PACKAGES.get(top, top)
        install = f"pip install {package}"
        if extra:
            parts = "all optional parts of nbdl's data: " if extra == "data" else ""
            install += f"   (or {parts}pip install 'nbdl[{extra}]')"
        message = f"{purpose} needs {package}, which is not installed"
        raise MissingError(message, hint=install) from None
