"""Linear bijections: permutations, scaling and LU."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.flows.base import Bijection, check_rows
from repro.flows.elementwise import softplus


class Permutation(Bijection):
    """A fixed random order of the D features.

    Source: released iFlow, lib/iFlow.py (`RandomPermutation` before every LU layer).
    """

    order: Tensor
    back: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        order = torch.randperm(dim)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Reorder x (B, D); the log-determinant (B,) is 0."""
        check_rows(x, len(self.order))
        return x[:, self.order], torch.zeros_like(x[:, 0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Undo the order of y (B, D); the log-determinant (B,) is 0."""
        check_rows(y, len(self.order))
        return y[:, self.back], torch.zeros_like(y[:, 0])


class Reverse(Bijection):
    """The features in reverse order.

    Source: Papamakarios et al. 2017 (MAF, arXiv 1705.07057), between its layers.
    """

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Reverse x (B, D); the log-determinant (B,) is 0."""
        return x.flip(-1), torch.zeros_like(x[:, 0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reverse y (B, D) back; the log-determinant (B,) is 0."""
        return y.flip(-1), torch.zeros_like(y[:, 0])


class DiagonalScaling(Bijection):
    """A positive scale for each of D features, 1 to begin with.

    Source: Dinh et al. 2014 (NICE, arXiv 1410.8516), section 3.3.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.log_scales = nn.Parameter(torch.zeros(dim))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Scale x (B, D); the log-determinant (B,) is the sum of the log-scales, sign included."""
        check_rows(x, len(self.log_scales))
        return x * self.log_scales.exp(), self.log_scales.sum().expand(x.shape[0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scale y (B, D) back."""
        check_rows(y, len(self.log_scales))
        return y * (-self.log_scales).exp(), -self.log_scales.sum().expand(y.shape[0])


class LULinear(Bijection):
    """An affine map y = L U x + b with a unit lower and a positive-diagonal upper triangle.

    It has D(D + 1) parameters and starts as the identity.

    Source: Oliva et al. 2018 / Durkan et al. 2019 section 4.1; diagonal = softplus + 1e-3 as in
    the released bayesiains/nsf transforms/lu.py.
    """

    positions: Tensor
    minimum_diagonal = 1e-3

    def __init__(self, dim: int) -> None:
        super().__init__()
        off_diagonal = dim * (dim - 1) // 2
        self.lower = nn.Parameter(torch.zeros(off_diagonal))
        self.upper = nn.Parameter(torch.zeros(off_diagonal))
        start = math.log(math.expm1(1 - self.minimum_diagonal))
        self.raw_diagonal = nn.Parameter(torch.full((dim,), start))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("positions", _triangle_positions(dim), persistent=False)

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Map x (B, D) to L U x + b; the log-determinant (B,) is the same in every row."""
        check_rows(x, len(self.bias))
        lower, upper, log_det = self._factors()
        return F.linear(x, lower @ upper, self.bias), log_det.expand(x.shape[0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Solve L U x = y - b for x (B, D)."""
        check_rows(y, len(self.bias))
        lower, upper, log_det = self._factors()
        shifted = (y - self.bias).T
        half = torch.linalg.solve_triangular(lower, shifted, upper=False, unitriangular=True)
        x = torch.linalg.solve_triangular(upper, half, upper=True).T
        return x, -log_det.expand(y.shape[0])

    def _factors(self) -> tuple[Tensor, Tensor, Tensor]:
        diagonal = softplus(self.raw_diagonal) + self.minimum_diagonal
        constants = torch.arange(2, dtype=diagonal.dtype, device=diagonal.device)
        entries = torch.cat((self.lower, self.upper, diagonal, constants))
        lower, upper = entries[self.positions].unbind(dim=0)
        return lower, upper, diagonal.log().sum()


def _triangle_positions(dim: int) -> Tensor:
    """Where each entry of L and U (2, D, D) stands in (lower, upper, diagonal, 0, 1)."""
    off_diagonal = dim * (dim - 1) // 2
    zero = 2 * off_diagonal + dim
    positions = torch.full((2, dim, dim), zero)
    low, up = torch.tril_indices(dim, dim, -1), torch.triu_indices(dim, dim, 1)
    positions[0, low[0], low[1]] = torch.arange(off_diagonal)
    positions[1, up[0], up[1]] = torch.arange(off_diagonal) + off_diagonal
    diagonal = torch.arange(dim)
    positions[0, diagonal, diagonal] = zero + 1
    positions[1, diagonal, diagonal] = diagonal + 2 * off_diagonal
    return positions
