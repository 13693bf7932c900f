"""The command line: exit codes, one message a mistake, JSON, and no torch where none is needed."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from repro import cli
from repro.config.compose import compose_all
from repro.errors import StoreError
from repro.figures.material import Material, Product
from repro.figures.tables import Table
from repro.jobs import SeedPair
from repro.runner.plan import open_store

NAME = "identifiability_2d"
COUNTS = ("done", "missing", "failed", "diverged")


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty results folder of the test's own, no GPU, and a terminal of 80 columns."""
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path / "results"


def out_of(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """The exit code, standard output and standard error of a command."""
    code = cli.main(list(words))
    return (code, *capsys.readouterr())


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code, out, err = out_of(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("repro: ")
    assert err.count("\n") == 1, "more than one message"
    assert "Traceback" not in err
    return err


def store(seed: int, status: str = "done", *words: str) -> Any:
    """A row of the first cell of a composition."""
    [composition] = compose_all([f"experiment={NAME}", *words])
    cell = composition.cells[0]
    row = {"schema": 1, "id": cell.id, "task": cell.task, "data_seed": seed, "model_seed": 1,
           "status": status, "metrics": {"mcc": 0.5}, "arrays": None, "config": cell.config,
           "provenance": {}}  # fmt: skip
    open_store(composition.results, composition.scale).append(cell.task, [row])
    return composition


def spilled(folder: Path, scale: str) -> None:
    """A row of another task that waits in `folder/spill`, since the results took it not."""
    from repro.runner import spill
    from repro.runner.paths import StorePaths

    paths = StorePaths(folder / "results", scale, spill=folder / "spill")
    paths.root.mkdir(parents=True, exist_ok=True)
    (paths.root / "spill").write_text("")
    row = {"schema": 1, "id": "a" * 12, "task": "other", "data_seed": 1, "model_seed": 1,
           "status": "done", "metrics": {}, "arrays": None, "config": {},
           "provenance": {}}  # fmt: skip
    spill.keep(paths, "other", [json.dumps(row).encode() + b"\n"], {})


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["training.batchsize=32"], "training.batch_size"),
        (["experiment=identifiabilty_2d"], NAME),
        (["layer=3"], "layers"),
        (["model=iflwo"], "model=iflow"),
        (["scale=papr"], "paper"),
        (["data.layers=three"], "data.layers must be a whole number"),
        (["data.layers=0"], "data.layers must be at least 2, got 0; the nearest valid value is 2"),
        (["data.prior=gaus"], "gauss"),
        (["training.learning_rate=-1"], "training.learning_rate must be above 0"),
        (["seeds=5-1"], "seeds=1-5"),
        (["seeds=x"], "seeds=1-10"),
        (["seeds="], "seeds=1-10"),
        (["seeds=-3"], "seeds=3"),
        (["model_seeds=5-1"], "model_seeds=1-5"),
        (["nonsense"], "KEY=VALUE"),
        (["identifiabilty_2d"], f"write experiment={NAME}"),
        (["papr"], "write scale=paper"),
        (["seeds=1\N{EN DASH}10"], "nearest valid spelling is seeds=1-10"),
        (["seeds=[1,,2]"], "is not a list of seeds"),
        (["device=gpu"], "cpu"),
        (["launcher=locl"], "launcher=local"),
        (["launcher.on_error=halt"], "continue, stop"),
    ],
)
def test_a_mistake_is_one_message_that_names_the_nearest(
    capsys: pytest.CaptureFixture[str], results: Path, words: list[str], hint: str
) -> None:
    chosen = words if words[0].startswith("experiment=") else [f"experiment={NAME}", *words]
    assert hint in refused(capsys, "run", *chosen)
    assert not results.exists(), "something ran before the refusal"


@pytest.mark.parametrize("verb", ["plan", "status", "figures", "config"])
def test_every_verb_refuses_alike(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert "layers" in refused(capsys, verb, "layer=3")
    assert "data.layers=2" in refused(capsys, verb, "layers=x")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "x"), "correct the permissions"),
        (OSError(errno.EROFS, "Read-only file system", "x"), "name another folder"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found"), "TMPDIR"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "folder is gone"),
    ],
)
def test_a_refusal_of_the_system_is_one_message_with_its_remedy(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: OSError,
    remedy: str,
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    def refuse(args: Any) -> int:
        raise error

    monkeypatch.setitem(cli.VERBS, "plan", (refuse, ""))
    code, out, err = out_of(capsys, "plan")
    assert (code, out) == (1, "")
    assert err.startswith(f"repro: {error}; ")
    assert remedy in err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["paln"], "plan"),
        (["data", "fetsh"], "fetch"),
        (["plan", "--jsno"], "--jsno is not an option"),
        (["figures", "--json"], "--json is not an option"),
        (["data", "fetch", "mnits"], "mnist"),
        (["data", "list", "paths.dat=x"], "paths.data"),
        (["data", "generate", "sources", "data_seed=1", "layers=1", "out=x.npz"], "at least 2"),
        (["run"], NAME),
        (["run", "scale=smoke"], "experiment=NAME"),
    ],
)
def test_a_wrong_verb_or_word_is_refused_alike(
    capsys: pytest.CaptureFixture[str], words: list[str], hint: str
) -> None:
    assert hint in refused(capsys, *words)


