"""What layers and operations compute, forward and backward, as one line of text each."""

from __future__ import annotations

NORMALIZED = "∂L/∂γ = Σ ∂L/∂y·x̂,  ∂L/∂β = Σ ∂L/∂y;  ∂L/∂x: less its mean and its part along x̂"

FORMULAS: dict[str, tuple[str, str]] = {
    "linear": ("y = x·Wᵀ + b",
               "∂L/∂x = ∂L/∂y·W,  ∂L/∂W = (∂L/∂y)ᵀ·x,  ∂L/∂b = Σ ∂L/∂y over the batch"),
    "convolution": ("y[o, i] = b[o] + Σ w[o, c, u] · x[c, stride·i + u − padding]",
                    "∂L/∂x: ∂L/∂y back through the filters;  ∂L/∂w: ∂L/∂y correlated with x"),
    "relu": ("y = max(0, x)", "∂L/∂x = ∂L/∂y where x > 0, else 0"),
    "tanh": ("y = tanh x", "∂L/∂x = ∂L/∂y · (1 − y²)"),
    "sigmoid": ("y = 1 / (1 + exp(−x))", "∂L/∂x = ∂L/∂y · y · (1 − y)"),
    "gelu": ("y = x · Φ(x), Φ the normal distribution", "∂L/∂x = ∂L/∂y · (Φ(x) + x·φ(x))"),
    "silu": ("y = x · σ(x)", "∂L/∂x = ∂L/∂y · σ(x) · (1 + x·(1 − σ(x)))"),
    "leaky_relu": ("y = x where x > 0, else slope·x",
                   "∂L/∂x = ∂L/∂y where x > 0, else slope·∂L/∂y"),
    "elu": ("y = x where x > 0, else α·(exp(x) − 1)",
            "∂L/∂x = ∂L/∂y where x > 0, else ∂L/∂y·(y + α)"),
    "softplus": ("y = log(1 + exp(x))", "∂L/∂x = ∂L/∂y · σ(x)"),
    "softmax": ("yᵢ = exp(xᵢ) / Σ exp(xⱼ)", "∂L/∂xᵢ = yᵢ · (∂L/∂yᵢ − Σ ∂L/∂yⱼ·yⱼ)"),
    "log_softmax": ("yᵢ = xᵢ − log Σ exp(xⱼ)", "∂L/∂xᵢ = ∂L/∂yᵢ − softmax(x)ᵢ · Σ ∂L/∂yⱼ"),
    "max_pool": ("y = the largest x of each window", "∂L/∂y goes to the largest x of each window"),
    "avg_pool": ("y = the mean of each window", "∂L/∂y is shared evenly by the window"),
    "batchnorm": ("y = γ·(x − mean) / √(var + ε) + β, mean and var of each channel",
                  NORMALIZED),
    "layernorm": ("y = γ·(x − mean) / √(var + ε) + β, mean and var of each position",
                  NORMALIZED),
    "dropout": ("y = x / (1 − p) where kept, else 0; in evaluation y = x",
                "∂L/∂x = ∂L/∂y / (1 − p) where kept, else 0"),
    "embedding": ("y = the row of W that the index names",
                  "∂L/∂W: each ∂L/∂y is added to its row"),
    "multiheadattention": ("y = softmax(Q·Kᵀ / √d)·V for each head, then a linear layer",
                           "∂L/∂V = Aᵀ·∂L/∂y,  ∂L/∂A = ∂L/∂y·Vᵀ, then through the softmax"),
    "add": ("y = a + b", "∂L/∂a = ∂L/∂b = ∂L/∂y"),
    "subtract": ("y = a − b", "∂L/∂a = ∂L/∂y,  ∂L/∂b = −∂L/∂y"),
    "multiply": ("y = a · b", "∂L/∂a = ∂L/∂y · b,  ∂L/∂b = ∂L/∂y · a"),
    "matmul": ("y = a·b", "∂L/∂a = ∂L/∂y·bᵀ,  ∂L/∂b = aᵀ·∂L/∂y"),
    "sum": ("y = Σ x", "every x gets ∂L/∂y"),
    "mean": ("y = Σ x / n", "every x gets ∂L/∂y / n"),
    "reshape": ("y: the same numbers in another shape", "∂L/∂x: ∂L/∂y in the shape of x"),
    "permute_dims": ("y: the axes in another order", "∂L/∂x: the axes in their old order"),
}  # fmt: skip

OTHER_NAMES = {
    "conv1d": "convolution", "conv2d": "convolution", "conv3d": "convolution",
    "batchnorm1d": "batchnorm", "batchnorm2d": "batchnorm", "batchnorm3d": "batchnorm",
    "maxpool1d": "max_pool", "maxpool2d": "max_pool", "avgpool1d": "avg_pool",
    "avgpool2d": "avg_pool", "adaptiveavgpool2d": "avg_pool", "flatten": "reshape",
    "leakyrelu": "leaky_relu", "logsoftmax": "log_softmax", "dropout2d": "dropout",
}  # fmt: skip


def formulas_of(*names: str) -> tuple[str, str]:
    """What is computed forward and backward, by the first name that is known; '' where none is."""
    for name in names:
        low = name.lower()
        found = FORMULAS.get(low) or FORMULAS.get(OTHER_NAMES.get(low, ""))
        if found is not None:
            return found
    return "", ""
