"""The elementwise spline equals zuko's at equal widths, heights and slopes.

zuko squashes its raw values and has no smallest bin, so its raw values are solved for from ours.
"""

import math

import pytest
import torch
from torch.nn import functional as F
from zuko.transforms import MonotonicRQSTransform

from repro.flows.spline import (
    MINIMUM_BIN,
    MINIMUM_SLOPE,
    parameters_per_feature,
    rational_quadratic,
)

BINS = 8
ZUKO_SLOPE = 1e-6  # the squashing's constant; smaller than any slope or share below
LIMIT = -math.log(ZUKO_SLOPE)


def unsquashed(values, limit):
    """What zuko maps to `values` by v / (1 + |v / limit|)."""
    assert (values.abs() < limit).all()
    return values / (1 - (values / limit).abs())


def their_spline(raw, bound):
    def shares(part):
        logs = (MINIMUM_BIN + (1 - BINS * MINIMUM_BIN) * part.softmax(dim=-1)).log()
        middle = (logs.max(dim=-1, keepdim=True)[0] + logs.min(dim=-1, keepdim=True)[0]) / 2
        return unsquashed(logs - middle, LIMIT / 2)

    slopes = (MINIMUM_SLOPE + F.softplus(raw[..., 2 * BINS :])).log()
    return MonotonicRQSTransform(
        shares(raw[..., :BINS]),
        shares(raw[..., BINS : 2 * BINS]),
        unsquashed(slopes, LIMIT),
        bound=bound,
        slope=ZUKO_SLOPE,
    )


@pytest.mark.parametrize("bound", [1.0, 3.0])
@pytest.mark.parametrize("spread", [0.3, 2.0])
def test_values_slopes_and_inverse(bound, spread):
    source = torch.Generator().manual_seed(0)
    raw = spread * torch.randn(500, parameters_per_feature(BINS), generator=source)
    x = 1.2 * bound * (2 * torch.rand(500, generator=source) - 1)
    theirs = their_spline(raw, bound)
    y, log_slope = theirs.call_and_ladj(x)
    torch.testing.assert_close(rational_quadratic(x, raw, bound), (y, log_slope))
    back, log_slope_back = rational_quadratic(x, raw, bound, inverse=True)
    torch.testing.assert_close(back, theirs.inv(x), rtol=1e-7, atol=1e-8)
    torch.testing.assert_close(-log_slope_back, theirs.call_and_ladj(back)[1])
