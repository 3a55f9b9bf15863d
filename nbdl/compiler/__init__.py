"""The compiler: a function traced once, then replayed as fused kernels over planned memory."""

from nbdl.compiler.executable import Executable, Refused
from nbdl.compiler.step import CompiledStep
from nbdl.compiler.verify import MismatchError, compare, longest_sum

__all__ = ["CompiledStep", "Executable", "MismatchError", "Refused", "compare", "longest_sum"]
