"""Classifying names with a character RNN: one-hot lines written element by element."""

import torch
import torch.nn as nn

letters = "abcdef"


def line_to_tensor(line):
    tensor = torch.zeros(len(line), 1, len(letters))
    for li, letter in enumerate(line):
        tensor[li][0][letters.find(letter)] = 1
    return tensor


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = torch.tanh(self.i2h(combined))
        return self.softmax(self.h2o(hidden)), hidden

    def init_hidden(self):
        return torch.zeros(1, self.hidden_size)


rnn = RNN(len(letters), 8, 3)
for p in rnn.parameters():
    p.data = torch.linspace(-0.5, 0.5, p.numel()).view_as(p)
criterion = nn.NLLLoss()
line = line_to_tensor("bad")
category = torch.tensor([1], dtype=torch.long)
for _ in range(3):
    hidden = rnn.init_hidden()
    rnn.zero_grad()
    for i in range(line.size()[0]):
        output, hidden = rnn(line[i], hidden)
    loss = criterion(output, category)
    loss.backward()
    for p in rnn.parameters():
        p.data.add_(p.grad.data, alpha=-0.05)
top_n, top_i = output.topk(1)
print(["x", "y", "z"][top_i[0].item()], f"{top_n.item():.3f}")
result = [line, loss, rnn.h2o.bias]
