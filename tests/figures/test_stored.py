"""From stored 5D rows to files by the command line: without torch, and the same bytes again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import repro
from repro.config.compose import compose_all
from repro.drawing import untrained_rows
from repro.jobs import SeedPair
from repro.runner.paths import StorePaths
from repro.runner.store import Store, packed

WORDS = ["experiment=mcc_sweep,per_dimension", "scale=paper"]
WATCH = (
    "import sys; from repro.cli import main\n"
    "code = main(sys.argv[1:]); print('torch' in sys.modules, code, file=sys.stderr)"
)


@pytest.fixture
def results(synthetic, tmp_path):
    """A store in which the paper's runs of data seeds 1 and 49 are done."""
    [composition] = compose_all(["experiment=mcc_sweep", "scale=paper"])
    store = Store(StorePaths(tmp_path, "paper"))
    for cell in composition.cells:
        for seed in (1, 49):
            row = synthetic.make_row_5d(cell.config["model"]["name"], seed)
            row |= {"id": cell.id, "config": cell.config, "provenance": {}}
            name = store.arrays_name(cell.id, SeedPair(seed, 1)) if seed == 49 else None
            kept = {name: packed(synthetic.arrays_5d(row))} if name else {}
            store.append(cell.task, [row | {"arrays": name}], kept)
    return tmp_path


def drawn(results, hash_seed):
    root = str(Path(repro.__file__).parents[1])
    own = {"PYTHONPATH": root, "REPRO_RESULTS": str(results), "PYTHONHASHSEED": hash_seed}
    answer = subprocess.run(
        [sys.executable, "-c", WATCH, "figures", *WORDS],
        capture_output=True, text=True, check=False, env={**os.environ, **own},
    )  # fmt: skip
    assert answer.stderr.splitlines()[-1] == "False 0", answer.stderr
    folder = results / "paper" / "figures"
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_figures_need_no_torch_and_a_second_call_changes_no_byte(results):
    first = drawn(results, "1")
    names = {str(path.relative_to(results / "paper" / "figures")) for path in first}
    assert {
        "mcc_sweep/figure_2_layers_3.pdf", "mcc_sweep/table_mcc.md",
        "per_dimension/figure_3_layers_3.png", "per_dimension/table_1.tex",
        "per_dimension/table_1_spread.csv", "per_dimension/table_1_collapsed.md",
    } <= names  # fmt: skip
    assert drawn(results, "2") == first, "only files whose bytes differ are written"
    table = (results / "paper" / "figures" / "per_dimension" / "table_1.md").read_text()
    assert "Incomplete: 4 of 120 runs are stored." in table


def test_baselines_of_another_scale_stand_beside_the_same_data_sets(tmp_path):
    asked, made = (
        compose_all([f"experiment={name}", f"scale={scale}", f"paths.results={tmp_path}"])[0]
        for name, scale in (("audit_depth_5d", "reduced"), ("baselines", "paper"))
    )
    wanted = {cell.config["data"]["layers"] for cell in asked.cells}
    [cell] = [cell for cell in made.cells if cell.arm == f"5d_layers_{min(wanted)}"]
    row = {"schema": 1, "id": cell.id, "task": made.task, "data_seed": 1, "model_seed": 1,
           "status": "done", "arrays": None, "config": cell.config, "provenance": {}}  # fmt: skip
    for scale, value in (("paper", 0.5), ("reduced", 0.6)):
        store = Store(StorePaths(tmp_path, scale))
        store.append(made.task, [row | {"metrics": {"mcc_x": value}}])
        assert [one["metrics"]["mcc_x"] for one in untrained_rows(asked)] == [value]
