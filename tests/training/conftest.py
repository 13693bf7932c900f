"""Small packs of both models on made-up data, and the plain loop that they must agree with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from repro.models.iflow import IFlow
from repro.models.ivae import IVAE
from repro.training.batches import Batches, Shared
from repro.training.fit import Fit
from repro.training.noise import NoiseSource
from repro.training.schedules import make_schedule
from repro.training.seed_stack import SeedStack

IFLOW = {
    "name": "iflow",
    "flow_length": 2,
    "bins": 4,
    "tail_bound": 3.0,
    "blocks": 2,
    "dropout": 0.25,
    "lambda_hidden": None,
    "natural_parameters": "softplus",
    "log_pi": False,
}
IVAE_CONFIG = {"depth": 3, "slope": 0.1, "activation": "lrelu",
               "initialisation": "xavier", "decoder_variance": 0.1,
               "decoder_noise": "fixed", "prior_mean": "zero", "weight_reconstruction": 1.0,
               "weight_information": 1.0, "weight_correlation": 1.0,
               "weight_dimensions": 1.0}  # fmt: skip
PLATEAU = {"name": "plateau", "factor": 0.25, "patience": 1}
RATE = 3e-3
Pair = tuple[int, int]  # data seed, model seed


@dataclass
class Setup:
    """Everything that a pack is made of but its seeds."""

    kind: str
    dim: int = 3
    segments: int = 4
    rows: int = 44
    batch_size: int = 16  # three batches an epoch, the last of 12
    hidden: int = 8
    order: str = "fixed"
    schedule: dict[str, Any] = field(default_factory=lambda: dict(PLATEAU))
    window: int = 5
    dtype: torch.dtype = torch.float32

    def model(self, model_seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model_seed)
            if self.kind == "iflow":
                made = IFlow({**IFLOW, "hidden": self.hidden}, self.dim, self.segments)
            else:
                made = IVAE({**IVAE_CONFIG, "hidden": self.hidden}, self.dim, self.segments)
        return made.to(self.dtype)

    def data(self, data_seed: int) -> tuple[Tensor, Tensor]:
        """Observations (N, D) of a data seed and their segments (N,)."""
        source = torch.Generator().manual_seed(1000 + data_seed)
        x = 1.5 * torch.randn(self.rows, self.dim, generator=source)
        return x.to(self.dtype), torch.arange(self.rows) % self.segments

    def feed(self, x: Tensor, model_seeds: Sequence[int]) -> tuple[Batches, NoiseSource]:
        model, segment = self.model(0), self.data(0)[1]
        batches = Batches([x, Shared(segment)], model_seeds, self.batch_size, self.order)
        return batches, NoiseSource(model_seeds, model.noise_stream, model.draw_noise)

    def fit(self, pairs: Sequence[Pair], updates: int, x: Tensor | None = None) -> Fit:
        """A pack that has not begun; x (S, N, D) replaces the data."""
        model_seeds = [model_seed for _, model_seed in pairs]
        if x is None:
            x = torch.stack([self.data(data_seed)[0] for data_seed, _ in pairs])
        stack = SeedStack([self.model(seed) for seed in model_seeds])
        batches, noise = self.feed(x, model_seeds)
        schedule = make_schedule(self.schedule, RATE, len(pairs), updates)
        return Fit(stack, batches, noise, schedule, updates, self.window)

    def plain_loop(self, pair: Pair, updates: int) -> tuple[nn.Module, float]:
        """A plain module trained by torch's own optimiser and schedule; its last learning rate."""
        data_seed, model_seed = pair
        model = self.model(model_seed)
        batches, noise = self.feed(self.data(data_seed)[0][None], [model_seed])
        adam = torch.optim.Adam(model.parameters(), lr=RATE)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(adam, factor=0.25, patience=1)
        losses: list[float] = []
        for iteration in range(updates):
            x, segment = batches.next()
            adam.zero_grad()
            loss = model(x[0], segment[0], noise.next(x.shape[1])[0])
            loss.backward()
            adam.step()
            losses.append(loss.item())
            if iteration % self.window == 0:
                plateau.step(sum(losses) / len(losses))
                losses = []
        return model, adam.param_groups[0]["lr"]


@pytest.fixture(autouse=True)
def _one_thread():
    """With more, MKL may split a product differently for packs of different sizes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=["iflow", "ivae"])
def setup(request) -> Setup:
    return Setup(request.param)


@pytest.fixture
def make_setup():
    """Returns the maker of setups, for tests of one model only."""
    return Setup


@pytest.fixture
def equal_rows():
    """Asserts that seed a of one fit and seed b of another are bit for bit alike."""

    def check(one: Fit, a: int, two: Fit, b: int) -> None:
        first, second = one.state()["seeds"], two.state()["seeds"]
        assert first.keys() == second.keys()
        for name, values in first.items():
            same = torch.equal(values[a].nan_to_num(7.0), second[name][b].nan_to_num(7.0))
            gap = (values[a].double() - second[name][b].double()).abs().max()
            assert same, f"{name} differs by {float(gap):.1e}"

    return check
