"""How tensors and numbers read, in print and in f-strings."""

import torch

for x in (
    torch.tensor(3.14159), torch.tensor([1, 2, 3]), torch.tensor([[1.5, 2], [3, 4]]),
    torch.tensor([True, False]), torch.zeros(2, 3), torch.arange(12).reshape(3, 4),
    torch.tensor([1e-8, 1.0]), torch.tensor([0.1, 0.25]), torch.tensor([-1.0, 2.5]),
    torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([float("nan"), float("inf")]),
):  # fmt: skip
    print(x)
loss, correct = torch.tensor(0.123456), torch.tensor(7)
print(f"loss {loss:.4f}, accuracy {100 * correct / 10:>5.1f}%, {correct:d} of 10, {loss}")
print("loss: {:.3e}".format(loss), "%.3f %d" % (loss, correct), str(correct))  # noqa: UP031, UP032
print(f"Epoch {1:02d} | {loss.item():.2f} | {float(loss):.2f} | {int(correct)} | {bool(correct)}")
result = round(loss.item(), 3)
