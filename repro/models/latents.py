"""The latent variables that a flow can be given: none, one of K states, or a real number."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# log p(x | c) (n B,) of n blocks of the B rows x, each block with its own contexts c (n B, C).
LogDensity = Callable[[Tensor, Tensor | None], Tensor]
RELEASED_EPS = 1e-10


class Latent(nn.Module):
    """What a latent variable c with a fixed prior gives to the training of p(x | c).

    `width` is the number of values of c as a context, 0 for none.
    """

    width: int

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Random input (B, N) of a training step on `batch` rows, or None if it needs none."""
        return None

    def loss(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Training loss (B,) of the rows x (B, D), in nats."""
        raise NotImplementedError

    def log_likelihood(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Log p(x) (B,) of the rows x (B, D), in nats; noise as `evaluation_noise` draws it."""
        raise NotImplementedError

    def evaluation_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Random input (I, B) of a log-likelihood that is estimated; None where it is exact."""
        return None

    def prior(self, count: int, source: torch.Generator) -> Tensor | None:
        """Contexts (count, C) drawn from the prior, or None without a latent variable."""
        return None


class NoLatent(Latent):
    """No latent variable: the flow alone, by its exact likelihood."""

    width = 0

    def loss(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Negative log-likelihood (B,) in nats."""
        return -log_density(x, None)

    def log_likelihood(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Exact log p(x) (B,) in nats."""
        return log_density(x, None)


class DiscreteLatent(Latent):
    """One of K states with a uniform prior, given to the flow as a one-hot context.

    `estimator` says how it is trained: "straight_through" is the released one (one hard
    Gumbel-softmax sample of the posterior q, gradients as if it were soft, temperature 1),
    "summed" the same bound with the sum over all states in place of the sample, "marginal" the
    exact mixture, which needs no posterior.

    Source: released hendrydong/normalizing-variational-flow nvf.py (`NVF.nll`, `NVF.test`).
    """

    states: Tensor

    def __init__(self, dim: int, states: int, estimator: str, hidden: int, layers: int) -> None:
        super().__init__()
        self.width, self.estimator = states, estimator
        needed = estimator != "marginal"
        self.posterior = _perceptron(dim, hidden, layers, states) if needed else None
        self.register_buffer("states", torch.eye(states), persistent=False)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor | None:
        """Standard Gumbel draws (B, K) for the sample of the posterior."""
        if self.estimator != "straight_through":
            return None
        return -torch.empty(batch, self.width).exponential_(generator=source).log()

    def loss(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Negative bound (B,), or negative log-likelihood where it is the exact one, in nats."""
        if self.posterior is None:
            return -self.log_likelihood(log_density, x, None)
        logits = self.posterior(x)
        q = F.softmax(logits, dim=-1)
        divergence = (q * torch.log(q + RELEASED_EPS)).sum(dim=-1) + math.log(self.width)
        if self.estimator == "summed":
            return divergence - (q * self.by_state(log_density, x).T).sum(dim=-1)
        assert noise is not None, "'noise' is needed for the posterior's sample."
        return divergence - log_density(x, _straight_through(logits + noise))

    def log_likelihood(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Exact log p(x) (B,) in nats: the evenly weighted mixture over the K states."""
        return torch.logsumexp(self.by_state(log_density, x), dim=0) - math.log(self.width)

    def prior(self, count: int, source: torch.Generator) -> Tensor:
        """One-hot states (count, K), drawn evenly."""
        return self.states[torch.randint(self.width, (count,), generator=source)]

    def responsibilities(self, x: Tensor) -> Tensor:
        """The posterior network's q(state | x) (B, K); evenly spread where there is none."""
        if self.posterior is None:
            return torch.full_like(x[:, :1], 1 / self.width).expand(-1, self.width)
        return F.softmax(self.posterior(x), dim=-1)

    def by_state(self, log_density: LogDensity, x: Tensor) -> Tensor:
        """Log p(x | state) (K, B)."""
        rows = x.expand(self.width, *x.shape).flatten(0, 1)
        context = self.states.repeat_interleave(x.shape[0], dim=0)
        return log_density(rows, context).unflatten(0, (self.width, -1))


class ContinuousLatent(Latent):
    """A standard normal number with a Gaussian posterior, given to the flow as a context.

    Trained by the one-sample evidence lower bound with the divergence in closed form; the
    likelihood is estimated from `samples` importance samples, a lower bound in expectation.

    Source: Kingma & Welling 2014 (bound), Burda et al. 2016 (importance samples); the released
    code has no continuous latent for flows.
    """

    width = 1

    def __init__(self, dim: int, samples: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.samples = samples
        self.posterior = _perceptron(dim, hidden, layers, 2)

    def draw_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (B, 1)."""
        return torch.randn(batch, 1, generator=source)

    def loss(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Negative evidence lower bound (B,) in nats."""
        assert noise is not None, "'noise' is needed for the posterior's sample."
        mean, log_sd = self.posterior(x).split(1, dim=-1)
        divergence = 0.5 * (mean**2 + (2 * log_sd).exp() - 1) - log_sd
        return divergence[:, 0] - log_density(x, mean + log_sd.exp() * noise)

    def log_likelihood(self, log_density: LogDensity, x: Tensor, noise: Tensor | None) -> Tensor:
        """Importance-sampled log p(x) (B,) in nats; noise (I, B) standard normal."""
        assert noise is not None, "'noise' is needed for the importance samples."
        mean, log_sd = self.posterior(x).unbind(dim=-1)
        c = mean + log_sd.exp() * noise
        rows = x.expand(len(noise), *x.shape).flatten(0, 1)
        log_p = log_density(rows, c.flatten()[:, None]).unflatten(0, noise.shape)
        # log p(c) - log q(c | x): both normal, their constants cancel.
        log_weight = log_p - 0.5 * c**2 + 0.5 * noise**2 + log_sd
        return torch.logsumexp(log_weight, dim=0) - math.log(len(noise))

    def evaluation_noise(self, batch: int, source: torch.Generator) -> Tensor:
        """Standard normals (samples, B)."""
        return torch.randn(self.samples, batch, generator=source)

    def prior(self, count: int, source: torch.Generator) -> Tensor:
        """Standard normals (count, 1)."""
        return torch.randn(count, 1, generator=source)


def _straight_through(scores: Tensor) -> Tensor:
    """The one-hot largest of the scores (B, K), with the gradient of their softmax."""
    soft = F.softmax(scores, dim=-1)
    hard = torch.zeros_like(soft).scatter(-1, scores.argmax(dim=-1, keepdim=True), 1.0)
    return hard - soft.detach() + soft


def _perceptron(inputs: int, hidden: int, layers: int, outputs: int) -> nn.Sequential:
    """A network (..., I) -> (..., O) with `layers` hidden layers of ReLUs."""
    widths = [inputs, *[hidden] * layers]
    parts: list[nn.Module] = []
    for one, other in itertools.pairwise(widths):
        parts += [nn.Linear(one, other), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(widths[-1], outputs))
