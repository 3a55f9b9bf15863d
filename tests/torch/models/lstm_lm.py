"""A word language model with an LSTM, state carried from batch to batch."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class RNNModel(nn.Module):
    def __init__(self, ntoken, ninp, nhid, nlayers, dropout=0.0, tie_weights=False):
        super().__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = nn.LSTM(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.nhid = nhid
        self.nlayers = nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        self.decoder.weight.data.uniform_(-initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output)
        decoded = decoded.view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        return (
            weight.new_zeros(self.nlayers, bsz, self.nhid),
            weight.new_zeros(self.nlayers, bsz, self.nhid),
        )


def repackage_hidden(h):
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


def build():
    return {"model": RNNModel(23, 12, 12, 2, tie_weights=True)}


def data(rng):
    return (rng.integers(0, 23, (2, 7, 5)), rng.integers(0, 23, (2, 7, 5)))


def optimizers(models):
    return [torch.optim.SGD(models["model"].parameters(), lr=0.5)]


def output(models, x, y):
    model = models["model"]
    return model(x[0], model.init_hidden(5))[0]


def step(models, optimizers, x, y):
    model = models["model"]
    total_loss = 0.0
    hidden = model.init_hidden(5)
    for i in range(x.size(0)):
        model.zero_grad()
        hidden = repackage_hidden(hidden)
        output, hidden = model(x[i], hidden)
        loss = F.nll_loss(output, y[i].view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():  # as in PyTorch's example: the step by hand
            p.data.add_(p.grad, alpha=-0.5)
        total_loss += loss.item()
    return total_loss
