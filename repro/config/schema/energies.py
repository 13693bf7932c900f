"""Densities that are given by an energy, the flows fitted to them, and maps shown as they are."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.limits import limited
from repro.config.schema.training import Steps

TARGETS = ("u1", "u2", "u3", "u4")
BASES = ("gaussian", "uniform")


@dataclass
class Energies:
    """A two-dimensional density exp(-U) with walls.

    Beyond |z| = `box` in either dimension the energy grows as a Gaussian of standard deviation
    `wall` falls, without which U2, U3 and U4 have no normaliser.
    """

    name: str
    target: str = limited(choices=TARGETS)
    box: float = limited(above=0.0, example=4.0)
    wall: float = limited(above=0.0, example=0.1)


@dataclass
class Shapes:
    """A density to be bent, on a grid of `cells` squared over [-box, box] squared."""

    name: str
    base: str = limited(choices=BASES)
    box: float = limited(above=0.0, example=4.0)
    cells: int = limited(at_least=8)


@dataclass
class Planar:
    """Planar layers after a standard normal.

    `centred` chooses a constraint under which small parameters are near the identity; with `aimed`
    every layer starts along the first axis, on which U1's modes lie.
    """

    name: str
    flow_length: int = limited(at_least=1)
    centred: bool = limited()
    aimed: bool = limited()


@dataclass
class Radial:
    """Radial layers after a standard normal."""

    name: str
    flow_length: int = limited(at_least=1)


@dataclass
class Nice:
    """Additive couplings after a standard normal; networks of `depth` hidden layers."""

    name: str
    flow_length: int = limited(at_least=1)
    mixing: str = limited(choices=("orthogonal", "permutation"))
    scaling: bool = limited()
    hidden: int = limited(at_least=1)
    depth: int = limited(at_least=1)


@dataclass
class FullGaussian:
    """One Gaussian with any covariance."""

    name: str


@dataclass
class DrawnFlow:
    """A flow whose parameters are drawn, to be looked at: planar or radial.

    `strength` is the standard deviation of what all layers together add.
    """

    name: str
    family: str = limited(choices=("planar", "radial"))
    flow_length: int = limited(at_least=1)
    strength: float = limited(above=0.0, example=1.0)


@dataclass
class AnnealedSteps(Steps):
    """Updates whose log-joint is weighed by min(1, start + updates so far / anneal_updates).

    `anneal_updates` 0 means that it always counts in full.
    """

    anneal_start: float = limited(at_least=0.0, at_most=1.0)
    anneal_updates: int = limited(at_least=0)


@dataclass
class Draws:
    """Measured on that many draws, the same in every run of a seed, and pictured on a grid."""

    name: str
    samples: int = limited(at_least=1)
    cells: int = limited(at_least=8)
