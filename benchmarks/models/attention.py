"""A transformer's blocks, normalized before each part: R. Xiong et al., 2020."""

from __future__ import annotations

from typing import Any


def encoder(framework: Any, width: int, heads: int, depth: int, causal: bool) -> Any:
    """``depth`` blocks of attention and a GELU network, then a layer norm.

    x: (batch, time, width) -> y: the same shape.
    """
    nn = framework.nn

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.project = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            batch, time, _ = x.shape
            q, k, v = (
                part.reshape(batch, time, heads, width // heads).transpose(1, 2)
                for part in self.project(x).chunk(3, -1)
            )
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            return self.out(y.transpose(1, 2).reshape(batch, time, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.LayerNorm(width)
            self.attention = Attention()
            self.second = nn.LayerNorm(width)
            self.network = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.first(x))
            return x + self.network(self.second(x))

    return nn.Sequential(*(Block() for _ in range(depth)), nn.LayerNorm(width))
