"""What a figure function yields is written into its own folder, or refused with how to yield."""

import pytest

from repro.figures.material import save_products
from repro.figures.tables import Table

TABLE = Table("Numbers", (), (), kinds=("csv",))


def test_products_are_written_by_their_names(tmp_path):
    paths = save_products(iter([("a", TABLE), ("b.c", TABLE)]), tmp_path)
    assert [path.name for path in paths] == ["a.csv", "b.c.csv"]


@pytest.mark.parametrize(
    ("products", "said"),
    [
        (None, "returns None and yields no products; write `yield"),
        ("ab", "yields 'a', no name with a figure or table; write `yield"),
        ([TABLE], "no name with a figure or table"),
        ([("a", "b")], "yields str and str, no name"),
        ([(None, TABLE)], "yields NoneType and Table, no name"),
    ],
)
def test_what_is_no_product_is_refused(tmp_path, products, said):
    with pytest.raises(TypeError, match=said):
        save_products(products, tmp_path)


@pytest.mark.parametrize("name", ["../../x", "/tmp/x", "a/b", "..", ".x", ""])
def test_a_name_that_leaves_the_folder_is_refused(tmp_path, name):
    inner = tmp_path / "results" / "figures"
    with pytest.raises(ValueError, match="is no file name; yield one"):
        save_products([(name, TABLE)], inner)
    assert list(tmp_path.rglob("*.csv")) == []
