"""The types of every configured value: one dataclass a section and name, with limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SCALES = ("smoke", "quick", "reduced", "paper")
PRIORS = ("gauss", "laplace", "hypsecant")
SPREADS = ("standard_deviation", "variance")
NATURAL_PARAMETERS = ("softplus", "xi_only", "sigmoid", "sigmoid5")
PRIOR_MEANS = ("zero", "trainable")
ORDERS = ("fixed", "reshuffle")
LATENTS = ("sample", "mean")


def limited(**limits: object) -> Any:  # noqa: ANN401 - stands for a value of any type
    """A dataclass field without a default and with limits.

    The limits are `choices`, `at_least`, `at_most`, and the open ones `above` and `below`, which
    come with an `example` of a valid value. Defaults live in conf/, never here.
    """
    return field(metadata=limits)


@dataclass
class Sources:
    """Non-stationary sources behind a random mixing network."""

    name: str
    dim: int = limited(at_least=2)
    segments: int = limited(at_least=1)
    points_per_segment: int = limited(at_least=1)
    layers: int = limited(at_least=2)
    prior: str = limited(choices=PRIORS)
    centered: bool = limited()
    noise: float = limited(at_least=0.0)
    spread: str = limited(choices=SPREADS)


@dataclass
class IFlow:
    """A spline flow whose base is a conditional Gaussian."""

    name: str
    flow_length: int = limited(at_least=1)
    bins: int = limited(at_least=2)
    tail_bound: float = limited(above=0.0, example=3.0)
    hidden: int = limited(at_least=1)
    blocks: int = limited(at_least=1)
    dropout: float = limited(at_least=0.0, below=1.0, example=0.25)
    lambda_hidden: list[int] | None = limited(at_least=1)  # noqa: RUF009
    natural_parameters: str = limited(choices=NATURAL_PARAMETERS)
    log_pi: bool = limited()


@dataclass
class IVAE:
    """A variational autoencoder whose prior is conditional."""

    name: str
    hidden: int = limited(at_least=1)
    depth: int = limited(at_least=1)
    slope: float = limited(at_least=0.0, below=1.0, example=0.1)
    decoder_variance: float = limited(above=0.0, example=0.01)
    prior_mean: str = limited(choices=PRIOR_MEANS)


@dataclass
class Adam:
    """Mini-batch training with Adam; `checkpoint_minutes` is not part of a run's identity."""

    optimiser: str = limited(choices=("adam",))
    learning_rate: float = limited(above=0.0, example=0.001)
    batch_size: int = limited(at_least=1)
    epochs: int = limited(at_least=1)
    max_updates: int | None = limited(at_least=1)
    order: str = limited(choices=ORDERS)
    log_every: int = limited(at_least=1)
    checkpoint_minutes: float = limited(at_least=0.0)


@dataclass
class Plateau:
    """Cut the learning rate when a window's mean loss stops improving."""

    name: str
    factor: float = limited(above=0.0, below=1.0, example=0.25)
    patience: int = limited(at_least=0)


@dataclass
class Constant:
    """Leave the learning rate alone."""

    name: str


@dataclass
class Cosine:
    """Bring the learning rate to zero along half a cosine."""

    name: str


@dataclass
class Scoring:
    """When and how latents are scored; `at` in iterations from 0, `primary` one or "end"."""

    at: list[int] = limited(at_least=0)  # noqa: RUF009
    primary: str = limited()
    latent: str = limited(choices=LATENTS)
    importance_samples: int = limited(at_least=1)


@dataclass
class Fidelity:
    """The switches between the papers' text and their released code."""

    natural_parameters: str = limited(choices=NATURAL_PARAMETERS)
    log_pi: bool = limited()
    prior_mean: str = limited(choices=PRIOR_MEANS)
    spread: str = limited(choices=SPREADS)
    latent: str = limited(choices=LATENTS)
    order: str = limited(choices=ORDERS)


@dataclass
class Local:
    """This machine; `gpus` are device numbers, `seeds_per_pack` null means shared evenly."""

    name: str
    workers: int | None = limited(at_least=1)
    gpus: list[int] | None = limited(at_least=0)  # noqa: RUF009
    workers_per_gpu: int = limited(at_least=1)
    seeds_per_pack: int | None = limited(at_least=1)
    retries: int = limited(at_least=0)
    on_error: str = limited(choices=("continue", "stop"))


@dataclass
class Slurm:
    """A Slurm cluster; `gpus_per_task`, `cpus`, `memory_gb` and `minutes` are a task's.

    Below 11 minutes submitit could not tell a task that is preempted from one out of time.
    """

    name: str
    partition: str | None
    gpus_per_task: int = limited(at_least=0)
    cpus: int = limited(at_least=1)
    memory_gb: float = limited(above=0.0, example=16.0)
    minutes: int = limited(at_least=11)
    parallel: int = limited(at_least=1)
    sbatch: list[str] = limited()  # noqa: RUF009
    setup: list[str] = limited()  # noqa: RUF009
    warning_seconds: int = limited(at_least=1)
    requeues: int = limited(at_least=0)
    poll_seconds: float = limited(above=0.0, example=15.0)
    seeds_per_pack: int | None = limited(at_least=1)
    retries: int = limited(at_least=0)
    on_error: str = limited(choices=("continue", "stop"))


@dataclass
class Run:
    """What may change how jobs run but never what they find, and where things are.

    `keep_arrays` is true, false or a list of the data seeds whose arrays are kept.
    """

    scale: str = limited(choices=SCALES)
    device: str = limited(choices=("auto", "cpu", "cuda"))
    threads: int | None = limited(at_least=1)
    keep_arrays: Any = limited()  # noqa: RUF009
    tf32: bool = limited()


@dataclass
class Paths:
    """Folders: `results` holds rows and figures, `data` downloads.

    `locks` null means beside what they protect; `spill` keeps rows that `results` cannot take.
    """

    results: str
    data: str
    locks: str | None
    spill: str


@dataclass
class Experiment:
    """What an experiment file says besides its science."""

    title: str
    artefacts: str
    figures: str | None
    protocol: str
    deviations: list[str]
    seconds_per_update: dict[str, float]  # of a seed on one core, by model
    mib_per_seed: dict[str, float]  # the most memory that a seed of a pack takes, by model


# Section -> the values of its `name` -> its type. A section with one nameless type uses "".
SECTIONS: dict[str, dict[str, type]] = {
    "data": {"sources": Sources},
    "model": {"iflow": IFlow, "ivae": IVAE},
    "training": {"": Adam},
    "training.schedule": {"plateau": Plateau, "constant": Constant, "cosine": Cosine},
    "evaluation": {"": Scoring},
    "fidelity": {"": Fidelity},
    "launcher": {"local": Local, "slurm": Slurm},
    "paths": {"": Paths},
}
SCIENCE = ("data", "model", "training", "evaluation")  # sections of a run's identity
NOT_IDENTITY = {"training": ("checkpoint_minutes",)}
