"""Numbers too small to be normal, which CPUs compute with some fifty times more slowly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for zero while the block runs, in this thread.

    Adam's averages of gradients that are nearly always zero, as those of a black pixel's weights,
    decay into such numbers. A task that is to find the same bit for bit must always do so.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
