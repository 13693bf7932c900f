"""The generator against a plain-loop reading of the recipe, and against known facts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from repro.data import mixing
from repro.data.sources import Sources, generate, oracle_log_likelihood, save
from repro.errors import DataError

DATA = {
    "name": "sources", "dim": 2, "segments": 5, "points_per_segment": 1000, "layers": 3,
    "prior": "gauss", "centered": False, "noise": 0.0, "spread": "standard_deviation",
    "repeat_matrix": False,
}  # fmt: skip
FIVE = DATA | {"dim": 5, "segments": 40}


def _normalised(matrix: np.ndarray) -> np.ndarray:
    for column in range(matrix.shape[1]):
        matrix[:, column] /= np.sqrt((matrix[:, column] ** 2).sum())
    return matrix


def _accepted(d: int, condition_draws: int) -> np.ndarray:
    conditions = []
    for _ in range(condition_draws):
        trial = np.random.uniform(-1, 1, (d, d)).astype(np.float32)  # noqa: NPY002
        conditions.append(np.linalg.cond(_normalised(trial)))
    limit = np.percentile(conditions, 25)
    while True:
        a = _normalised((np.random.uniform(0, 2, (d, d)) - 1).astype(np.float32))  # noqa: NPY002
        if np.linalg.cond(a) <= limit:
            return a


def _reference(data: dict, seed: int, condition_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """The recipe one number at a time on the global stream, as the released script runs."""
    d, m, n = data["dim"], data["segments"], data["segments"] * data["points_per_segment"]
    np.random.seed(seed)  # noqa: NPY002
    spreads = np.random.uniform(0.5, 3, (m, d))  # noqa: NPY002
    if data["spread"] == "variance":
        spreads = spreads**0.5
    means = np.zeros((m, d)) if data["centered"] else np.random.uniform(-5, 5, (m, d))  # noqa: NPY002
    draw = {
        "gauss": lambda: np.random.randn(n, d),  # noqa: NPY002
        "laplace": lambda: np.random.laplace(0, 1 / np.sqrt(2), (n, d)),  # noqa: NPY002
        "hypsecant": lambda: scipy.stats.hypsecant.rvs(0, 1, (n, d)),
    }
    s = draw[data["prior"]]().astype(np.float32)
    for row in range(n):
        s[row] *= spreads[row // data["points_per_segment"]]
        s[row] += means[row // data["points_per_segment"]]
    x = s.copy()
    for layer in range(data["layers"]):
        if layer == 0 or not data["repeat_matrix"]:
            matrix = _accepted(d, condition_draws)
        x = np.dot(x, matrix)
        if layer < data["layers"] - 1:
            x = np.tanh(x) + 0.1 * x
    if data["noise"]:
        x += data["noise"] * np.random.randn(*x.shape)  # noqa: NPY002
    return s, x


def _assert_same(found: Sources, expected: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_array_equal(found.s, expected[0])
    np.testing.assert_array_equal(found.x, expected[1])
    assert found.s.dtype == found.x.dtype == np.float32


@pytest.mark.parametrize("layers", [2, 5])
@pytest.mark.parametrize("dim", [2, 3, 5, 9])
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("prior", ["gauss", "laplace", "hypsecant"])
def test_every_choice_follows_the_recipe_bit_for_bit(
    prior: str, centered: bool, dim: int, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mixing, "CONDITION_DRAWS", 60)  # the recipe at a length that loops can run
    data = DATA | {"prior": prior, "centered": centered, "dim": dim, "layers": layers}
    data |= {"points_per_segment": 40, "noise": 0.3 if layers == 5 else 0.0}
    data |= {"spread": "variance" if dim == 3 else "standard_deviation"}
    _assert_same(generate(data, 11 * dim + layers), _reference(data, 11 * dim + layers, 60))


@pytest.mark.parametrize(
    "data",
    [DATA | {"layers": 4, "points_per_segment": 50}, FIVE | {"layers": 2, "prior": "laplace"}],
)
def test_the_full_recipe_is_followed_bit_for_bit(data: dict) -> None:
    _assert_same(generate(data, 1), _reference(data, 1, 10_000))


@pytest.mark.parametrize("layers", [2, 4])
def test_one_matrix_may_serve_every_layer(layers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing, "CONDITION_DRAWS", 60)
    data = FIVE | {"layers": layers, "points_per_segment": 20, "repeat_matrix": True, "noise": 0.1}
    found = generate(data, 3)
    _assert_same(found, _reference(data, 3, 60))
    assert all(np.array_equal(matrix, found.mixing[0]) for matrix in found.mixing)


def test_the_known_thresholds_and_draws_of_seed_49() -> None:
    found = generate(FIVE, 49)
    assert found.thresholds == pytest.approx((6.4055, 6.4449, 6.4067), abs=5e-5)
    assert found.accepted_at == (8, 1, 1)
    assert all(np.linalg.cond(a) <= t for a, t in zip(found.mixing, found.thresholds, strict=True))


def test_shapes_types_and_order() -> None:
    found = generate(DATA | {"dim": 3, "points_per_segment": 7}, 2)
    assert found.s.shape == found.x.shape == (35, 3)
    assert found.m.shape == found.L.shape == (5, 3)
    assert (found.m.dtype, found.L.dtype, found.segment.dtype) == (float, float, np.int64)
    np.testing.assert_array_equal(found.segment, np.arange(35) // 7)
    assert found.u.dtype == np.float32
    np.testing.assert_array_equal(found.u.argmax(axis=1), found.segment)
    np.testing.assert_array_equal(found.u.sum(axis=1), 1)
    assert len(found.mixing) == 3


def test_the_global_stream_is_neither_read_nor_moved() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    data = DATA | {"prior": "hypsecant", "noise": 1.0}
    first = generate(data, 5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(99)  # noqa: NPY002
    np.testing.assert_array_equal(generate(data, 5).x, first.x)


def test_seeds_differ_and_noise_has_its_size() -> None:
    clean, other = generate(DATA, 3), generate(DATA, 4)
    assert not np.array_equal(clean.s, other.s)
    noise = generate(DATA | {"noise": 0.5}, 3).x - clean.x
    assert noise.std() == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize("spread", ["standard_deviation", "variance"])
def test_segments_have_the_moments_they_report(spread: str) -> None:
    found = generate(DATA | {"spread": spread, "points_per_segment": 4000}, 8)
    for g in range(5):
        own = found.s[found.segment == g]
        np.testing.assert_allclose(own.std(axis=0), found.L[g], rtol=0.06)
        np.testing.assert_allclose(own.mean(axis=0), found.m[g], atol=0.25)
    upper = 3.0 if spread == "standard_deviation" else 3.0**0.5
    lower = 0.5 if spread == "standard_deviation" else 0.5**0.5
    assert lower <= found.L.min() <= found.L.max() <= upper


@pytest.mark.parametrize(("layers", "nats"), [(3, 1.082), (4, 1.992), (5, 2.679)])
def test_oracle_means_of_the_ten_plane_data_sets(layers: int, nats: float) -> None:
    data = DATA | {"layers": layers}
    means = [oracle_log_likelihood(generate(data, seed), data).mean() for seed in range(1, 11)]
    assert np.mean(means) == pytest.approx(nats, abs=0.002)


def test_oracle_mean_of_seed_1_in_five_dimensions() -> None:
    assert oracle_log_likelihood(generate(FIVE, 1), FIVE).mean() == pytest.approx(6.350, abs=0.001)


def test_oracle_log_det_is_that_of_the_numerical_jacobian() -> None:
    found = generate(DATA | {"dim": 3, "points_per_segment": 2}, 6)
    matrices = [a.astype(float) for a in found.mixing]
    for s, log_det in zip(found.s, mixing.log_abs_det(found.s, found.mixing), strict=True):
        steps = 1e-5 * np.eye(3)
        rows = [(_mix(s + e, matrices) - _mix(s - e, matrices)) / 2e-5 for e in steps]
        assert np.linalg.slogdet(np.array(rows))[1] == pytest.approx(log_det, abs=1e-6)


def _mix(s: np.ndarray, matrices: list[np.ndarray]) -> np.ndarray:
    for matrix in matrices[:-1]:
        s = np.tanh(s @ matrix) + 0.1 * (s @ matrix)
    return s @ matrices[-1]


@pytest.mark.parametrize("change", [{"prior": "laplace"}, {"noise": 0.1}])
def test_no_oracle_is_claimed_where_there_is_none(change: dict) -> None:
    data = DATA | change | {"points_per_segment": 5}
    with pytest.raises(DataError, match=r"use data\.prior=gauss data\.noise=0"):
        oracle_log_likelihood(generate(data, 1), data)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("layers", 1), ("layers", 2.5), ("dim", 0), ("segments", True),
        ("points_per_segment", "9"), ("prior", "cauchy"), ("spread", "sd"), ("centered", "no"),
        ("repeat_matrix", "no"),
        ("noise", -0.1), ("noise", float("nan")), ("noise", "much"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_by_name(key: str, value: object) -> None:
    with pytest.raises(DataError, match=rf"data\.{key}=.*; use "):
        generate(DATA | {key: value}, 1)


def test_a_missing_key_or_impossible_seed_is_refused() -> None:
    with pytest.raises(DataError, match="lacks prior"):
        generate({k: v for k, v in DATA.items() if k != "prior"}, 1)
    for seed in (-1, 2**32, 1.5, True):
        with pytest.raises(DataError, match="use 0 to"):
            generate(DATA, seed)  # type: ignore[arg-type]


def test_saved_arrays_come_back_and_leave_no_scraps(tmp_path: Path) -> None:
    found = generate(DATA | {"points_per_segment": 6}, 3)
    target = tmp_path / "set.npz"
    for _ in range(2):  # the second replaces the first
        save(found, target)
    assert list(tmp_path.iterdir()) == [target]
    with np.load(target) as stored:
        assert set(stored) == {"s", "x", "u", "m", "L"}
        for name in stored:
            np.testing.assert_array_equal(stored[name], getattr(found, name))


def test_a_missing_folder_is_refused_by_name(tmp_path: Path) -> None:
    found = generate(DATA | {"points_per_segment": 6}, 3)
    with pytest.raises(DataError, match=r"absent does not exist; make it"):
        save(found, tmp_path / "absent" / "set.npz")
    with pytest.raises(DataError, match="is a folder"):
        save(found, tmp_path)


def test_a_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = generate(DATA | {"points_per_segment": 6}, 3)
    target = tmp_path / "set.npz"
    target.write_bytes(b"old")

    def fail(file: object, **arrays: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(DataError, match=r"disk full.*make room"):
        save(found, target)
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("set.npz", b"old")]
