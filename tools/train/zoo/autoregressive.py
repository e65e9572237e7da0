"""A recurrent network that says a code in words, each correcting what those before it left (Lee et al. 2022)."""

import torch
import torch.nn.functional as F
from torch import nn

from nets import PLACE, Placed
from training import BATCH, Trained, descend, k_means

TOKENS, STAGES = 32, 3  # words of a stage, stages of a code
LENGTH = PLACE + STAGES


def residual_words(codes):
    """Each code as a word of every stage: words [n, STAGES], books [STAGES, TOKENS, size]."""
    left, words, books = codes.clone(), [], []
    for _ in range(STAGES):
        centres = k_means(left, min(TOKENS, len(left)))
        books.append(F.pad(centres, (0, 0, 0, TOKENS - len(centres)), value=1e3))  # words nobody says
        words.append(torch.cdist(left, books[-1]).argmin(1))
        left = left - books[-1][words[-1]]
    books = torch.stack(books)
    return torch.stack(words, 1), torch.where(books > 100, 0, books)


class Said(nn.Module):
    """tokens i32 [n, LENGTH] -> page: first the placement in quantiles of the normal, then the words of the code."""

    def __init__(self, books, placed):
        super().__init__()
        self.books, self.placed = nn.Parameter(books.flatten(0, 1)), placed
        self.register_buffer("first", torch.arange(STAGES) * TOKENS)
        self.register_buffer("quantiles", torch.special.ndtri((torch.arange(TOKENS) + 0.5) / TOKENS).float())

    def forward(self, tokens):
        code = self.books[tokens[:, PLACE:] + self.first].sum(1)
        return self.placed(torch.cat([code, self.quantiles[tokens[:, :PLACE]]], 1))


class Prior(nn.Module):
    """The next token of a sequence: a recurrent network (GRU) that also knows its position."""

    def __init__(self, width=64, inner=16):
        super().__init__()
        self.token = nn.Embedding(TOKENS + 1, inner)  # the last one starts a sequence
        self.position = nn.Embedding(LENGTH, inner)
        self.cell = nn.GRU(inner, width, batch_first=True)
        self.head = nn.Linear(width, TOKENS)

    def logits(self, tokens):
        """[n, length, TOKENS]: of each token given those before it."""
        start = torch.full_like(tokens[:, :1], TOKENS)
        inputs = self.token(torch.cat([start, tokens[:, :-1]], 1)) + self.position.weight
        return self.head(self.cell(inputs)[0])

    def forward(self, token, position, state):
        """One token further: logits [n, TOKENS] and the new state [n, width]."""
        x = self.token(token) + self.position(position)
        gates = x @ self.cell.weight_ih_l0.T + self.cell.bias_ih_l0
        recurrent = state @ self.cell.weight_hh_l0.T + self.cell.bias_hh_l0
        reset, update, new = gates.chunk(3, 1)
        from_reset, from_update, from_new = recurrent.chunk(3, 1)
        reset, update = torch.sigmoid(reset + from_reset), torch.sigmoid(update + from_update)
        new = torch.tanh(new + reset * from_new)
        state = (1 - update) * new + update * state
        return self.head(state), state


def train(codes, memory, hue, steps, start=None):
    words, books = residual_words(codes)
    prior = Prior()
    if start:
        prior.load_state_dict(start)

    def loss_of(step):
        said = words[torch.randint(len(words), (BATCH,))]
        tokens = torch.cat([torch.randint(TOKENS, (BATCH, PLACE)), said], 1)
        return F.cross_entropy(prior.logits(tokens).flatten(0, 1), tokens.flatten())

    descend(prior.parameters(), steps // 2, 6e-3, loss_of)
    width = prior.cell.hidden_size
    sampler = {
        "path": "prior.onnx",
        "procedure": "autoregressive",
        "length": LENGTH,
        "vocabulary": TOKENS,
        "state": [width],
        "decoder": ["recall.onnx"],
    }
    token = torch.full((16,), TOKENS, dtype=torch.int32)
    step = {"token": token, "position": torch.zeros(1, dtype=torch.int32), "state": torch.zeros(16, width)}
    tokens = torch.randint(TOKENS, (16, LENGTH), dtype=torch.int32)
    graphs = {
        "prior.onnx": (prior, step, ["logits", "state_out"]),
        "recall.onnx": (Said(books, Placed(nn.Identity(), memory, hue)), {"tokens": tokens}, ["page"]),
    }
    return Trained(sampler, graphs, prior)
