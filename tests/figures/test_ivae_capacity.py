"""Li et al.'s Table 1: each published mean stands beside ours of the same width and depth."""

import pytest

from repro.figures.ivae_capacity import figure_capacity, table_1

VALUES = {(50, 3): (0.4, 0.6), (50, 6): (0.3, 0.5), (200, 3): (0.5, 0.7)}


@pytest.fixture
def rows(synthetic):
    found = []
    for (hidden, layers), values in VALUES.items():
        for seed, value in enumerate(values, 1):
            row = synthetic.make_row_5d("ivae", seed, layers) | {"arm": f"hidden_{hidden}"}
            row["config"]["model"]["hidden"] = hidden
            found.append(row | {"metrics": row["metrics"] | {"mcc": value}})
    return found


def test_published_and_ours_are_of_the_same_width_and_depth(rows, published):
    found = {
        tuple(line[:2]): (line[2], line[3][0], line[5], line[6])
        for line in table_1(rows, published).rows
    }
    assert {key: one[0] for key, one in found.items()} == {
        (3, 50): (0.4964, 0.0723), (3, 200): (0.4961, 0.0753), (6, 50): (0.4276, 0.0686),
    }  # fmt: skip
    assert [one[1] for one in found.values()] == pytest.approx([0.5, 0.6, 0.4])
    assert {one[2] for one in found.values()} == {2}
    assert [one[3] for one in found.values()] == pytest.approx([0.0036, 0.1039, -0.0276])


def test_hollow_marks_are_the_published_means(rows, published):
    (ax,) = figure_capacity(rows, published).axes
    hollow = {
        line.get_label(): list(line.get_ydata())
        for line in ax.lines
        if line.get_markerfacecolor() == "white"
    }
    assert hollow == {
        "width 50, Li et al. 2020": [0.4964, 0.4276],
        "width 200, Li et al. 2020": [0.4961],
        "width 50, [Re]": [0.4762],
    }
    ours = [one.lines[0].get_ydata() for one in ax.containers]
    assert [list(one) for one in ours] == [pytest.approx([0.5, 0.4]), pytest.approx([0.6])]


def test_a_diverged_run_is_counted_and_in_no_mean(rows, published, synthetic):
    lost = synthetic.diverged(rows[0] | {"data_seed": 3})
    before, after = (table_1(given, published).rows for given in (rows, [*rows, lost]))
    assert [line[-1] for line in before] == [0, 0, 0]
    assert [line[-1] for line in after] == [1, 0, 0]
    assert [line[:-1] for line in after] == [line[:-1] for line in before]
