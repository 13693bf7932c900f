"""Data sets whose density is learnt, flows with a latent variable, and how they are scored."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.limits import limited

FLOWS = ("affine_coupling", "spline_coupling", "spline_autoregressive")
LATENT_KINDS = ("none", "discrete", "continuous")
ESTIMATORS = ("straight_through", "summed", "marginal")
CURVES = ("moons", "circles", "swiss_roll", "pinwheel")
TABULAR = (
    "power", "gas", "hepmass", "miniboone", "bsds300", "power_half_year", "miniboone_held_out",
    "breast_cancer",
)  # fmt: skip


@dataclass
class TwoModes:
    """An even mixture of two normals at -distance and distance, on the line."""

    name: str
    distance: float = limited(above=0.0, example=1.0)
    sigma: float = limited(above=0.0, example=0.5)
    points: int = limited(at_least=10)


@dataclass
class Curve:
    """Points of a curve in the plane with normal noise."""

    name: str
    noise: float = limited(above=0.0, example=0.01)
    points: int = limited(at_least=10)


@dataclass
class Gaussians:
    """An even mixture of normals on a circle of radius 2."""

    name: str
    modes: int = limited(at_least=1)
    noise: float = limited(above=0.0, example=0.1)
    points: int = limited(at_least=10)


@dataclass
class Tabular:
    """A tabular data set; `train_rows` draws as many of its training rows (null: all).

    `source` is the data set of conf/datasets.yaml, or the library, that its files come from.
    """

    name: str
    source: str = limited(registered=True)
    train_rows: int | None = limited(at_least=10)


@dataclass
class Patches:
    """Freshly drawn 8x8 patches of the BSDS300 photographs, so many to train, validate, test."""

    name: str
    source: str = limited(registered=True)
    train_rows: int = limited(at_least=10)
    val_rows: int = limited(at_least=10)
    test_rows: int = limited(at_least=10)


@dataclass
class StandardNormal:
    """Standard normal rows, for what needs rows but no data."""

    name: str
    dim: int = limited(at_least=1)


@dataclass
class VariationalFlow:
    """A flow, alone or given a latent variable.

    `slope_limit` bounds the slope of the generating map (one dimension only; null: no bound),
    `match` gives the model the hidden width at which it has the parameters of the same model with
    that latent, `states` are those of a discrete latent and `importance_samples` those of a
    continuous one's likelihood.
    """

    name: str
    flow: str = limited(choices=FLOWS)
    permute_affine: bool = limited(omitted_at=False)
    length: int = limited(at_least=1)
    hidden: int = limited(at_least=1)
    blocks: int = limited(at_least=1)
    bins: int = limited(at_least=2)
    tail_bound: float = limited(above=0.0, example=3.0)
    dropout: float = limited(at_least=0.0, below=1.0, example=0.2)
    slope_limit: float | None = limited(above=0.0, example=10.0)
    latent: str = limited(choices=LATENT_KINDS)
    states: int = limited(at_least=1)
    estimator: str = limited(choices=ESTIMATORS)
    importance_samples: int = limited(at_least=1)
    posterior_hidden: int = limited(at_least=1)
    posterior_layers: int = limited(at_least=1)
    match: str = limited(choices=LATENT_KINDS)


@dataclass
class DensityScoring:
    """How a density is validated and tested.

    Each `every` updates the state that is best on the validation set is kept. `rows` limits
    validation and test to their first rows (null: all), `dropout` leaves it on in both; `samples`
    are drawn from the trained model and `grid` is the side of the grid on which its log-density is
    stored (0: neither).
    """

    name: str
    every: int = limited(at_least=1)
    rows: int | None = limited(at_least=1)
    dropout: bool = limited()
    samples: int = limited(at_least=0)
    grid: int = limited(at_least=0)


@dataclass
class Timing:
    """How long a pass takes: the median of `repeats` passes over `rows` rows."""

    name: str
    rows: int = limited(at_least=1)
    repeats: int = limited(at_least=1)


DENSITY_DATA: dict[str, type] = {
    "two_modes": TwoModes,
    "gaussians": Gaussians,
    "standard_normal": StandardNormal,
    "bsds300_patches": Patches,
    **dict.fromkeys(CURVES, Curve),
    **dict.fromkeys(TABULAR, Tabular),
}
