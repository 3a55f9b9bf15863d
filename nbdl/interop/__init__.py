"""Files of tensors, shared with other programs."""

from nbdl.interop.safetensors import load, save

__all__ = ["load", "save"]
