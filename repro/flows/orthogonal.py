"""Orthogonal matrices: random, as products of reflections, and as a bijection."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from repro.flows.base import Bijection, check_rows


def random_orthogonal(dim: int) -> Tensor:
    """An orthogonal matrix (D, D) from the uniform (Haar) distribution."""
    q, r = torch.linalg.qr(torch.randn(dim, dim, dtype=torch.float64))
    return (q * r.diagonal().sign()).to(torch.get_default_dtype())


def householder_product(vectors: Tensor) -> Tensor:
    """The product (..., D, D) of the reflections along H vectors (..., H, D), first to last."""
    dim = vectors.shape[-1]
    total = torch.eye(dim, dtype=vectors.dtype, device=vectors.device)
    for v in vectors.unbind(dim=-2):
        squared = (v * v).sum(dim=-1)[..., None, None].clamp_min(torch.finfo(v.dtype).tiny)
        total = total - 2 * (total @ v.unsqueeze(-1)) * v.unsqueeze(-2) / squared
    return total


class Orthogonal(Bijection):
    """A rotation of D features, the product of H reflections; an even H, by default D or D + 1.

    It starts as the identity, each reflection undone by the next.

    Source: Tomczak & Welling 2016 (Householder flow, arXiv 1611.09630).
    """

    def __init__(self, dim: int, reflections: int | None = None) -> None:
        super().__init__()
        count = dim + dim % 2 if reflections is None else reflections
        assert count % 2 == 0, "'reflections' must be even: an odd number of them is no rotation."
        self.vectors = nn.Parameter(torch.randn(count // 2, dim).repeat_interleave(2, dim=0))

    def forward(
        self, x: Tensor, dropout: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Rotate x (B, D); the log-determinant (B,) is 0."""
        check_rows(x, self.vectors.shape[-1])
        return x @ householder_product(self.vectors), torch.zeros_like(x[:, 0])

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rotate y (B, D) back; the log-determinant (B,) is 0."""
        check_rows(y, self.vectors.shape[-1])
        return y @ householder_product(self.vectors).T, torch.zeros_like(y[:, 0])
