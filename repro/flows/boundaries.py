"""What makes a convolution elementwise: a transform for each way to go on past the ends of x."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.fft import irfft, rfft


class Boundary(ABC):
    """How x (..., N) goes on past its ends, and the transform that diagonalises convolutions.

    Source: Karami et al. 2019 (invertible convolutional flow), abstract: circular and symmetric.
    """

    def multiply(self, x: Tensor, factors: Tensor) -> Tensor:
        """The y (..., N) whose spectrum is that of x (..., N), each entry times its factor."""
        return self.synthesise(self.analyse(x) * factors, x.shape[-1])

    @abstractmethod
    def analyse(self, x: Tensor) -> Tensor:
        """The spectrum of x (..., N)."""

    @abstractmethod
    def synthesise(self, spectrum: Tensor, size: int) -> Tensor:
        """The x (..., N) of this spectrum and size N."""

    @abstractmethod
    def factors(self, kernel: Tensor) -> Tensor:
        """What a convolution by real kernels (..., N) multiplies each entry of a spectrum by."""

    @abstractmethod
    def kernel(self, factors: Tensor, size: int) -> Tensor:
        """The real kernels (..., N) of these factors and size N."""

    @abstractmethod
    def exponents(self, values: Tensor) -> Tensor:
        """A unitary spectrum of values (..., N), whose exponential are factors of a kernel."""

    @abstractmethod
    def log_abs_det(self, kernel: Tensor) -> Tensor:
        """Log|det| (...) in nats of the convolution by real kernels (..., N)."""

    @abstractmethod
    def log_det_of(self, values: Tensor) -> Tensor:
        """Log|det| (...) in nats of the kernel whose factors are exp(`exponents` of values)."""


class Circular(Boundary):
    """x goes round: after its last entry comes its first. The transform is Fourier's.

    The spectrum of a real x is conjugate-symmetric and given by its first half.
    """

    def analyse(self, x: Tensor) -> Tensor:
        """Half the Fourier transform (..., N // 2 + 1) of x (..., N)."""
        return rfft(x)

    def synthesise(self, spectrum: Tensor, size: int) -> Tensor:
        """The x (..., N) of half a spectrum (..., N // 2 + 1)."""
        return irfft(spectrum, n=size)

    def factors(self, kernel: Tensor) -> Tensor:
        """Half the Fourier transform (..., N // 2 + 1) of kernels (..., N)."""
        return rfft(kernel)

    def kernel(self, factors: Tensor, size: int) -> Tensor:
        """The kernels (..., N) of factors (..., N // 2 + 1)."""
        return irfft(factors, n=size)

    def exponents(self, values: Tensor) -> Tensor:
        """Half the unitary Fourier transform (..., N // 2 + 1) of values (..., N)."""
        return rfft(values, norm="ortho")

    def log_abs_det(self, kernel: Tensor) -> Tensor:
        """Log|det| (...) of kernels (..., N).

        Every frequency counts twice but the first and, for even N, the last.
        """
        size = kernel.shape[-1]
        logs = rfft(kernel).abs().log()
        twice = logs[..., 1 : (size + 1) // 2]
        return logs.sum(dim=-1) + twice.sum(dim=-1)

    def log_det_of(self, values: Tensor) -> Tensor:
        """Log|det| (...): the sum of all exponents, which only the first value moves."""
        return math.sqrt(values.shape[-1]) * values[..., 0]


class Symmetric(Boundary):
    """x is mirrored at both ends, the ends included (d c b a | a b c d | d c b a).

    Kernels are symmetric, too, and given by their entries from the middle outwards. The transform
    is the cosine transform of the second kind, here as Fourier's of x and its mirror image: the
    two differ by a turn of each entry, which no product minds.
    """

    def analyse(self, x: Tensor) -> Tensor:
        """The Fourier transform (..., N) of x (..., N) and its image, less an entry of 0."""
        return rfft(torch.cat((x, x.flip(-1)), dim=-1))[..., : x.shape[-1]]

    def synthesise(self, spectrum: Tensor, size: int) -> Tensor:
        """The x (..., N) of a spectrum (..., N)."""
        return irfft(spectrum, n=2 * size)[..., :size]

    def factors(self, kernel: Tensor) -> Tensor:
        """w0 + 2 sum of w_j cos(pi j k / N) (..., N) of kernels w (..., N)."""
        gap = torch.zeros_like(kernel[..., :1])
        whole = torch.cat((kernel, gap, kernel[..., 1:].flip(-1)), dim=-1)
        return rfft(whole).real[..., : kernel.shape[-1]]

    def kernel(self, factors: Tensor, size: int) -> Tensor:
        """The kernels (..., N) of factors (..., N).

        The factor that mirrored signals lack is the one that makes the outermost entry 0.
        """
        signs = 1 - 2 * (torch.arange(size, device=factors.device) % 2)
        alternating = 2 * (signs * factors).sum(dim=-1, keepdim=True) - factors[..., :1]
        last = alternating if size % 2 else -alternating
        return irfft(torch.cat((factors, last), dim=-1), n=2 * size)[..., :size]

    def exponents(self, values: Tensor) -> Tensor:
        """The orthonormal cosine transform (..., N) of values (..., N)."""
        return (self.analyse(values) * _turns(values)).real

    def log_abs_det(self, kernel: Tensor) -> Tensor:
        """Log|det| (...) of kernels (..., N)."""
        return self.factors(kernel).abs().log().sum(dim=-1)

    def log_det_of(self, values: Tensor) -> Tensor:
        """Log|det| (...): the sum of all exponents."""
        return self.exponents(values).sum(dim=-1)


CIRCULAR, SYMMETRIC = Circular(), Symmetric()
BOUNDARIES: dict[str, Boundary] = {"circular": CIRCULAR, "symmetric": SYMMETRIC}


def _turns(x: Tensor) -> Tensor:
    """What makes the transform of x and its image the orthonormal cosine transform (N,).

    The two have their centre half an entry before the first, so that entry k has turned by k / 4N.
    """
    size = x.shape[-1]
    order = torch.arange(size, dtype=x.dtype, device=x.device)
    lengths = torch.where(order == 0, 0.25 / size, 0.5 / size).to(x.dtype).sqrt()
    return torch.polar(lengths, -order * math.pi / (2 * size))
