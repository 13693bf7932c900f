"""Measures the training engine: milliseconds an iteration and seed, by pack size.

Prints one table a model in five dimensions. The engine is measured as the runner uses it: one
single-threaded process a core (or one process on a GPU), each with a pack of seeds, all at once.
Beside it, in the same run, because machines are noisy and only ratios count:

(a) a plain loop over the same architecture, one seed at a time, with all cores: iFlow out of
    nflows' parts, iVAE out of torch.nn, both with torch.optim.Adam;
(b) the floor: the useful multiply-adds of an iteration (entries that a mask hides do not count)
    at the rate at which this machine multiplies matrices of the model's sizes.

`python scripts/benchmark.py --packs 1 4 10 20 60 --out results/benchmarks`
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import platform
import resource
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch
from nflows import transforms as nf
from torch import Tensor, nn

from repro.config.compose import compose_all
from repro.experiments.identifiability import Pack
from repro.flows.masked_network import MaskedLinear
from repro.jobs import Context, SeedPair
from repro.models.registry import make_model
from repro.runner.launch import WORKER_ENVIRONMENT, cores
from repro.runner.provenance import device_name, revision
from repro.training.fit import FitHooks

WARM_UP = 5
DIM, SEGMENTS, BATCH = 5, 40, 64


@dataclass(frozen=True)
class Measured:
    """Times of one pack size: `ms_per_seed` is wall time over iterations, workers and seeds."""

    pack: int
    workers: int
    ms_per_iteration: float
    ms_per_seed: float
    mib_per_seed: float


def config(model: str) -> dict:
    """The science config of a benchmark run: the published 5D protocol on fewer points."""
    words = ["experiment=identifiability_2d", "scale=paper", f"model={model}", f"dim={DIM}"]
    words += [f"segments={SEGMENTS}", "data.points_per_segment=128"]
    words += ["training.epochs=1000000", f"training.max_updates={WARM_UP}"]
    [found] = compose_all(words)
    return found.cells[0].config


# --- the engine, in processes of its own ---

_together: Barrier | None = None


def _start(barrier: Barrier) -> None:
    global _together
    _together = barrier
    torch.set_num_threads(1)


def _train(model: str, seeds: int, iterations: int, device: str) -> tuple[float, float]:
    """Seconds of some iterations, begun when every worker is warm, and MiB taken by the pack."""
    before = _taken_mib(device)
    pairs = tuple(SeedPair(seed, 1) for seed in range(1, seeds + 1))
    pack = Pack(config(model), pairs, Context(device=device))
    pack.fit.run(FitHooks())
    pack.fit.updates += iterations
    assert _together is not None, "'_together' is set when a worker starts."
    _together.wait()
    seconds = timed(lambda: pack.fit.run(FitHooks()), device)
    return seconds, _peak_mib(device) - before


def _taken_mib(device: str) -> float:
    """MiB that this process takes now: its peak may be long past."""
    if device == "cuda":
        return torch.cuda.memory_reserved() / 2**20
    pages = Path("/proc/self/statm")
    if not pages.exists():
        return _peak_mib(device)
    return int(pages.read_text().split()[1]) * resource.getpagesize() / 2**20


def _peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_reserved() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def engine(model: str, pack: int, iterations: int, device: str) -> Measured:
    """The engine's times with a pack of this size in every worker."""
    workers = 1 if device == "cuda" else cores()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, context, initializer=_start, initargs=(context.Barrier(workers),)
    ) as pool:
        jobs = [pool.submit(_train, model, pack, iterations, device) for _ in range(workers)]
        results = [job.result() for job in jobs]
    ms = 1000 * max(seconds for seconds, _ in results) / iterations
    memory = max(mib for _, mib in results) / pack
    return Measured(pack, workers, ms, ms / (workers * pack), memory)


# --- (a) plain loops ---


class PlainIFlow(nn.Module):
    """The same architecture out of nflows' parts, its dropout and masks included."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        settings = config("iflow")["model"]
        for _ in range(settings["flow_length"]):
            layers += [nf.RandomPermutation(DIM), nf.LULinear(DIM, identity_init=True)]
            layers.append(
                nf.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                    features=DIM,
                    hidden_features=settings["hidden"],
                    num_bins=settings["bins"],
                    tails="linear",
                    tail_bound=settings["tail_bound"],
                    num_blocks=settings["blocks"],
                    dropout_probability=settings["dropout"],
                )
            )
        layers += [nf.RandomPermutation(DIM), nf.LULinear(DIM, identity_init=True)]
        self.flow = nf.CompositeTransform(layers)
        widths = (SEGMENTS, 30, 20, 2 * DIM)
        linear = [nn.Linear(a, b) for a, b in itertools.pairwise(widths)]
        self.prior = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2])

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Mean negative log-likelihood of x (B, D) given one-hot segments u (B, M)."""
        z, log_det = self.flow(x)
        natural = nn.functional.softplus(self.prior(u))
        xi, eta = natural.unflatten(-1, (-1, 2)).unbind(dim=-1)
        log_p = (-xi * z * z + eta * z + 0.5 * xi.log() - eta * eta / (4 * xi)).sum(dim=-1)
        return -(log_p + log_det).mean()


