"""Learning with PyTorch by examples: a sine fitted by hand, then with autograd."""

import math

import torch

dtype = torch.float
device = torch.device("cpu")
torch.set_default_device(device)
x = torch.linspace(-math.pi, math.pi, 500, device=device, dtype=dtype)
y = torch.sin(x)

a = torch.full((), 0.1, device=device, dtype=dtype)
b = torch.full((), 0.2, device=device, dtype=dtype)
learning_rate = 1e-5
for step in range(50):
    y_pred = a + b * x
    loss = (y_pred - y).pow(2).sum().item()
    if step % 25 == 24:
        print(step, f"{loss:.2f}")
    grad_y_pred = 2.0 * (y_pred - y)
    a -= learning_rate * grad_y_pred.sum()
    b -= learning_rate * (grad_y_pred * x).sum()
print(f"Result: y = {a.item():.3f} + {b.item():.3f} x")

c = torch.full((), 0.1, requires_grad=True)
d = torch.full((), 0.2, requires_grad=True)
for _ in range(50):
    loss = (c + d * x - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        c -= learning_rate * c.grad
        d -= learning_rate * d.grad
        c.grad = None
        d.grad = None

model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
for p in model.parameters():
    torch.nn.init.constant_(p, 0.1)
xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
loss_fn = torch.nn.MSELoss(reduction="sum")
for _ in range(50):
    loss = loss_fn(model(xx), y)
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for param in model.parameters():
            param -= 1e-7 * param.grad
linear_layer = model[0]
result = [a, b, c, d, linear_layer.bias, linear_layer.weight[:, 0]]
