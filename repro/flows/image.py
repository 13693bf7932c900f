"""Bijections of images: squeeze, activation normalisation, 1x1 convolution and coupling."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from repro.flows.linear import LULinear
from repro.flows.spline import parameters_per_feature, rational_quadratic

COUPLINGS = ("additive", "affine", "spline")
LARGEST_LOG_SCALE = 2.0  # of an affine map: its raw value passes through a tanh of this height


class ImageBijection(nn.Module):
    """An invertible map of (B, C, H, W) tensors that knows its log-determinant.

    `forward` and `inverse` return the image and log|det| (B,) of their own Jacobian in nats. Both
    take features (B, F, H, W) of what the map is conditioned on, which most maps ignore.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map x (B, C, H, W) to y with log|det dy/dx| (B,) in nats."""
        raise NotImplementedError

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y back to x (B, C, H, W) with log|det dx/dy| (B,) in nats."""
        raise NotImplementedError


class Squeeze(ImageBijection):
    """Turns every 2x2 block of pixels into channels: (B, C, H, W) to (B, 4C, H/2, W/2).

    Source: Dinh, Sohl-Dickstein & Bengio 2017 (RealNVP, arXiv 1605.08803), section 3.6.
    """

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Reorder x; the log-determinant (B,) is 0."""
        return F.pixel_unshuffle(x, 2), torch.zeros_like(x[:, 0, 0, 0])

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Undo the order of y; the log-determinant (B,) is 0."""
        return F.pixel_shuffle(y, 2), torch.zeros_like(y[:, 0, 0, 0])


class ActNorm(ImageBijection):
    """A scale and a shift for each channel, set by `adapt` to normalise a first batch.

    Source: Kingma & Dhariwal 2018 (Glow, arXiv 1807.03039), section 3.1.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def adapt(self, x: Tensor) -> None:
        """Make every channel of the image of x (B, C, H, W) have mean 0 and variance 1."""
        variance, mean = torch.var_mean(x.detach(), dim=(0, 2, 3), correction=0)
        with torch.no_grad():
            self.log_scale.copy_(-0.5 * variance.clamp_min(1e-6).log()[:, None, None])
            self.shift.copy_(-mean[:, None, None] * self.log_scale.exp())

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map x to x exp(log_scale) + shift."""
        return x * self.log_scale.exp() + self.shift, self._log_det(x)

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y to (y - shift) exp(-log_scale)."""
        return (y - self.shift) * (-self.log_scale).exp(), -self._log_det(y)

    def _log_det(self, x: Tensor) -> Tensor:
        pixels = x.shape[-2] * x.shape[-1]
        return (pixels * self.log_scale.sum()).expand(x.shape[0])


class LUConvolution(ImageBijection):
    """A 1x1 convolution: a fixed random order of the channels, then y = L U x + b at each pixel.

    Source: Kingma & Dhariwal 2018 (Glow), section 3.2, its LU form.
    """

    order: Tensor
    back: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        order = torch.randperm(channels)
        self.register_buffer("order", order)
        self.register_buffer("back", torch.argsort(order))
        self.linear = LULinear(channels)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map every pixel of x (B, C, H, W)."""
        rows, log_det = self.linear(_pixel_rows(x)[:, self.order])
        return _from_pixel_rows(rows, x), _per_image(log_det, x)

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Solve for every pixel of x (B, C, H, W)."""
        rows, log_det = self.linear.inverse(_pixel_rows(y))
        return _from_pixel_rows(rows[:, self.back], y), _per_image(log_det, y)


class ConvolutionNetwork(nn.Module):
    """Convolutions 3x3, 1x1, 3x3 with ReLUs: (B, I, H, W) to (B, O, H, W), at first zero.

    Source: Kingma & Dhariwal 2018 (Glow), section 3.3 and appendix B (the last layer starts at 0).
    """

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        last = zero_convolution(hidden, outputs)
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, hidden, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, I, H, W) to (B, O, H, W)."""
        return self.layers(x)


