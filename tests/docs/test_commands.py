"""Every command that the README and the pages of docs/ print is one that works.

`repro` commands are given as they stand, but for what takes long: the jobs of `run` are not
trained, and what a page or another test already makes is not made again here. Each line of a block
of commands has to be known to this file, so that a page cannot print one that nobody has tried.
"""

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro import cli

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
# Lines that are not run here, by a pattern that a whole line matches, and why.
EXEMPT = {
    r"git clone .*|cd .*": "how a checkout comes about",
    r"python3? -m venv .*|source .*activate|pip install .*": "make install does it, in CI",
    r"make( [a-z-]+)?( [A-Z]+=[a-z,0-9]+)*": "test_every_make_target_is_there; run in CI",
    r"repro data fetch .*": "needs the network; tests/data/test_downloads.py has one of its own",
    r"repro verify.*": "trains; tests/runner/test_verify.py",
    r"repro report.*": "tests/page makes reports",
    r"repro (plan|run|status|figures|config) .*<name>.*": "a placeholder",
    r"python scripts/[a-z_]+\.py.*": "checked by test_every_script_is_there",
}
COMMAND = re.compile(r"(repro|make|python3?|pip|git|cd|source|export|sbatch|squeue|salloc)( |$)")


def blocks(page: str) -> Iterator[str]:
    """The text of each fenced block without a language, or with a shell's."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for language, content in re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.M | re.S):
        if language in ("", "sh", "bash", "shell", "console"):
            yield content


def commands(page: str) -> list[str]:
    """The command lines of a page, continued lines joined, comments and prompts taken off."""
    found = []
    for content in blocks(page):
        for line in content.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ")
            if COMMAND.match(words):
                found.append(" ".join(re.sub(r"\s#.*$", "", words).split()))
    return found


def exempt(line: str) -> bool:
    return any(re.fullmatch(pattern, line) for pattern in EXEMPT)


CASES = list(dict.fromkeys(line for page in PAGES for line in commands(page)))


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rows, whose arrays are only linked to."""
    folder = tmp_path_factory.mktemp("results")
    for scale in (path for path in (ROOT / "results").iterdir() if path.is_dir()):
        (folder / scale.name).mkdir()
        for rows in scale.glob("*.jsonl"):
            shutil.copy(rows, folder / scale.name)
        if (scale / "arrays").is_dir():
            (folder / scale.name / "arrays").symlink_to(scale / "arrays")
    return folder


@pytest.fixture
def give(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Returns a call that gives a command; jobs count as done, data as there, figures as drawn."""
    monkeypatch.setenv("REPRO_RESULTS", str(shipped))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli, "_run_jobs", lambda planned, todo: 0)
    monkeypatch.setattr(cli, "_with_data", lambda words, planned: (planned, []))

    def drawn(compositions: Any) -> Iterator[Any]:
        from repro.runner.asked import asked_rows
        from repro.runner.plan import open_store

        for one in compositions:
            rows = asked_rows(one, open_store(one.results, one.scale))
            assert rows, f"nothing is shipped of {one.experiment} at {one.scale}"
            yield [tmp_path / "figure.png"], None

    monkeypatch.setattr("repro.drawing.draw_all", drawn)
    return lambda line: cli.main(shlex.split(line)[1:])


def test_pages_print_commands() -> None:
    assert sum(line.startswith("repro ") for line in commands("README.md")) > 5


@pytest.mark.parametrize("line", [line for line in CASES if not exempt(line)])
def test_a_command_does_what_it_says(give: Callable[[str], int], line: str) -> None:
    assert line.startswith("repro "), f"{line}: add it to EXEMPT with a reason, or mend the page"
    assert give(line) == 0


@pytest.mark.parametrize("line", [line for line in CASES if line.startswith("make")])
def test_every_make_target_is_there(line: str) -> None:
    answer = subprocess.run(
        ["make", "-n", *shlex.split(line)[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr


def test_every_script_is_there() -> None:
    named = {word for line in CASES for word in shlex.split(line) if word.startswith("scripts/")}
    assert [word for word in named if not (ROOT / word).is_file()] == []


def test_every_exemption_names_what_stands_in_for_it() -> None:
    for reason in EXEMPT.values():
        for path in re.findall(r"tests/[\w/.]+", reason):
            assert (ROOT / path.rstrip(".")).exists(), path
