"""Coupling bijections: some features pass, and give the map of the others its parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from repro.flows.affine import bounded, scale_and_shift
from repro.flows.base import Bijection, check_rows
from repro.flows.conditioners import Conditioner
from repro.flows.spline import ElementwiseSpline, parameters_per_feature, rational_quadratic

MakeConditioner = Callable[[int, int], Conditioner]  # from numbers of inputs and outputs


@dataclass(frozen=True)
class Split:
    """Which of D >= 2 features pass: the first half or, if `alternate`, every other one.

    With D odd the first half is the smaller one. `swapped` lets the other features pass.
    """

    dim: int
    alternate: bool = False
    swapped: bool = False

    @property
    def passed(self) -> int:
        """Number of features that pass."""
        first = (self.dim + 1) // 2 if self.alternate else self.dim // 2
        return self.dim - first if self.swapped else first

    @property
    def moved(self) -> int:
        """Number of features that are transformed."""
        return self.dim - self.passed

    def apart(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The features of x (B, D) that pass, and those that move."""
        check_rows(x, self.dim)
        half = self.dim // 2
        one, two = (x[:, ::2], x[:, 1::2]) if self.alternate else (x[:, :half], x[:, half:])
        return (two, one) if self.swapped else (one, two)

    def together(self, passed: Tensor, moved: Tensor) -> Tensor:
        """The features (B, D) in their places."""
        one, two = (moved, passed) if self.swapped else (passed, moved)
        if not self.alternate:
            return torch.cat((one, two), dim=-1)
        padded = F.pad(two, (0, self.dim % 2))
        return torch.stack((one, padded), dim=-1).flatten(-2)[:, : self.dim]


class Coupling(Bijection):
    """A bijection that moves some features by parameters that the passed ones give.

    The conditioner gives `outputs` values. `unconditional`, if there is one, is a bijection of
    the passed features by themselves, after the conditioner has seen them.
    """

    def __init__(
        self,
        split: Split,
        make: MakeConditioner,
        outputs: int,
        unconditional: Bijection | None = None,
    ) -> None:
        super().__init__()
        assert split.dim > 1, "'dim' must be 2 or more: one feature passes and one moves."
        self.split = split
        self.conditioner = make(split.passed, outputs)
        self.unconditional = unconditional

    def dropout_shape(self, batch: int) -> tuple[int, ...] | None:
        """Shape of the conditioner's keep masks."""
        return self.conditioner.dropout_shape(batch)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to y (B, D) with log|det| (B,)."""
        passed, moved = self.split.apart(x)
        raw = self.conditioner(passed, dropout, context)
        moved, log_det = self._transform(moved, raw, inverse=False)
        if self.unconditional is not None:
            passed, more = self.unconditional(passed)
            log_det = log_det + more
        return self.split.together(passed, moved), log_det

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y (B, D) to x (B, D) with log|det| (B,), in one pass too."""
        passed, moved = self.split.apart(y)
        more = None
        if self.unconditional is not None:
            passed, more = self.unconditional.inverse(passed)
        raw = self.conditioner(passed, None, context)
        moved, log_det = self._transform(moved, raw, inverse=True)
        return self.split.together(passed, moved), log_det if more is None else log_det + more

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        """Image (B, n) and log|det| (B,) of the moved features x (B, n) for raw (B, O)."""
        raise NotImplementedError


class AffineCoupling(Coupling):
    """Scales and shifts the moved features, with log-scales in [-bound, bound].

    Source: Dinh et al. 2017 (RealNVP, arXiv 1605.08803), equations 7 and 8; the scale's bound is
    FrEIA's, whose GLOW block is two of these.
    """

    def __init__(self, split: Split, make: MakeConditioner, bound: float = 2.0) -> None:
        super().__init__(split, make, 2 * split.moved)
        self.bound = bound

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        log_scale, shift = raw.chunk(2, dim=-1)
        return scale_and_shift(x, bounded(log_scale, self.bound), shift, inverse=inverse)


class VolumePreservingCoupling(Coupling):
    """An affine coupling whose log-scales add up to 0, so that volumes stay (GIN).

    Their mean is taken off; with one moved feature there is nothing to scale.

    Source: Sorrenson et al. 2020 (GIN, arXiv 2001.04872), section 3.2, where the last log-scale
    balances the others; released VLL-HD/FrEIA (`GINCouplingBlock`) takes the mean off.
    """

    def __init__(self, split: Split, make: MakeConditioner, bound: float = 2.0) -> None:
        super().__init__(split, make, 2 * split.moved)
        self.bound = bound

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        log_scale, shift = raw.chunk(2, dim=-1)
        log_scale = bounded(log_scale, self.bound)
        log_scale = log_scale - log_scale.mean(dim=-1, keepdim=True)
        moved, _ = scale_and_shift(x, log_scale, shift, inverse=inverse)
        return moved, torch.zeros_like(x[:, 0])


class SplineCoupling(Coupling):
    """A rational-quadratic spline for each moved feature, the identity outside [-bound, bound].

    `unconditional` gives the passed features splines of their own, which see no other feature.

    Source: Durkan et al. 2019 (RQ-NSF (C), arXiv 1906.04032); raw widths and heights are divided
    by sqrt(hidden), as in the released bayesiains/nsf transforms/coupling.py.
    """

    def __init__(
        self,
        split: Split,
        make: MakeConditioner,
        bins: int,
        bound: float,
        *,
        unconditional: bool = False,
    ) -> None:
        own = ElementwiseSpline(split.passed, bins, bound) if unconditional else None
        super().__init__(split, make, split.moved * parameters_per_feature(bins), own)
        self.bins, self.bound = bins, bound

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        raw = raw.unflatten(-1, (x.shape[-1], -1))
        sizes, slopes = raw.split((2 * self.bins, self.bins - 1), dim=-1)
        raw = torch.cat((sizes / math.sqrt(self.conditioner.hidden), slopes), dim=-1)
        y, log_slopes = rational_quadratic(x, raw, self.bound, inverse=inverse)
        return y, log_slopes.sum(dim=-1)
