"""The task `circulant`: circular convolution against its dense matrix, and its time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from repro.experiments.untrained import seed_by_seed
from repro.flows.convolution import convolve, deconvolve, kernel, log_abs_det
from repro.jobs import Context, Outcome, SeedPair
from repro.randomness import generator


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
    source = generator(pair.data_seed, "data")
    checked = [_compare(size, evaluation["rows"], source) for size in evaluation["sizes"]]
    errors = {key: [one[key] for one in checked] for key in checked[0]}
    sizes, rows, repeats = (evaluation[key] for key in ("time_sizes", "time_rows", "repeats"))
    fast = [_seconds(_fast, size, rows, repeats, source) for size in sizes]
    dense = [_seconds(_dense, n, rows, repeats, source) for n in evaluation["dense_sizes"]]
    return {
        "largest_error": max(max(values) for key, values in errors.items() if key != "condition"),
        **{f"largest_{key}": max(values) for key, values in errors.items()},
        "by_size": errors,
        "exponent": _exponent(sizes, fast, evaluation["fit_from"]),
        "time": {"fast_seconds": fast, "dense_seconds": dense, "threads": 1},
    }


def _compare(size: int, rows: int, source: torch.Generator) -> dict[str, float]:
    """Largest errors of one random kernel against its dense matrix.

    The kernel is the layer's own, and so is the general one of normal numbers for the
    log-determinant and its gradient, which no parameterisation keeps away from 0.
    """
    x = _normal(source, rows, size)
    w = kernel(_normal(source, size) / 2)
    general = _normal(source, size).requires_grad_()
    matrix, other = circulant(w), circulant(general.detach())
    y = convolve(x, w)
    (gradient,) = torch.autograd.grad(log_abs_det(general), general)
    return {
        "convolution_error": _largest(y - x @ matrix.T),
        "inverse_error": _largest(deconvolve(y, w) - torch.linalg.solve(matrix, y.T).T),
        "round_trip_error": _largest(deconvolve(y, w) - x),
        "log_det_error": _largest(log_abs_det(w) - torch.linalg.slogdet(matrix).logabsdet),
        "general_log_det_error": _largest(
            log_abs_det(general).detach() - torch.linalg.slogdet(other).logabsdet
        ),
        "gradient_error": _largest(gradient - _dense_gradient(other)),
        "condition": float(torch.linalg.cond(other)),
    }


def circulant(w: Tensor) -> Tensor:
    """The matrix (N, N) whose product with x is the circular convolution of x by w (N,)."""
    index = torch.arange(len(w))
    return w[(index[:, None] - index[None, :]) % len(w)]


def _dense_gradient(matrix: Tensor) -> Tensor:
    """Gradient (N,) of log|det| by the kernel: sums of the inverse's wrapped diagonals."""
    size = len(matrix)
    inverse = torch.linalg.inv(matrix).T
    index = torch.arange(size)
    return torch.stack([inverse[(index + shift) % size, index].sum() for shift in range(size)])


def _fast(x: Tensor, w: Tensor) -> None:
    deconvolve(convolve(x, w), w)
    log_abs_det(w)


def _dense(x: Tensor, w: Tensor) -> None:
    matrix = circulant(w)
    torch.linalg.solve(matrix, matrix @ x.T)
    torch.linalg.slogdet(matrix)


def _seconds(
    work: Callable[[Tensor, Tensor], None],
    size: int,
    rows: int,
    repeats: int,
    source: torch.Generator,
) -> float:
    """Median processor seconds of convolution, inverse and log-determinant at one length.

    They are those of one thread, so that what else the machine does matters little.
    """
    x, w = _normal(source, rows, size), kernel(_normal(source, size) / 2)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    work(x, w)  # plans and pages are made once
    taken = []
    for _ in range(repeats):
        start = time.thread_time()
        work(x, w)
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
