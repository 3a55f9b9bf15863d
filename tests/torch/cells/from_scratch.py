"""What is torch.nn really? Logistic regression without layers, then with a Module of one's own."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

rng = np.random.default_rng(0)
x_train = rng.normal(size=(64, 20)).astype(np.float32)
y_train = rng.integers(0, 4, 64)
x_train, y_train = map(torch.tensor, (x_train, y_train))
n, c = x_train.shape
weights = torch.tensor(rng.normal(size=(20, 4)), dtype=torch.float32) / math.sqrt(20)
weights.requires_grad_()
bias = torch.zeros(4, requires_grad=True)


def log_softmax(x):
    return x - x.exp().sum(-1).log().unsqueeze(-1)


def model(xb):
    return log_softmax(xb @ weights + bias)


def nll(input, target):
    return -input[range(target.shape[0]), target].mean()


def accuracy(out, yb):
    preds = torch.argmax(out, dim=1)
    return (preds == yb).float().mean()


bs, lr = 16, 0.5
for _ in range(3):
    for i in range((n - 1) // bs + 1):
        start_i = i * bs
        xb = x_train[start_i : start_i + bs]
        yb = y_train[start_i : start_i + bs]
        loss = nll(model(xb), yb)
        loss.backward()
        with torch.no_grad():
            weights -= weights.grad * lr
            bias -= bias.grad * lr
            weights.grad.zero_()
            bias.grad.zero_()


class Logistic(nn.Module):
    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(weights.detach().clone())
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, xb):
        return xb @ self.weights + self.bias


class Lambda(nn.Module):
    def __init__(self, func):
        super().__init__()
        self.func = func

    def forward(self, x):
        return self.func(x)


net = Logistic()
F.cross_entropy(net(xb), yb).backward()
with torch.no_grad():
    for p in net.parameters():
        p -= p.grad * lr
    net.zero_grad()
cnn = nn.Sequential(
    Lambda(lambda x: x.view(-1, 1, 4, 5)), nn.Conv2d(1, 3, kernel_size=3, padding=1), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), Lambda(lambda x: x.view(x.size(0), -1)),
)  # fmt: skip
print(cnn)
result = [weights, bias, accuracy(model(x_train), y_train), net.weights, cnn(xb).shape]
