"""A table's three forms: what a reader sees, what LaTeX takes and what a machine reads."""

import csv
import io

import pytest

from repro.figures.tables import DASH, MINUS, Column, Table, save_table, show_number

TABLE = Table(
    title="A & B",
    columns=(
        Column("model", "model_name", labels={"a": "Model A|B"}),
        Column("n", "n", "count"),
        Column("mean", "mean (sd)", "spread"),
        Column("bounds", "95 % interval", "interval", decimals=2, signed=True),
        Column("gap", "gap", "number", decimals=1),
    ),
    rows=(
        ("a", 10, (0.123456789, 0.02), (-0.5, 0.25), -1.26),
        ("[b]", 1, (1 / 3, float("nan")), (float("nan"), float("nan")), None),
    ),
    notes=("Deviation: 5 % of $x_1$ {kept}", "Reduction: 10~seeds #1 ^ \\ done"),
    source="table 9",
)


def test_markdown_is_a_grid_with_notes():
    lines = TABLE.to_markdown().splitlines()
    assert lines[0] == "### A & B"
    grid = [line for line in lines if line.startswith("| ")]
    assert len({len(line) for line in grid}) == 1
    assert [cell.strip() for cell in grid[2].split(" | ")] == [
        r"| Model A\|B", "10", "0.1235 (0.0200)", f"[{MINUS}0.50, +0.25]", f"{MINUS}1.3 |",
    ]  # fmt: skip
    assert [cell.strip() for cell in grid[3].split(" | ")] == [
        "| [b]",
        "1",
        "0.3333",
        DASH,
        f"{DASH} |",
    ]
    assert "Source: table 9." in lines
    assert [line[2:] for line in lines if line.startswith("- ")] == list(TABLE.notes)


def test_latex_is_booktabs_and_escaped():
    text = TABLE.to_latex()
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{@{}lrrrr@{}}"):
        assert rule in text
    assert r"\caption{A \& B}" in text
    assert r"model\_name & n & mean (sd) & 95 \% interval & gap \\" in text
    assert r"5 \% of \$x\_1\$ \{kept\}" in text
    assert r"10\textasciitilde{}seeds \#1 \textasciicircum{} \textbackslash{} done" in text
    assert r"[$-$0.50, +0.25] & $-$1.3 \\" in text
    assert r"{}[b] & 1 & 0.3333 & -- & -- \\" in text  # not an argument of the line before
    assert text.isascii()


def test_csv_keeps_full_precision_and_names():
    text = TABLE.to_csv()
    first, second = csv.DictReader(io.StringIO(text))
    assert first["model"] == "a"
    assert float(first["mean"]) == 0.123456789
    assert float(first["mean_sd"]) == 0.02
    assert (first["bounds_low"], first["bounds_high"], first["gap"]) == ("-0.5", "0.25", "-1.26")
    assert float(second["mean"]) == 1 / 3
    assert second["gap"] == ""
    assert "\r" not in text


def test_rows_have_a_cell_a_column():
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table("t", (Column("a", "a"),), (("x", "y"),))


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [
        (0.5, True, "+0.50"),
        (-0.5, False, f"{MINUS}0.50"),
        (None, True, DASH),
        (0.5, False, "0.50"),
        (999.994, True, "+999.99"),
        (-134168.643, False, f"{MINUS}134,169"),
    ],
)
def test_numbers_for_readers(value, signed, text):
    assert show_number(value, 2, signed) == text


def test_a_count_is_grouped_for_readers_and_plain_for_machines():
    table = Table("T", (Column("size", "parameters", "count"),), ((2944980,), (12,), (None,)))
    assert all(f" {text} |" in table.to_markdown() for text in ("2,944,980", "12", DASH))
    assert table.to_csv().splitlines()[:3] == ["size", "2944980", "12"]


def test_files_are_written_once(tmp_path):
    paths = save_table(TABLE, tmp_path, "t")
    assert [path.name for path in paths] == ["t.md", "t.tex", "t.csv"]
    stamps = [path.stat().st_mtime_ns for path in paths]
    save_table(TABLE, tmp_path, "t")
    assert [path.stat().st_mtime_ns for path in paths] == stamps
    paths[0].write_text("old")
    save_table(TABLE, tmp_path, "t")
    assert paths[0].read_text() == TABLE.to_markdown()
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_ratio_is_a_count_of_n_and_two_columns():
    column = Column("dead", "dead", "ratio")
    table = Table("T", (column,), (((3, 60),), (None,)))
    assert "| 3 of 60 |" in table.to_markdown()
    assert table.to_csv() == "dead,dead_n\n3,60\n,\n"
    assert DASH in table.to_markdown()
