"""Loop kernels on the CPU: described as data, made machine code by LLVM."""