class PlainIVAE(nn.Module):
    """The same architecture out of torch.nn's parts."""

    def __init__(self) -> None:
        super().__init__()
        hidden = config("ivae")["model"]["hidden"]

        def network(inputs: int) -> nn.Module:
            return nn.Sequential(
                *(nn.Linear(inputs, hidden), nn.LeakyReLU(0.1)),
                *(nn.Linear(hidden, hidden), nn.LeakyReLU(0.1)),
                nn.Linear(hidden, DIM),
            )

        self.prior, self.decoder = network(SEGMENTS), network(DIM)
        self.mean, self.log_variance = network(DIM + SEGMENTS), network(DIM + SEGMENTS)

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        """Mean negative ELBO of x (B, D) given one-hot segments u (B, M)."""
        both = torch.cat((x, u), dim=1)
        mean, scale = self.mean(both), (0.5 * self.log_variance(both)).exp()
        normal = torch.distributions.Normal
        z = mean + scale * torch.randn_like(mean)
        log_q = normal(mean, scale).log_prob(z)
        log_prior = normal(0.0, (0.5 * self.prior(u)).exp()).log_prob(z)
        log_x = normal(self.decoder(z), 0.1).log_prob(x)
        return -(log_x + log_prior - log_q).sum(dim=1).mean()


PLAIN: dict[str, Callable[[], nn.Module]] = {"iflow": PlainIFlow, "ivae": PlainIVAE}


def plain(model: str, iterations: int, device: str) -> float:
    """Milliseconds an iteration of one seed in a plain loop."""
    torch.manual_seed(0)
    module = PLAIN[model]().to(device)
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-3)
    x = torch.randn(BATCH, DIM, device=device)
    u = torch.eye(SEGMENTS, device=device)[torch.arange(BATCH) % SEGMENTS]

    def iterate(times: int) -> None:
        for _ in range(times):
            optimiser.zero_grad()
            module(x, u).backward()
            optimiser.step()

    iterate(WARM_UP)
    return 1000 * timed(lambda: iterate(iterations), device) / iterations


# --- (b) the floor ---


def useful_multiply_adds(model: str) -> int:
    """Multiply-adds of an iteration of one seed: forwards, and backwards to inputs and weights."""
    module = make_model(config(model)["model"], DIM, SEGMENTS)
    masked = [m for m in module.modules() if isinstance(m, MaskedLinear)]
    entries = sum(int(m.mask.sum()) for m in masked)
    plain_layers = [m for m in module.modules() if isinstance(m, nn.Linear)]
    entries += sum(layer.weight.numel() for layer in plain_layers)
    return 3 * BATCH * entries


def multiply_add_rate(seconds: float, device: str) -> float:
    """Multiply-adds a second of stacked (256, 256) by (256, 64) products, cached, on all cores."""
    left = torch.randn(8, 256, 256, device=device)
    right = torch.randn(8, 256, BATCH, device=device)
    out = torch.empty(8, 256, BATCH, device=device)
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        taken = timed(lambda: [torch.bmm(left, right, out=out) for _ in range(20)], device)
        best = max(best, 20 * left.numel() * BATCH / taken)
    return best


# --- the report ---


def timed(work: Callable[[], object], device: str = "cpu") -> float:
    """Seconds that some work takes, until the device has done it."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def report(model: str, packs: Sequence[int], iterations: int, device: str) -> dict:
    """Measure one model and print its table."""
    baseline = plain(model, max(5, iterations), device)
    work = useful_multiply_adds(model)
    rate = multiply_add_rate(1.0, device)
    floor = 1000 * work / rate
    print(f"\n{model}, {DIM}D, {SEGMENTS} segments, batch {BATCH}")
    print(f"plain loop {baseline:.2f} ms an iteration; floor {floor:.2f} ms", end=" ")
    print(f"({work / 1e6:.0f} M useful multiply-adds at {rate / 1e9:.0f} G a second)")
    titles = ("pack", "workers", "ms/iteration", "ms/seed", "plain/ours", "ours/floor", "MiB/seed")
    print("".join(f"{title:>13}" for title in titles))
    found = []
    for pack in packs:
        one = engine(model, pack, iterations, device)
        found.append(one)
        values = (f"{one.ms_per_iteration:.1f}", f"{one.ms_per_seed:.3f}")
        ratios = (f"{baseline / one.ms_per_seed:.2f}", f"{one.ms_per_seed / floor:.2f}")
        cells = (str(pack), str(one.workers), *values, *ratios, f"{one.mib_per_seed:.0f}")
        print("".join(f"{cell:>13}" for cell in cells), flush=True)
    return {
        "model": model,
        "plain_ms": baseline,
        "floor_ms": floor,
        "multiply_adds": work,
        "multiply_adds_a_second": rate,
        "packs": [asdict(one) for one in found],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables for the models and packs asked for, and store them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["iflow", "ivae"], choices=sorted(PLAIN))
    parser.add_argument("--packs", type=int, nargs="+", default=[1, 4, 10, 20, 60])
    parser.add_argument("--iterations", type=int, default=15)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--out", type=Path, help="folder for a JSON file named after the device")
    given = parser.parse_args(arguments)
    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.update(WORKER_ENVIRONMENT | threads)  # for the workers: this process has its own
    name = device_name(device)
    print(f"{name}, {cores()} cores, torch {torch.__version__}, revision {revision()[0]}")
    results = [report(model, given.packs, given.iterations, device) for model in given.models]
    if given.out:
        given.out.mkdir(parents=True, exist_ok=True)
        path = given.out / f"engine-{name.lower().replace(' ', '-').replace('/', '-')}.json"
        about = {
            "device": name,
            "machine": platform.machine(),
            "cores": cores(),
            "torch": torch.__version__,
            "revision": revision()[0],
            "iterations": given.iterations,
            "models": results,
        }
        path.write_text(json.dumps(about, indent=2) + "\n")
        print(f"\nstored in {path}")


if __name__ == "__main__":
    main()
