"""The task `circulant`: convolution against its dense matrix, and its time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.untrained import seed_by_seed
from repro.flows.boundaries import BOUNDARIES, CIRCULAR, Boundary
from repro.flows.convolution import convolve, deconvolve, kernel, log_abs_det
from repro.jobs import Context, Outcome, SeedPair
from repro.randomness import generator

Work = Callable[[Tensor, Tensor, Boundary], None]  # on vectors (B, N) and a kernel (N,)


def run(config: dict[str, Any], seeds: tuple[SeedPair, ...], context: Context) -> list[Outcome]:
    """Check and time the kernels of each seed; one outcome a seed.

    Raises:
        Interrupted: when asked to stop.
    """
    evaluation = config["evaluation"]
    return seed_by_seed(
        seeds, context, lambda pair: Outcome(pair, "done", _metrics(evaluation, pair))
    )


def _metrics(evaluation: Mapping[str, Any], pair: SeedPair) -> dict[str, Any]:
    source, boundary = generator(pair.data_seed, "data"), BOUNDARIES[evaluation["boundary"]]
    checked = [
        _compare(size, evaluation["rows"], boundary, source) for size in evaluation["sizes"]
    ]
    errors = {key: [one[key] for one in checked] for key in checked[0]}
    sizes, rows, repeats = (evaluation[key] for key in ("time_sizes", "time_rows", "repeats"))

    def times(work: Work, lengths: list[int]) -> list[float]:
        return [_seconds(work, size, rows, repeats, boundary, source) for size in lengths]

    fast, slow = times(_fast, sizes), times(_dense, evaluation["dense_sizes"])
    return {
        "largest_error": max(max(values) for key, values in errors.items() if key != "condition"),
        **{f"largest_{key}": max(values) for key, values in errors.items()},
        "by_size": errors,
        "exponent": _exponent(sizes, fast, evaluation["fit_from"]),
        "time": {"fast_seconds": fast, "dense_seconds": slow, "threads": 1},
    }


def _compare(
    size: int, rows: int, boundary: Boundary, source: torch.Generator
) -> dict[str, float]:
    """Largest errors of one random kernel against its dense matrix.

    The kernel is the layer's own, and so is the general one of normal numbers for the
    log-determinant and its gradient, which no parameterisation keeps away from 0.
    """
    x = _normal(source, rows, size)
    w = kernel(_normal(source, size) / 2, boundary)
    general = _normal(source, size).requires_grad_()
    matrix, other = dense_matrix(w, boundary), dense_matrix(general.detach(), boundary)
    y = convolve(x, w, boundary)
    back = deconvolve(y, w, boundary)
    of_general = log_abs_det(general, boundary)
    (gradient,) = torch.autograd.grad(of_general, general)
    return {
        "convolution_error": _largest(y - x @ matrix.T),
        "inverse_error": _largest(back - torch.linalg.solve(matrix, y.T).T),
        "round_trip_error": _largest(back - x),
        "log_det_error": _largest(
            log_abs_det(w, boundary) - torch.linalg.slogdet(matrix).logabsdet
        ),
        "general_log_det_error": _largest(
            of_general.detach() - torch.linalg.slogdet(other).logabsdet
        ),
        "gradient_error": _largest(gradient - _dense_gradient(other, boundary)),
        "condition": float(torch.linalg.cond(other)),
    }


def dense_matrix(w: Tensor, boundary: Boundary = CIRCULAR) -> Tensor:
    """The matrix (N, N) whose product with x is the convolution of x by w (N,), entry by entry."""
    padded = torch.cat((w, w.new_zeros(1)))
    return torch.stack([padded[found] for found in _entries(len(w), boundary)]).sum(dim=0)


def _dense_gradient(matrix: Tensor, boundary: Boundary) -> Tensor:
    """Gradient (N,) of log|det| by the kernel: the inverse, summed over each entry's places."""
    size, inverse = len(matrix), torch.linalg.inv(matrix).T.flatten()
    sums = [
        torch.bincount(found.flatten(), weights=inverse, minlength=size + 1)
        for found in _entries(size, boundary)
    ]
    return torch.stack(sums).sum(dim=0)[:size]


def _entries(size: int, boundary: Boundary) -> list[Tensor]:
    """Which entries of a kernel of N a place of the matrix (N, N) adds up; N means none.

    With mirrored ends an x reaches a place directly and, as its image, from past an end.
    """
    index = torch.arange(size)
    shift = index[:, None] - index[None, :]
    if boundary is CIRCULAR:
        return [shift % size]
    image = index[:, None] + index[None, :] + 1
    return [shift.abs(), torch.minimum(image, 2 * size - image)]


def _fast(x: Tensor, w: Tensor, boundary: Boundary) -> None:
    deconvolve(convolve(x, w, boundary), w, boundary)
    log_abs_det(w, boundary)


def _dense(x: Tensor, w: Tensor, boundary: Boundary) -> None:
    matrix = dense_matrix(w, boundary)
    torch.linalg.solve(matrix, matrix @ x.T)
    torch.linalg.slogdet(matrix)


def _seconds(
    work: Work,
    size: int,
    rows: int,
    repeats: int,
    boundary: Boundary,
    source: torch.Generator,
) -> float:
    """Median processor seconds of convolution, inverse and log-determinant at one length.

    They are those of one thread, so that what else the machine does matters little.
    """
    x, w = _normal(source, rows, size), kernel(_normal(source, size) / 2, boundary)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work(x, w, boundary)  # plans and pages are made once
    taken = []
    for _ in range(repeats):
        start = time.thread_time()
        work(x, w, boundary)
        taken.append(time.thread_time() - start)
    torch.set_num_threads(threads)
    return statistics.median(taken)


def _exponent(sizes: list[int], seconds: list[float], fit_from: int) -> float:
    """Slope of log seconds on log length, at lengths from `fit_from` on."""
    chosen = [(n, s) for n, s in zip(sizes, seconds, strict=True) if n >= fit_from]
    lengths, times = np.log(np.array(chosen, np.float64)).T
    return float(np.polyfit(lengths, times, 1)[0])


def _largest(difference: Tensor) -> float:
    return float(difference.abs().max())


def _normal(source: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=source, dtype=torch.float64)
