"""Convolution as a bijection: after a transform it is elementwise."""

from __future__ import annotations

import torch
from torch import Tensor

from repro.flows.affine import bounded
from repro.flows.boundaries import CIRCULAR, Boundary
from repro.flows.coupling import Coupling, MakeConditioner, Split
from repro.flows.elementwise import softplus
from repro.flows.parametric import Family, by_layer

SMALLEST_GATE = 1e-3


def convolve(x: Tensor, kernel: Tensor, boundary: Boundary = CIRCULAR) -> Tensor:
    """Convolutions (..., N) of x (..., N) by real kernels (..., N), in O(N log N)."""
    return boundary.multiply(x, boundary.factors(kernel))


def deconvolve(y: Tensor, kernel: Tensor, boundary: Boundary = CIRCULAR) -> Tensor:
    """The x (..., N) whose convolution by a kernel (..., N) is y (..., N)."""
    spectrum = boundary.analyse(y) / boundary.factors(kernel)
    return boundary.synthesise(spectrum, y.shape[-1])


def log_abs_det(kernel: Tensor, boundary: Boundary = CIRCULAR) -> Tensor:
    """Log|det| (...) in nats of the convolution by real kernels (..., N), in O(N log N).

    Source: Karami et al. 2019 (invertible convolutional flow), abstract.
    """
    return boundary.log_abs_det(kernel)


def kernel(values: Tensor, boundary: Boundary = CIRCULAR) -> Tensor:
    """Real kernels (..., N) whose factors are the exponential of a unitary spectrum of `values`.

    So no factor vanishes and the convolution is invertible, whatever the values (..., N): its
    inverse is that of -values. Values of 0 give the identity.
    """
    return boundary.kernel(boundary.exponents(values).exp(), values.shape[-1])


class Convolution(Family):
    """K layers g(w * x + b) of D features, 2D or 3D values each: for w, b and the gate g.

    * is convolution with this boundary and w the `kernel` of its values. The gate of a feature is
    sign(x) log(1 + a|x|) / a with a > 0, without which the stack would be affine; `gated` says
    whether there is one.

    Source: Karami et al. 2019 (invertible convolutional flow), abstract; the gate (S-Log) has its
    form from memory of the paper.
    """

    def __init__(
        self, dim: int, length: int, *, gated: bool = True, boundary: Boundary = CIRCULAR
    ) -> None:
        super().__init__()
        self.dim, self.length, self.gated, self.boundary = dim, length, gated, boundary
        self.sizes = (dim, dim, dim) if gated else (dim, dim)
        self.parameter_count = length * sum(self.sizes)

    def initial(self) -> Tensor:
        """Kernels about .01 from the identity, no shift, and gates with a of about .01."""
        parts = [1e-2 * torch.randn(self.length, self.dim), torch.zeros(self.length, self.dim)]
        if self.gated:
            parts.append(torch.full((self.length, self.dim), -5.0))
        return torch.cat(parts, dim=-1).flatten()

    def forward(self, x: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map x (B, D) through every layer, given values (P,) or (B, P)."""
        exponents, shift, *gates = by_layer(values, self.length, self.sizes)
        factors = self.boundary.exponents(exponents).exp()
        log_det = self.boundary.log_det_of(exponents).sum(dim=0).expand(len(x))
        for k in range(self.length):
            x = self.boundary.multiply(x, factors[k]) + shift[k]
            if gates:
                x, more = gate(x, _steepness(gates[0][k]))
                log_det = log_det + more
        return x, log_det

    def inverse(self, y: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Map y (B, D) back through every layer, in closed form."""
        exponents, shift, *gates = by_layer(values, self.length, self.sizes)
        factors = self.boundary.exponents(-exponents).exp()
        log_det = -self.boundary.log_det_of(exponents).sum(dim=0).expand(len(y))
        for k in reversed(range(self.length)):
            if gates:
                y, more = gate(y, _steepness(gates[0][k]), inverse=True)
                log_det = log_det + more
            y = self.boundary.multiply(y - shift[k], factors[k])
        return y, log_det


class ConvolutionalCoupling(Coupling):
    """Convolves the moved features by a kernel that the passed ones give, and shifts them.

    It takes as many values as an affine coupling does. The kernel's values lie in
    [-bound, bound].

    Source: Karami et al. 2019 (invertible convolutional flow), abstract (data-adaptive
    convolution).
    """

    def __init__(
        self,
        split: Split,
        make: MakeConditioner,
        bound: float = 2.0,
        boundary: Boundary = CIRCULAR,
    ) -> None:
        super().__init__(split, make, 2 * split.moved)
        self.bound, self.boundary = bound, boundary

    def _transform(self, x: Tensor, raw: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        exponents, shift = raw.chunk(2, dim=-1)
        exponents = bounded(exponents, self.bound)
        log_det = self.boundary.log_det_of(exponents)
        if inverse:
            w = kernel(-exponents, self.boundary)
            return convolve(x - shift, w, self.boundary), -log_det
        w = kernel(exponents, self.boundary)
        return convolve(x, w, self.boundary) + shift, log_det


def gate(x: Tensor, a: Tensor, *, inverse: bool = False) -> tuple[Tensor, Tensor]:
    """The S-Log gate sign(x) log(1 + a|x|) / a of x (B, D), or its inverse, with log|det| (B,).

    `inverse` grows as fast as exp(a|x|).
    """
    size = a * torch.where(x >= 0, x.clamp_min(0), (-x).clamp_min(0))  # |x|, of slope 1 at 0
    image = torch.expm1(size) if inverse else torch.log1p(size)
    log_slope = size if inverse else -torch.log1p(size)
    return torch.where(x >= 0, image, -image) / a, log_slope.sum(dim=-1)


def _steepness(raw: Tensor) -> Tensor:
    return softplus(raw) + SMALLEST_GATE
