"""Latent variables of an image: Gaussian, discrete (gumbel-softmax) and a sequence of codes."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Map = tuple[int, int, int]  # features, height and width of what encoder and likelihood share
SMALLEST = 1e-6  # a uniform draw stays this far from 0 and 1 before a quantile is taken


class Coded(NamedTuple):
    """What a latent makes of an image's features.

    features (B, F, h, w) for the likelihood; `cost` (B,) in nats of the latent under its prior,
    net of the entropy of its posterior (the KL divergence); `penalty` (B,), a further term of the
    training loss; the codes (B, L) of a sequential latent.
    """

    features: Tensor
    cost: Tensor
    penalty: Tensor
    codes: Tensor | None = None


class Latent(nn.Module):
    """A latent variable between the features (B, F, h, w) of an encoder and of a likelihood.

    Randomness comes in as uniforms (B, `draws`).
    """

    draws = 0

    def forward(self, features: Tensor, uniforms: Tensor) -> Coded:
        """A draw of the posterior that the features describe."""
        raise NotImplementedError

    def from_prior(self, uniforms: Tensor) -> Tensor:
        """Features (B, F, h, w) of a draw from the prior."""
        raise NotImplementedError


class ContinuousLatent(Latent):
    """Z standard normals with a Gaussian posterior of its own mean and variance for each image."""

    def __init__(self, shape: Map, size: int) -> None:
        super().__init__()
        self.shape, self.draws = shape, size
        self.moments = nn.Linear(math.prod(shape), 2 * size)
        self.back = nn.Linear(size, math.prod(shape))

    def forward(self, features: Tensor, uniforms: Tensor) -> Coded:
        """Reparametrised draw; the cost is the KL divergence in closed form."""
        mean, log_variance = self.moments(features.flatten(1)).chunk(2, dim=1)
        log_variance = log_variance.clamp(-12, 6)
        z = mean + (0.5 * log_variance).exp() * _normals(uniforms)
        cost = 0.5 * (mean * mean + log_variance.exp() - 1 - log_variance).sum(dim=1)
        return Coded(self._features(z), cost, torch.zeros_like(cost))

    def from_prior(self, uniforms: Tensor) -> Tensor:
        """Features of a standard normal draw."""
        return self._features(_normals(uniforms))

    def _features(self, z: Tensor) -> Tensor:
        return self.back(z).unflatten(1, self.shape)


class DiscreteLatent(Latent):
    """M categorical variables of K values, drawn by the straight-through gumbel-softmax.

    The draw itself is one-hot, in training and evaluation, so that the bound holds; the softmax
    at `temperature` only carries gradients. The prior is uniform.

    Source: Jang, Gu & Poole 2017 (arXiv 1611.01144); released NVF nvf.py: temperature 1, hard.
    """

    def __init__(self, shape: Map, variables: int, values: int, temperature: float = 1.0) -> None:
        super().__init__()
        self.shape, self.temperature = shape, temperature
        self.variables, self.values = variables, values
        self.draws = variables * values
        self.logits = nn.Linear(math.prod(shape), variables * values)
        self.back = nn.Linear(variables * values, math.prod(shape))

    def forward(self, features: Tensor, uniforms: Tensor) -> Coded:
        """One-hot draw; the cost is the KL divergence from the uniform prior in closed form."""
        logits = self._grid(self.logits(features.flatten(1)))
        log_q = F.log_softmax(logits, dim=-1)
        soft = F.softmax((log_q + _gumbels(self._grid(uniforms))) / self.temperature, dim=-1)
        hard = one_hot(soft.argmax(dim=-1), self.values, soft.dtype)
        drawn = hard + soft - soft.detach()
        cost = (log_q.exp() * log_q).sum(dim=(1, 2)) + self.variables * math.log(self.values)
        return Coded(self._features(drawn), cost, torch.zeros_like(cost))

    def from_prior(self, uniforms: Tensor) -> Tensor:
        """Features of a uniform draw."""
        chosen = _gumbels(self._grid(uniforms)).argmax(dim=-1)
        return self._features(one_hot(chosen, self.values, uniforms.dtype))

    def _grid(self, flat: Tensor) -> Tensor:
        return flat.unflatten(1, (self.variables, self.values))

    def _features(self, drawn: Tensor) -> Tensor:
        return self.back(drawn.flatten(1)).unflatten(1, self.shape)


class SequentialLatent(Latent):
    """A code of a small book at each of the h x w places: a vector-quantised encoding.

    The book follows the encoder by exponential moving averages, which `averages` gives and
    `follow` takes in; nothing moves at evaluation. The cost counts h w log V nats, the uniform
    prior's; a trained prior over the sequences costs less.

    Source: van den Oord, Vinyals & Kavukcuoglu 2017 (arXiv 1711.00937), section 3 and appendix
    A.1; vocabulary 16 and width 16 as in the NVF paper, decay .99 as in its released code.
    """

    book: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self, shape: Map, vocabulary: int, width: int, decay: float = 0.99, weight: float = 0.25
    ) -> None:
        super().__init__()
        self.shape, self.vocabulary, self.decay, self.weight = shape, vocabulary, decay, weight
        self.length = shape[1] * shape[2]
        self.draws = self.length
        self.down = nn.Conv2d(shape[0], width, 1)
        self.back = nn.Conv2d(width, shape[0], 1)
        book = torch.randn(vocabulary, width)
        self.register_buffer("book", book)
        self.register_buffer("counts", torch.ones(vocabulary))
        self.register_buffer("sums", book.clone())

    def initialise(self, features: Tensor) -> None:
        """Start the book at codes of a first batch, spread by farthest-point choice."""
        with torch.no_grad():
            rows = self._vectors(self.down(features)).flatten(0, 1)
            book = _farthest(rows[:: max(1, len(rows) // 4096)], self.vocabulary)
            self.book.copy_(book)
            self.sums.copy_(book)
            self.counts.fill_(1.0)

    def forward(self, features: Tensor, uniforms: Tensor | None = None) -> Coded:
        """Nearest codes; the penalty is the commitment of the encoder to them."""
        vectors = self._vectors(self.down(features))
        codes = self._nearest(vectors)
        chosen = self._look_up(codes)
        penalty = self.weight * ((vectors - chosen) ** 2).sum(dim=(1, 2))
        through = vectors + (chosen - vectors).detach()
        cost = torch.full_like(penalty, self.length * math.log(self.vocabulary))
        return Coded(self._features(through), cost, penalty, codes)

    def from_prior(self, uniforms: Tensor) -> Tensor:
        """Features of codes that are uniform and independent."""
        codes = (uniforms * self.vocabulary).long().clamp(max=self.vocabulary - 1)
        return self.from_codes(codes)

    def from_codes(self, codes: Tensor) -> Tensor:
        """Features (B, F, h, w) of codes (B, L)."""
        return self._features(self._look_up(codes))

    def averages(self, features: Tensor) -> dict[str, Tensor]:
        """The book and its averages after one more batch of features (B, F, h, w)."""
        with torch.no_grad():
            vectors = self._vectors(self.down(features)).flatten(0, 1)
            used = one_hot(self._nearest(vectors), self.vocabulary, vectors.dtype)
            fresh = 1 - self.decay
            counts = self.decay * self.counts + fresh * used.sum(dim=0)
            sums = self.decay * self.sums + fresh * (used.mT @ vectors)
            total = counts.sum()
            smoothed = (counts + 1e-5) / (total + self.vocabulary * 1e-5) * total
            return {"book": sums / smoothed[:, None], "counts": counts, "sums": sums}

    def _vectors(self, grid: Tensor) -> Tensor:
        """The vectors (B, L, width) at the places of grid (B, width, h, w)."""
        return grid.flatten(2).mT

    def _nearest(self, vectors: Tensor) -> Tensor:
        products = vectors.detach() @ self.book.mT
        return ((self.book * self.book).sum(dim=1) - 2 * products).argmin(dim=-1)

    def _look_up(self, codes: Tensor) -> Tensor:
        return one_hot(codes, self.vocabulary, self.book.dtype) @ self.book

    def _features(self, vectors: Tensor) -> Tensor:
        return self.back(vectors.mT.unflatten(2, self.shape[1:]))


def one_hot(index: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Indices (...) as rows (..., size) of one 1, also where `vmap` hides the values."""
    return (index[..., None] == torch.arange(size, device=index.device)).to(dtype)


def _normals(uniforms: Tensor) -> Tensor:
    return torch.special.ndtri(uniforms.clamp(SMALLEST, 1 - SMALLEST))


def _gumbels(uniforms: Tensor) -> Tensor:
    return -torch.log(-torch.log(uniforms.clamp(SMALLEST, 1 - SMALLEST)))


def _farthest(rows: Tensor, count: int) -> Tensor:
    """`count` of the rows (N, W), each as far as can be from those before it."""
    chosen = [rows[0]]
    distance = ((rows - rows[0]) ** 2).sum(dim=1)
    for _ in range(count - 1):
        chosen.append(rows[int(distance.argmax())])
        distance = torch.minimum(distance, ((rows - chosen[-1]) ** 2).sum(dim=1))
    return torch.stack(chosen)
