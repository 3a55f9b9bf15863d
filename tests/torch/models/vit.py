"""A tiny vision transformer: A. Dosovitskiy and others, ICLR 2021."""

import torch
from torch import nn


class PatchEmbed(nn.Module):
    def __init__(self, img_size=16, patch_size=4, in_chans=3, embed_dim=24):
        super().__init__()
        self.num_patches = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)  # (B, patches, dim)


class ViT(nn.Module):
    def __init__(self, embed_dim=24, depth=2, num_heads=3, num_classes=10):
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim=embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.patch_embed.num_patches + 1, embed_dim))
        layer = nn.TransformerEncoderLayer(
            d_model=embed_dim, nhead=num_heads, dim_feedforward=4 * embed_dim, dropout=0.0,
            activation="gelu", batch_first=True, norm_first=True,
        )  # fmt: skip
        self.blocks = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        self.head = nn.Linear(embed_dim, num_classes)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)

    def forward(self, x):
        B = x.shape[0]
        x = self.patch_embed(x)
        x = torch.cat((self.cls_token.expand(B, -1, -1), x), dim=1)
        x = x + self.pos_embed
        x = self.blocks(x)
        x = self.norm(x)
        return self.head(x[:, 0])


def build():
    return {"net": ViT()}


def data(rng):
    return rng.normal(size=(5, 3, 16, 16)), rng.integers(0, 10, 5)


def optimizers(models):
    return [torch.optim.AdamW(models["net"].parameters(), lr=3e-4, weight_decay=0.05)]


def output(models, x, y):
    return models["net"](x)


def step(models, optimizers, x, y):
    net, optimizer = models["net"], optimizers[0]
    scheduler_lr = optimizer.param_groups[0]["lr"]
    logits = net(x)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    accuracy = (logits.argmax(dim=-1) == y).float().mean()
    assert scheduler_lr > 0 and 0 <= accuracy.item() <= 1  # noqa: PT018
    return loss.item()
