"""The compiler: a function traced once, then replayed as fused kernels over planned memory."""
