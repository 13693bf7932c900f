"""Measures the training engine: milliseconds an iteration and seed, stacked against one by one.

Prints one table. The baseline is a plain loop over the same iFlow architecture built with nflows
and trained by torch.optim.Adam, one seed at a time, in the same run: machines are noisy, so the
ratios count. `python scripts/benchmark.py --packs 1 4 10 --iterations 20`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from nflows import transforms as nf
from torch import Tensor, nn

from repro.config.compose import compose_all
from repro.experiments.identifiability import Pack
from repro.jobs import Context, SeedPair
from repro.training.fit import FitHooks

WARM_UP = 3


def config(model: str, dim: int, segments: int) -> dict:
    """The science config of a benchmark run: the published protocol on fewer points."""
    words = ["experiment=identifiability_2d", "scale=paper", f"model={model}"]
    words += [f"dim={dim}", f"segments={segments}", "data.points_per_segment=200"]
    words += ["training.epochs=1000000", f"training.max_updates={WARM_UP}"]
    [found] = compose_all(words)
    return found.cells[0].config


def stacked_ms(model: str, dim: int, segments: int, seeds: int, iterations: int) -> float:
    """Milliseconds an iteration of a pack of `seeds`, after a warm-up."""
    pairs = tuple(SeedPair(seed, 1) for seed in range(1, seeds + 1))
    pack = Pack(config(model, dim, segments), pairs, Context())
    pack.fit.run(FitHooks())
    pack.fit.updates += iterations
    return _timed(lambda: pack.fit.run(FitHooks())) / iterations


class PlainIFlow(nn.Module):
    """The same architecture out of nflows' parts, its dropout and masks included."""

    def __init__(self, dim: int, segments: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        settings = config("iflow", dim, segments)["model"]
        for _ in range(settings["flow_length"]):
            layers += [nf.RandomPermutation(dim), nf.LULinear(dim, identity_init=True)]
            layers.append(
                nf.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                    features=dim,
                    hidden_features=settings["hidden"],
                    num_bins=settings["bins"],
                    tails="linear",
                    tail_bound=settings["tail_bound"],
                    num_blocks=settings["blocks"],
                    dropout_probability=settings["dropout"],
                )
            )
        layers += [nf.RandomPermutation(dim), nf.LULinear(dim, identity_init=True)]
        self.flow = nf.CompositeTransform(layers)
        self.prior = nn.Sequential(
            nn.Linear(segments, 30), nn.ReLU(), nn.Linear(30, 2 * dim), nn.Softplus()
        )

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Mean negative log-likelihood of x (B, D) given one-hot segments u (B, M)."""
        z, log_det = self.flow(x)
        xi, eta = self.prior(u).unflatten(-1, (-1, 2)).unbind(dim=-1)
        log_p = (-xi * z * z + eta * z + 0.5 * xi.log() - eta * eta / (4 * xi)).sum(dim=-1)
        return -(log_p + log_det).mean()


def plain_ms(dim: int, segments: int, iterations: int) -> float:
    """Milliseconds an iteration of one seed in a plain loop over nflows and torch.optim.Adam."""
    torch.manual_seed(0)
    model = PlainIFlow(dim, segments)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, u = torch.randn(64, dim), torch.eye(segments)[torch.arange(64) % segments]

    def iterate(times: int) -> None:
        for _ in range(times):
            optimiser.zero_grad()
            model(x, u).backward()
            optimiser.step()

    iterate(WARM_UP)
    return _timed(lambda: iterate(iterations)) / iterations


def _timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    """Print the table for the packs and sizes asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--packs", type=int, nargs="+", default=[1, 4, 10])
    parser.add_argument("--iterations", type=int, default=15)
    arguments = parser.parse_args()
    print(f"{'model':<10}{'pack':>6}{'ms/iteration':>14}{'ms/seed':>10}{'plain/ours':>12}")
    for dim, segments in ((2, 5), (5, 40)):
        plain = plain_ms(dim, segments, arguments.iterations)
        print(f"{f'iflow {dim}D':<10}{'plain':>6}{plain:>14.1f}{plain:>10.1f}{1:>12.2f}")
        for name in ("iflow", "ivae"):
            for pack in arguments.packs:
                ms = stacked_ms(name, dim, segments, pack, arguments.iterations)
                ratio = f"{plain * pack / ms:>12.2f}" if name == "iflow" else f"{'':>12}"
                print(f"{f'{name} {dim}D':<10}{pack:>6}{ms:>14.1f}{ms / pack:>10.2f}{ratio}")


if __name__ == "__main__":
    main()
