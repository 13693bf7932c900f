"""How models are trained: optimisers, batches, updates and the learning rate's course."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.identifiable import ORDERS
from repro.config.schema.limits import limited

OPTIMISERS = ("adam", "adamax", "rmsprop", "adamw")


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
    perturbation: float = limited(at_least=0.0, omitted_at=0.0)


@dataclass
class Steps:
    """A number of updates with any of the optimisers.

    `momentum` is RMSprop's and `weight_decay` AdamW's. `clip_norm` bounds the norm of a seed's
    gradient (null: no bound), `zero_grad` false lets the gradients of all updates pile up, and
    `checkpoint_minutes` is not part of a run's identity.
    """

    name: str
    optimiser: str = limited(choices=OPTIMISERS)
    learning_rate: float = limited(above=0.0, example=0.001)
    momentum: float = limited(at_least=0.0, below=1.0, example=0.9)
    weight_decay: float = limited(at_least=0.0)
    clip_norm: float | None = limited(above=0.0, example=5.0)
    zero_grad: bool = limited()
    batch_size: int = limited(at_least=1)
    updates: int = limited(at_least=1)
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
class Milestones:
    """Multiply the learning rate by `factor` once each number of updates in `at` is made."""

    name: str
    at: list[int] = limited(at_least=1)  # noqa: RUF009
    factor: float = limited(above=0.0, below=1.0, example=0.1)