class ImageCoupling(ImageBijection):
    """Half of the channels pass; a small network of them maps the other half, pixel by pixel.

    `kind` is additive (y = x + t), affine (y = x exp(s) + t with |s| < 2) or spline (rational
    quadratic on [-bound, bound] with `bins` bins). With `condition_channels` the network sees the
    condition too.

    Source: Dinh et al. 2017 (RealNVP) section 3.2; Durkan et al. 2019 (NSF) section 3.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        kind: str = "affine",
        *,
        bins: int = 8,
        bound: float = 3.0,
        condition_channels: int = 0,
    ) -> None:
        super().__init__()
        assert kind in COUPLINGS, f"'kind' must be one of {', '.join(COUPLINGS)}."
        assert channels > 1, "'channels' must be at least 2: one half maps the other."
        self.kind, self.bound = kind, bound
        self.passing, self.condition_channels = channels // 2, condition_channels
        values = {"additive": 1, "affine": 2, "spline": parameters_per_feature(bins)}[kind]
        outputs = (channels - self.passing) * values
        self.network = ConvolutionNetwork(self.passing + condition_channels, hidden, outputs)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map the second half of the channels of x (B, C, H, W)."""
        return self._apply_half(x, condition, inverse=False)

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map the second half of the channels of y (B, C, H, W) back, in one pass as well."""
        return self._apply_half(y, condition, inverse=True)

    def _apply_half(
        self, x: Tensor, condition: Tensor | None, *, inverse: bool
    ) -> tuple[Tensor, Tensor]:
        kept, moved = x[:, : self.passing], x[:, self.passing :]
        raw = self.network(_joined(kept, condition, self.condition_channels))
        image, log_slopes = self._map(moved, raw.unflatten(1, (moved.shape[1], -1)), inverse)
        return torch.cat((kept, image), dim=1), log_slopes.sum(dim=(1, 2, 3))

    def _map(self, x: Tensor, raw: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """Image and log-slopes, as x (B, C, H, W), for raw values (B, C, P, H, W)."""
        if self.kind == "spline":
            return rational_quadratic(x, raw.movedim(2, -1), self.bound, inverse=inverse)
        shift = raw[:, :, 0]
        if self.kind == "additive":
            return (x - shift if inverse else x + shift), torch.zeros_like(x)
        log_scale = bounded_log_scale(raw[:, :, 1])
        if inverse:
            return (x - shift) * (-log_scale).exp(), -log_scale
        return x * log_scale.exp() + shift, log_scale


class ConditionalScaling(ImageBijection):
    """Subtracts a mean and divides by a scale that a network gives from the condition alone.

    Before a standard normal base it is a normal prior N(mean, scale^2) of x (B, C, H, W) given
    the condition. It starts as the identity.

    Source: Kingma & Dhariwal 2018 (released Glow): the learnt prior of a split.
    """

    def __init__(self, channels: int, condition_channels: int, hidden: int) -> None:
        super().__init__()
        self.network = ConvolutionNetwork(condition_channels, hidden, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map x to (x - mean) / scale."""
        mean, log_scale = self._moments(condition)
        return (x - mean) * (-log_scale).exp(), -log_scale.sum(dim=(1, 2, 3))

    def inverse(self, y: Tensor, condition: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map y to mean + scale y."""
        mean, log_scale = self._moments(condition)
        return mean + y * log_scale.exp(), log_scale.sum(dim=(1, 2, 3))

    def _moments(self, condition: Tensor | None) -> tuple[Tensor, Tensor]:
        assert condition is not None, "'condition' is what the mean and scale are made from."
        mean, raw = self.network(condition).chunk(2, dim=1)
        return mean, raw.clamp(-5 * LARGEST_LOG_SCALE, LARGEST_LOG_SCALE)


def bounded_log_scale(raw: Tensor) -> Tensor:
    """Squeezes raw values (...) into log-scales within +-2, with slope 1 at 0."""
    return LARGEST_LOG_SCALE * torch.tanh(raw / LARGEST_LOG_SCALE)


def zero_convolution(inputs: int, outputs: int) -> nn.Conv2d:
    """A 3x3 convolution whose output is zero until it is trained."""
    layer = nn.Conv2d(inputs, outputs, 3, padding=1)
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _joined(x: Tensor, condition: Tensor | None, condition_channels: int) -> Tensor:
    """What a coupling's network sees: x, and the condition where it was made for one."""
    if condition_channels == 0:
        return x
    assert condition is not None, "'condition' is needed: the coupling was made for one."
    return torch.cat((x, condition), dim=1)


def _pixel_rows(x: Tensor) -> Tensor:
    """The pixels of x (B, C, H, W) as rows (BHW, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _from_pixel_rows(rows: Tensor, like: Tensor) -> Tensor:
    batch, channels, height, width = like.shape
    return rows.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _per_image(log_det: Tensor, like: Tensor) -> Tensor:
    """Log-determinants of pixels (BHW,) added up to those of images (B,)."""
    return log_det.reshape(like.shape[0], -1).sum(dim=1)
