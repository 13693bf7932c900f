"""The report's files: self-contained, the same bytes again, no torch, words that are checked."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import repro
from repro.config.tree import Tree, project_root
from repro.errors import ConfigError, StoreError
from repro.page.command import make_report
from repro.page.content import gather
from repro.page.evidence import Shelf
from repro.page.readme import BEGIN, EFFECTS, END, insert, parts
from repro.page.render import effects_table, headline_table, html, markdown, write

VOID = {"meta", "link", "img", "br", "col", "hr"}


class Reader(HTMLParser):
    """Collects ids, links and sources, and checks that every tag is closed."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.sources, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        self.sources += [found["src"]] if "src" in found else []
        if tag not in VOID and not self.inside_svg():
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag == "svg" or not self.inside_svg():
            assert self.open.pop() == tag

    def inside_svg(self):
        return "svg" in self.open


@pytest.fixture(scope="module")
def page(content):
    return html(content)


@pytest.fixture(scope="module")
def reader(page):
    found = Reader()
    found.feed(page)
    assert found.open == []
    return found


def test_the_page_needs_nothing_from_elsewhere(page, reader):
    assert all(source.startswith("data:image/") for source in reader.sources)
    assert "<script" not in page
    assert not re.search(r"(url\(|@import|src=.?)https?:", page)
    assert "prefers-color-scheme: dark" in page
    assert len(page) < 9e6


def test_every_link_leads_somewhere(reader, content):
    for link in reader.links:
        if link.startswith("#"):
            assert link[1:] in reader.ids
        else:
            assert (content.results / link).is_file(), link
    assert len(set(reader.ids)) == len(reader.ids)


def test_every_claim_is_on_the_page_with_its_verdict(page, content):
    for section in content.sections:
        for proof in section.proofs:
            assert f'id="claim-{proof.line.id}"' in page
            assert proof.line.verdict in page


def test_links_of_the_markdown_lead_somewhere(content):
    text = markdown(content)
    anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-")
               for head in re.findall(r"^#+ (.*)$", text, flags=re.M)}  # fmt: skip
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith("#"):
            assert link[1:] in anchors
        else:
            assert (content.results / link).is_file(), link


def test_a_second_writing_changes_no_byte(content, tmp_path):
    first = {path: path.stat().st_mtime_ns for path in write(content, tmp_path)}
    assert {path: path.stat().st_mtime_ns for path in write(content, tmp_path)} == first


def test_the_verb_reports_an_empty_store_without_torch(tmp_path):
    run = "code = main(['report', 'scale=smoke']); print('torch' in sys.modules, code)"
    code = f"import sys; from repro.cli import main\n{run}"
    root = str(Path(repro.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root, "REPRO_RESULTS": str(tmp_path)}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                            check=False, env=env)  # fmt: skip
    assert answer.stdout.splitlines()[-1] == "False 0", answer.stderr
    text = (tmp_path / "smoke" / "report.md").read_text()
    assert "**not run**" in text
    assert "scale=smoke" in text


def test_a_report_on_an_empty_store_says_so_and_where_rows_may_be(tmp_path):
    folder = tmp_path / "results"
    paths, told = make_report([f"paths.results={folder}"])
    assert [path.name for path in paths] == ["report.html", "report.md"]
    assert f"Nothing is stored in {folder} at scale=paper or reduced" in told
    assert "`repro report scale=quick`" in told
    assert "have not run" in told


@pytest.mark.parametrize("word", ["experiment=mcc_sweep", "seeds=1", "layers=3"])
def test_words_that_choose_runs_are_refused(word):
    with pytest.raises(ConfigError, match="about everything"):
        make_report([word])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("gin_sources", "'gin_sources' is no KEY=VALUE; a report is about everything"),
        ("papr", "write scale=paper"),
        ("scale=smoke,quick", "shows one scale"),
    ],
)
def test_words_of_which_there_is_no_report_are_refused_before_it_is_made(
    word, hint, tmp_path, monkeypatch
):
    monkeypatch.setenv("REPRO_RESULTS", str(tmp_path))
    with pytest.raises(ConfigError, match=hint) as refused:
        make_report([word])
    assert "experiment=" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_documents_are_written_from_the_projects_own_results_alone(tmp_path):
    with pytest.raises(ConfigError, match="leave out --readme"):
        make_report([f"paths.results={tmp_path}"], readme=True)
    assert list(tmp_path.iterdir()) == []


def test_documents_are_looked_at_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("repro.page.command.project_root", lambda: tmp_path)
    words = [f"paths.results={tmp_path / 'results'}"]
    with pytest.raises(ConfigError, match=r"README\.md cannot be read"):
        make_report(words, readme=True)
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    with pytest.raises(ConfigError, match=r"paper-and-code\.md cannot be read"):
        make_report(words, readme=True)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(("name", "content"), [("a.png", b""), ("a.md", b"\xff\xfe\n\n|")])
def test_a_figure_that_cannot_be_read_names_the_command_that_draws_it(tmp_path, name, content):
    folder = tmp_path / "paper" / "figures" / "identifiability_2d"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    again = "draw it again with: repro figures experiment=identifiability_2d scale=paper"
    with pytest.raises(StoreError, match=again):
        gather(Shelf(Tree(), [f"paths.results={tmp_path}"]))


def test_the_readme_shows_the_reports_headline(content):
    _, between, _ = parts(project_root() / "README.md")
    assert between.strip() == headline_table(content).strip(), "run `make report`"
    reduced = [one.id.lower() for one in content.headline if one.reductions]
    starred = [line for line in between.splitlines() if r"\*" in line and line.startswith("|")]
    assert all(f"#claim-{one})" in line for one, line in zip(reduced, starred, strict=True))
    assert 0 < len(starred) < len(content.headline)


def test_the_page_of_differences_shows_the_reports_effects(content):
    _, between, _ = parts(project_root() / "docs" / "paper-and-code.md", EFFECTS)
    assert between.strip() == effects_table(content).strip(), "run `make report`"
    assert "trainable prior mean" in between


def test_a_readme_without_markers_is_refused(tmp_path):
    file = tmp_path / "README.md"
    file.write_text("nothing\n")
    with pytest.raises(ConfigError, match="once each"):
        insert(file, "table\n")
    file.write_text(f"a\n{BEGIN}\nold\n{END}\nb\n")
    insert(file, "new\n")
    assert parts(file) == ("a\n", "\n\nnew\n\n", "\nb\n")
