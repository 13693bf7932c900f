"""What exact checks are made on: sizes and numbers of random inputs."""

from __future__ import annotations

from dataclasses import dataclass

from repro.config.schema.flows import BOUNDARIES
from repro.config.schema.limits import limited


@dataclass
class Determinants:
    """Closed forms of Jacobian determinants against automatic differentiation."""

    name: str
    dims: list[int] = limited(at_least=2)  # noqa: RUF009
    points: int = limited(at_least=1)
    layers: int = limited(at_least=1)  # random planar layers a direction of w'u


@dataclass
class Circulant:
    """Convolution against its dense matrix, and its time against its length.

    `time_rows` vectors are convolved at once; every time is the median of `repeats`.
    """

    name: str
    sizes: list[int] = limited(at_least=2)  # noqa: RUF009
    rows: int = limited(at_least=1)
    time_sizes: list[int] = limited(at_least=2)  # noqa: RUF009
    dense_sizes: list[int] = limited(at_least=2)  # noqa: RUF009
    time_rows: int = limited(at_least=1)
    repeats: int = limited(at_least=1)
    fit_from: int = limited(at_least=2)  # smallest length of the fitted exponent
    boundary: str = limited(choices=BOUNDARIES, omitted_at="circular")
