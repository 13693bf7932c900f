"""Grey images made black and white once and for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

METHODS = ("static", "threshold")
SPLITS = ("train", "test")
CHUNK = 5000  # images whose draws are in memory at a time


def binarise(pixels: NDArray[np.uint8], method: str, seed: int, split: str) -> NDArray[np.uint8]:
    """Pixels (N, C, H, W) of 0 to 255 as 0 and 1, of the same shape.

    "static" makes a pixel white with the probability that its grey stands for, one draw a pixel
    that depends on `seed` and `split` alone, so that train and test sets are the same in every
    run; "threshold" makes it white above half of 255.

    Raises:
        ValueError: for another method or split.

    Source: Salakhutdinov & Murray 2008 (static draws). Theirs are of another generator: same
    distribution, other pixels.
    """
    if method not in METHODS or split not in SPLITS:
        raise ValueError(f"{method!r} of {split!r} is unknown; use {METHODS} and {SPLITS}")
    if method == "threshold":
        return (pixels > 127).astype(np.uint8)
    sequence = np.random.SeedSequence(entropy=seed, spawn_key=(SPLITS.index(split),))
    draws = np.random.RandomState(np.random.MT19937(sequence))  # numpy never changes its numbers
    white = np.empty(pixels.shape, dtype=np.uint8)
    for start in range(0, len(pixels), CHUNK):
        part = pixels[start : start + CHUNK]
        white[start : start + CHUNK] = draws.random_sample(part.shape) * 255 < part
    return white
