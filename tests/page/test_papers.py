"""Papers are read whole, and a mistake in a file is one message."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.config.tree import conf_folder
from repro.errors import ConfigError
from repro.page.papers import load_papers


def test_every_paper_of_the_project_is_described() -> None:
    papers = load_papers(conf_folder() / "papers")
    assert "Flows" in papers["rezende_mohamed"].title
    for stem, paper in papers.items():
        assert paper.stem == stem
        assert 2000 < paper.year < 2100
        assert paper.authors
        assert paper.about.endswith(".")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: x\n", "exactly the keys"),
        ("title: x\nauthors: y\nyear: soon\nvenue: z\nabout: w\n", "whole number"),
        ("title: [\n", r"one\.yaml cannot be read"),
    ],
)
def test_a_mistake_in_a_paper_is_one_message(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "one.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_papers(tmp_path)


def test_a_folder_without_papers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no papers"):
        load_papers(tmp_path)
