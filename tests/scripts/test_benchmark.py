"""The benchmark measures what it says: the same models, their useful work, and every pack."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark.py"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_engine", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("model", "size"), [("iflow", 2_944_980), ("ivae", 18_170)])
def test_the_plain_loops_train_models_of_the_published_size(
    benchmark: ModuleType, model: str, size: int
) -> None:
    module = benchmark.PLAIN[model]()
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == size
    assert benchmark.plain(model, 1, "cpu") > 0


def test_only_entries_in_use_count_as_work(benchmark: ModuleType) -> None:
    # A spline: half of 5 x 256, four times 62.5 % of 256 x 256, half of 256 x 115.
    spline = 640 + 4 * 40_960 + 14_720
    prior = 40 * 30 + 30 * 20 + 20 * 10
    assert benchmark.useful_multiply_adds("iflow") == 3 * 64 * (10 * spline + prior)
    assert benchmark.multiply_add_rate(0.01, "cpu") > 1e6


def test_it_prints_and_stores_every_pack(
    benchmark: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def engine(model: str, pack: int, iterations: int, device: str) -> object:
        return benchmark.Measured(pack, 2, 10.0 * pack, 5.0, 50.0)

    monkeypatch.setattr(benchmark, "engine", engine)
    words = ["--models", "ivae", "--packs", "1", "4", "--iterations", "2", "--device", "cpu"]
    benchmark.main([*words, "--out", str(tmp_path)])
    [path] = tmp_path.glob("engine-*.json")
    [stored] = json.loads(path.read_text())["models"]
    assert [one["pack"] for one in stored["packs"]] == [1, 4]
    printed = capsys.readouterr().out
    assert "ours/floor" in printed
    assert f"{stored['plain_ms'] / 5.0:.2f}" in printed
