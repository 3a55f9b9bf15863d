"""The networks that are compared: each is one text, run with nbdl's layers and with PyTorch's.

The text speaks to ``framework``, which is the module nbdl or the module torch; so structure,
names of parameters and loss are the same, and one state dict fits both.
"""

from benchmarks.models.example import Batch, Example, weights
from benchmarks.models.images import IMAGES
from benchmarks.models.sequences import SEQUENCES
from benchmarks.models.vectors import VECTORS

EXAMPLES: dict[str, Example] = {**VECTORS, **IMAGES, **SEQUENCES}

__all__ = ["EXAMPLES", "Batch", "Example", "weights"]
