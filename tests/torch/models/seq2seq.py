"""Translation with a GRU encoder and an attending GRU decoder: D. Bahdanau, ICLR 2015."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

SOS_token = 0
hidden_size, n_source, n_target, MAX_LENGTH = 10, 13, 11, 6


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.0):
        super().__init__()
        self.embedding = nn.Embedding(input_size, hidden_size, padding_idx=1)
        self.gru = nn.GRU(hidden_size, hidden_size, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * hidden_size, hidden_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input):
        embedded = self.dropout(self.embedding(input))
        output, hidden = self.gru(embedded)
        hidden = torch.tanh(self.bridge(torch.cat((hidden[-2], hidden[-1]), dim=-1)))
        return self.bridge(output), hidden.unsqueeze(0)


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights, keys)
        return context, weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size, dropout_p=0.0):
        super().__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, encoder_outputs, encoder_hidden, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs = []
        attentions = []
        for i in range(MAX_LENGTH):
            decoder_output, decoder_hidden, attn_weights = self.forward_step(
                decoder_input, decoder_hidden, encoder_outputs
            )
            decoder_outputs.append(decoder_output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = decoder_output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        decoder_outputs = F.log_softmax(decoder_outputs, dim=-1)
        attentions = torch.cat(attentions, dim=1)
        return decoder_outputs, decoder_hidden, attentions

    def forward_step(self, input, hidden, encoder_outputs):
        embedded = self.dropout(self.embedding(input))
        query = hidden.permute(1, 0, 2)
        context, attn_weights = self.attention(query, encoder_outputs)
        input_gru = torch.cat((embedded, context), dim=2)
        output, hidden = self.gru(input_gru, hidden)
        output = self.out(output)
        return output, hidden, attn_weights


def build():
    return {
        "encoder": EncoderRNN(n_source, hidden_size),
        "decoder": AttnDecoderRNN(hidden_size, n_target),
    }


def data(rng):
    return rng.integers(0, n_source, (4, 5)), rng.integers(0, n_target, (4, MAX_LENGTH))


def optimizers(models):
    return [
        optim.Adam(models["encoder"].parameters(), lr=0.01),
        optim.Adam(models["decoder"].parameters(), lr=0.01),
    ]


def output(models, input_tensor, target_tensor):
    encoder_outputs, encoder_hidden = models["encoder"](input_tensor)
    return models["decoder"](encoder_outputs, encoder_hidden)[0]


def step(models, optimizers, input_tensor, target_tensor):
    criterion = nn.NLLLoss()
    for optimizer in optimizers:
        optimizer.zero_grad()
    encoder_outputs, encoder_hidden = models["encoder"](input_tensor)
    decoder_outputs, _, _ = models["decoder"](encoder_outputs, encoder_hidden, target_tensor)
    loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target_tensor.view(-1))
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()
