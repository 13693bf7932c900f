"""Points that no model is trained on: a share of each segment, or fresh ones from the truth."""

from __future__ import annotations

import dataclasses

import numpy as np

from repro.data.mixing import Singles, mix
from repro.data.sources import Sources
from repro.errors import DataError


def held_out_count(points_per_segment: int, share: float) -> int:
    """How many of a segment's points a share of them is, rounded to the nearest."""
    return round(points_per_segment * share)


def split(sources: Sources, share: float) -> tuple[Sources, Sources | None]:
    """The first points of each segment to train on, and the last `share` of them held out.

    Points of a segment are independent, so which of them are held out does not matter. Without a
    share the second is None.

    Raises:
        DataError: if the share leaves a segment without points on either side.
    """
    if share == 0:
        return sources, None
    count = len(sources.segment) // len(sources.m)
    held = held_out_count(count, share)
    if not 0 < held < count:
        raise DataError(
            f"data.held_out={share} of {count} points a segment leaves {count - held} to train on "
            f"and {held} held out; use a share between {1 / count:g} and {1 - 1 / count:g}"
        )
    place = np.arange(len(sources.segment)) % count  # points are ordered by segment
    return _chosen(sources, place < count - held), _chosen(sources, place >= count - held)


def first_of_each_segment(sources: Sources, points: int | None) -> Sources:
    """The first `points` points of every segment; all of them for None."""
    if points is None:
        return sources
    count = len(sources.segment) // len(sources.m)
    return _chosen(sources, np.arange(len(sources.segment)) % count < points)


def fresh(sources: Sources, points: int, seed: int) -> Singles:
    """New noise-free observations (M x points, D) of the same Gaussian segments, in order."""
    random = np.random.default_rng(seed)
    normals = random.standard_normal((len(sources.m), points, sources.m.shape[1]))
    s = sources.m[:, None] + sources.L[:, None] * normals
    return mix(s.reshape(-1, s.shape[-1]).astype(np.float32), sources.mixing)


def _chosen(sources: Sources, rows: np.ndarray) -> Sources:
    return dataclasses.replace(
        sources, s=sources.s[rows], x=sources.x[rows], segment=sources.segment[rows]
    )