# -- plan and status ----------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_json_counts_rows(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    for seed, status in ((1, "done"), (2, "done"), (3, "diverged")):
        store(seed, status, "scale=paper")
    composition = store(99, "done", "scale=paper")
    cell = composition.cells[0]
    failed = [SeedPair(4, 1), SeedPair(3, 1)]
    open_store(composition.results, "paper").record_failure(cell.id, failed, "x", task=cell.task)
    words = (f"experiment={NAME}", "scale=paper", "launcher.workers=1")
    code, out, err = out_of(capsys, verb, "--json", *words)
    seconds = [cell.seconds_per_seed for cell in composition.cells]
    [entry] = json.loads(out)
    assert (code, err) == (0, "")
    assert entry == {
        "experiment": NAME,
        "scale": "paper",
        "done": 2,
        "missing": 16,
        "failed": 1,
        "diverged": 1,
        "expected_seconds": pytest.approx(7 * seconds[0] + 10 * seconds[1]),
    }
    assert isinstance(entry["expected_seconds"], float)


def test_json_may_stand_anywhere_and_defaults_are_all_experiments_at_quick(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted = out_of(capsys, "plan", "--json")
    assert wanted == out_of(capsys, "plan", "experiment=all", "--json", "scale=quick")
    assert {entry["scale"] for entry in json.loads(wanted[1])} == {"quick"}
    assert [e["experiment"] for e in json.loads(wanted[1])] == [
        c.experiment for c in compose_all([])
    ]


def test_a_finished_experiment_has_nothing_left(capsys: pytest.CaptureFixture[str]) -> None:
    store(1, "done", "scale=smoke", "seeds=1", "model=iflow")
    words = [f"experiment={NAME}", "scale=smoke", "seeds=1", "model=iflow"]
    assert json.loads(out_of(capsys, "plan", *words, "--json")[1])[0]["expected_seconds"] == 0.0
    assert "nothing left to do" in out_of(capsys, "plan", *words)[1]


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_tables_fit_a_terminal_and_say_time_in_words(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    words = ["experiment=mixing_depth,mcc_sweep", "layers=3,4,5", "scale=paper", "seeds=1-60"]
    code, out, err = out_of(capsys, verb, *words)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert " min" in out
    assert all(name in out for name in COUNTS)


def test_status_says_which_other_scales_have_rows(
    capsys: pytest.CaptureFixture[str], results: Path
) -> None:
    store(1, "done", "scale=paper")
    told = "rows of other scales are stored, too: repro status scale=paper"
    folder = f"paths.results={results}"
    assert f"{told} {folder}\n" in out_of(capsys, "status", f"experiment={NAME}", folder)[1]
    assert told in out_of(capsys, "status", f"experiment={NAME}")[1]
    assert told not in out_of(capsys, "status", f"experiment={NAME}", "scale=paper")[1]


def test_planning_writes_nothing(capsys: pytest.CaptureFixture[str], results: Path) -> None:
    for verb in ("plan", "status", "config"):
        assert out_of(capsys, verb)[0] == 0
    assert not results.exists()


def test_a_damaged_result_file_is_one_message_and_1(
    capsys: pytest.CaptureFixture[str], results: Path
) -> None:
    composition = store(1)
    path = open_store(composition.results, "quick").paths.rows(composition.task)
    path.write_text("garbage\n" + path.read_text())
    code, _, err = out_of(capsys, "plan")
    assert code == 1
    assert err.startswith("repro: ")
    assert "Traceback" not in err


def test_a_torn_last_line_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    composition = store(1)
    path = open_store(composition.results, "quick").paths.rows(composition.task)
    with path.open("a") as file:
        file.write('{"schema": 1')
    code, out, err = out_of(capsys, "plan", f"experiment={NAME}", "--json")
    assert code == 0
    assert json.loads(out)[0]["done"] == 1
    assert err.startswith("repro: warning: ")


# -- config, figures, data ----------------------------------------------------------------------


def test_config_prints_every_resolved_config_with_its_id(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from omegaconf import OmegaConf

    _, out, _ = out_of(capsys, "config", f"experiment={NAME}", "layers=4", "seeds=1-3,7")
    shown = OmegaConf.create(out)
    [composition] = compose_all([f"experiment={NAME}", "layers=4"])
    assert OmegaConf.to_container(shown.configs) == {c.id: c.config for c in composition.cells}
    assert shown.seeds == "1-3,7"
    assert "${" not in out


def test_config_without_an_experiment_shows_the_defaults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = out_of(capsys, "config", "model=ivae")
    assert code == 0
    assert "experiment: null" in out
    assert "name: ivae" in out


def test_figures_without_rows_name_the_command_that_makes_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = out_of(capsys, "figures", f"experiment={NAME}", "scale=paper")
    assert (code, out) == (1, "")
    assert err.endswith(f"repro run experiment={NAME} scale=paper\n")
    elsewhere = [f"experiment={NAME}", "scale=paper", "paths.results=/no/where"]
    assert "scale=paper paths.results=/no/where\n" in out_of(capsys, "figures", *elsewhere)[2]


def test_figures_that_cannot_be_drawn_keep_no_other_from_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from repro import drawing

    def draw(composition: Any) -> Any:
        if composition.experiment == NAME:
            raise StoreError("its arrays are gone; copy them")
        return [Path("picture.pdf")]

    monkeypatch.setattr(drawing, "draw", draw)
    monkeypatch.setattr(drawing, "cores", lambda: 1)
    words = [f"experiment={NAME},mixing_depth"]
    assert out_of(capsys, "figures", *words) == (
        1, "picture.pdf\n", "repro: not drawn: its arrays are gone; copy them\n"
    )  # fmt: skip


def test_processes_that_draw_leave_ctrl_c_to_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    from repro import drawing

    def pool(processes: int, prepare: Any) -> Any:
        prepare()
        return nullcontext(SimpleNamespace(imap=map))

    monkeypatch.setattr(drawing, "draw", lambda _: [signal.getsignal(signal.SIGINT)])
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    monkeypatch.setattr("multiprocessing.get_context", lambda: SimpleNamespace(Pool=pool))
    before, many = signal.getsignal(signal.SIGINT), [1, 2]
    try:
        assert list(drawing.draw_all(many)) == [([signal.SIG_IGN], None)] * 2  # type: ignore[arg-type]
    finally:
        signal.signal(signal.SIGINT, before)


def test_figures_see_only_the_rows_that_were_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Any:
    from repro import drawing

    calls = []

    def draw(given: Material) -> Iterator[Product]:
        calls.append((given.rows, given.notes))
        assert not given.published.empty
        yield "numbers", Table("Numbers", (), (), kinds=("csv",))

    monkeypatch.setattr(drawing, "find_draw", {NAME: draw}.get)
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2, 99):
        store(seed)
    store(1, "done", "model.hidden=3", "model=iflow")
    code, out, err = out_of(capsys, "figures", f"experiment={NAME}")
    [(rows, notes)] = calls
    assert (code, err) == (0, "")
    assert [row["data_seed"] for row in rows] == [1, 2]
    assert out == f"{Path('results/quick/figures') / NAME / 'numbers.csv'}\n"
    assert "Incomplete: 2 of 8 runs are stored." in notes
    assert compose_all([f"experiment={NAME}"])[0].notes == notes[:-1]


def test_every_experiment_names_a_figure_that_exists() -> None:
    from repro.figures.registry import FIGURES

    for composition in compose_all([]):
        assert composition.about.figures is None or composition.about.figures in FIGURES


def test_data_generate_writes_the_published_data(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from repro.data.sources import generate

    monkeypatch.chdir(tmp_path)
    words = ["data_seed=3", "data.dim=2", "data.segments=5", "data.points_per_segment=20"]
    code, out, err = out_of(capsys, "data", "generate", "sources", *words, "out=a.npz")
    assert (code, out, err) == (0, "a.npz\n", "")
    config = compose_all([f"experiment={NAME}", *words[1:]])[0].cells[0].config["data"]
    with np.load("a.npz") as file:
        assert file["x"].shape == (100, 2)
        assert np.array_equal(file["x"], generate(config, 3).x)


def test_data_check_fails_while_files_are_missing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, out, err = out_of(capsys, "data", "check", "mnist", f"paths.data={tmp_path}")
    assert (code, err) == (1, "")
    assert out.count("missing") == 4
    assert f"repro data fetch mnist paths.data={tmp_path}\n" in out


@pytest.mark.parametrize("way", ["paths.offline=true", "REPRO_OFFLINE"])
def test_data_fetch_offline_says_what_is_missing_and_asks_nobody(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    words = [way] if "=" in way else []
    if not words:
        monkeypatch.setenv(way, "1")
    code, out, err = out_of(capsys, "data", "fetch", "mnist", f"paths.data={tmp_path}", *words)
    assert (code, out) == (1, "")
    assert "4 files of mnist are not there whole" in err
    assert f"{tmp_path}/mnist/train-images-idx3-ubyte.gz (sha256" in err
    assert list(tmp_path.iterdir()) == []


def test_data_list_names_every_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = out_of(capsys, "data", "list")
    assert code == 0
    assert "mnist" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80


# -- run ----------------------------------------------------------------------------------------


class FakeSummary:
    """What `run_local` hands back."""

    def __init__(self, ok: bool = True, stopped: int = 0, interrupted: bool = False) -> None:
        self.ok, self.stopped, self.interrupted = ok, stopped, interrupted
        self.left = self.queued = 0
        self.trouble = "on_error is stop" if stopped and not interrupted else None


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The calls of a launcher that runs nothing; set `summary` to choose how it ends."""
    from repro.runner import local

    calls = {"jobs": [], "options": [], "summary": FakeSummary()}

    def run_local(jobs: Any, store: Any, options: Any, reporter: Any) -> Any:
        calls["jobs"] += jobs
        calls["options"].append(options)
        return calls["summary"]

    monkeypatch.setattr(local, "run_local", run_local)
    return calls


def test_run_hands_over_what_is_missing_and_points_to_the_figures(
    capsys: pytest.CaptureFixture[str], launched: Any
) -> None:
    store(1)
    code, out, _ = out_of(capsys, "run", f"experiment={NAME}", "launcher.workers=2", "threads=1")
    assert code == 0
    assert sum(len(job.seeds) for job in launched["jobs"]) == 7
    assert launched["options"][0].workers == 2
    assert launched["options"][0].threads == 1
    assert f"repro figures experiment={NAME} launcher.workers=2 threads=1\n" in out


def test_run_points_to_the_figures_only_where_there_is_something_to_draw(
    capsys: pytest.CaptureFixture[str], launched: Any
) -> None:
    launched["summary"] = FakeSummary(ok=False)
    words = ["run", f"experiment={NAME}", "scale=smoke"]
    code, out, _ = out_of(capsys, *words)
    assert code == 1
    assert "To draw what is stored" not in out
    store(1, "done", "scale=smoke")
    code, out, _ = out_of(capsys, *words)
    assert code == 1
    assert f"To draw what is stored: repro figures experiment={NAME} scale=smoke\n" in out


def test_run_takes_over_what_another_scale_has_of_the_same_configs(
    capsys: pytest.CaptureFixture[str], launched: Any
) -> None:
    words = [f"experiment={NAME}", "seeds=1-2", "model=ivae", "keep_arrays=false"]
    store(1, "done", "scale=reduced", *words)
    _, out, _ = out_of(capsys, "plan", *words, "scale=paper")
    assert "to be taken over by a run: 1\n" in out
    code, out, _ = out_of(capsys, "run", *words, "scale=paper")
    assert code == 0
    assert "1 runs of the same configs are taken over from other scales" in out
    assert [job.seeds for job in launched["jobs"]] == [((2, 1),)]


def test_run_of_everything_covers_every_experiment(
    capsys: pytest.CaptureFixture[str], launched: Any
) -> None:
    assert out_of(capsys, "run", "experiment=all", "scale=smoke")[0] == 0
    wanted = {cell.id for c in compose_all(["scale=smoke"]) for cell in c.cells}
    assert {job.id for job in launched["jobs"]} == wanted


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (FakeSummary(), 0),
        (FakeSummary(ok=False), 1),
        (FakeSummary(ok=False, stopped=1), 1),
        (FakeSummary(ok=False, stopped=1, interrupted=True), 130),
    ],
)
def test_the_exit_code_says_how_the_run_ended(
    capsys: pytest.CaptureFixture[str], launched: Any, summary: Any, code: int
) -> None:
    launched["summary"] = summary
    assert out_of(capsys, "run", f"experiment={NAME}", "scale=smoke")[0] == code


def test_run_starts_nothing_when_nothing_is_left(
    capsys: pytest.CaptureFixture[str], launched: Any
) -> None:
    store(1, "done", "scale=smoke", "seeds=1", "model=iflow")
    words = [f"experiment={NAME}", "scale=smoke", "seeds=1", "model=iflow"]
    assert out_of(capsys, "run", *words)[0] == 0
    assert launched["jobs"] == []


def test_run_tends_its_store_even_when_nothing_is_left(
    capsys: pytest.CaptureFixture[str], launched: Any, tmp_path: Path
) -> None:
    words = [f"experiment={NAME}", "scale=smoke", "seeds=1", "model=iflow"]
    store(1, "done", *words[1:])
    spilled(tmp_path, "smoke")
    code = "from repro.atomic import partial_name; print(partial_name('x'), end='')"
    litter = tmp_path / "results" / "smoke" / python("-c", code).stdout
    litter.touch()
    code, out, _ = out_of(capsys, "run", *words, f"paths.spill={tmp_path / 'spill'}")
    assert code == 0
    assert "1 rows were taken in" in out
    assert not litter.exists()
    assert (tmp_path / "results" / "smoke" / "other.jsonl").exists()
    assert launched["jobs"] == []


def test_run_takes_nothing_over_for_a_launcher_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    words = [f"experiment={NAME}", "seeds=1-2", "model=ivae", "keep_arrays=false"]
    store(1, "done", "scale=reduced", *words)
    code, _, err = out_of(capsys, "run", *words, "scale=paper", "launcher=slurm")
    assert code == 2
    assert "no sbatch" in err
    assert not (results / "paper").exists()


def test_ctrl_c_is_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(words: list[str], need_experiment: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("repro.config.compose.compose_all", interrupt)
    code, _, err = out_of(capsys, "plan")
    assert code == 130
    assert "interrupted" in err


# -- status -------------------------------------------------------------------------------------


def test_status_names_rows_that_no_experiment_asks_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store(1)
    assert "stale" not in out_of(capsys, "status")[1]
    odd = store(1, "done", "training.batch_size=3")
    said = out_of(capsys, "status")[1]
    assert "1 stale rows in" in said
    assert odd.cells[0].id in said
    assert "stale" not in out_of(capsys, "status", f"experiment={NAME}")[1]


def test_status_counts_the_rows_that_wait_in_a_spill(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spilled(tmp_path, "quick")
    said = out_of(capsys, "status", f"paths.spill={tmp_path / 'spill'}")[1]
    assert "1 rows wait in" in said


# -- the process --------------------------------------------------------------------------------

WATCH = (
    "import sys; from repro.cli import main\n"
    "try: code = main(sys.argv[1:])\n"
    "except SystemExit as stop: code = stop.code\n"
    "print('torch' in sys.modules, code, file=sys.stderr)"
)


def python(*arguments: str, **options: Any) -> Any:
    root = str(Path(cli.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)


@pytest.mark.parametrize(
    ("words", "code"),
    [("--help", 0), ("plan", 0), ("status", 0), ("config", 0), ("figures", 1), ("data list", 0)],
)
def test_no_torch_where_none_is_needed(words: str, code: int, tmp_path: Path) -> None:
    answer = python("-c", WATCH, *words.split(), cwd=tmp_path)
    assert answer.stderr.splitlines()[-1] == f"False {code}"


def test_figures_import_no_torch() -> None:
    code = (
        "import sys, repro.runner.store; from repro.figures.registry import FIGURES, find_draw;"
        " [find_draw(name) for name in FIGURES]; print('torch' in sys.modules)"
    )
    assert python("-c", code).stdout == "False\n"


def test_the_module_runs_and_helps(tmp_path: Path) -> None:
    answer = python("-m", "repro", "--help", cwd=tmp_path)
    assert answer.returncode == 0
    for verb in (*cli.VERBS, "data"):
        assert verb in answer.stdout
    assert "examples" in answer.stdout
    assert python("-m", "repro", "plam", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("verb", ["report", "verify"])
def test_help_lists_no_word_that_the_verb_refuses(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    with pytest.raises(SystemExit):
        cli.main([verb, "--help"])
    text = capsys.readouterr().out
    for word in ("experiment=", "layers=", "arm=", "fidelity=", "data."):
        assert word not in text
    for word in ("scale=", "paths.results=", f"repro {verb} "):
        assert word in text


def test_the_words_of_the_help_of_verify_are_taken() -> None:
    from repro.cli_help import VERIFY_EPILOG
    from repro.runner.verify import Verifier

    words = re.findall(r"[a-z_.]+=\w+", VERIFY_EPILOG)
    assert {"scale=quick", "draw=3", "device=cpu", "paths.data=DIR"} <= set(words)
    assert Verifier(list(dict.fromkeys(words))).chosen["seeds"] == "7"


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m repro config layers=range(2,40) | head -n 1"
    answer = python("-c", f"import os; os.system({command!r})", cwd=tmp_path)
    assert "Traceback" not in answer.stderr
