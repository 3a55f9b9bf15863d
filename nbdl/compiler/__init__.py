"""The compiler: a function traced once, then replayed as fused kernels over planned memory."""

from nbdl.compiler.executable import Executable, Refused
from nbdl.compiler.function import CompiledFunction, compile
from nbdl.compiler.locate import first_difference
from nbdl.compiler.plan import Stopped
from nbdl.compiler.report import Report, report
from nbdl.compiler.step import CompiledStep
from nbdl.compiler.update import RuleError
from nbdl.compiler.verify import MismatchError, compare, longest_sum

__all__ = ["CompiledFunction", "CompiledStep", "Executable", "MismatchError", "Refused", "Report",
           "RuleError", "Stopped", "compare", "compile", "first_difference", "longest_sum",
           "report"]  # fmt: skip
