"""Tables: aligned, within 80 characters, and in words."""

from typing import Any

from repro.runner.overview import WIDTH, aligned, differing


def test_no_line_is_wider_than_the_page() -> None:
    rows = [["name" * 30, "paper", "1", "22"], ["x", "quick", "333", "4"]]
    lines = aligned(rows, left=2).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert len({len(line) for line in lines}) == 1


def config(model: str, layers: int, **more: Any) -> Any:
    return {"data": {"layers": layers}, "model": {"name": model, **more}}


def test_cells_are_called_by_what_sets_them_apart() -> None:
    assert differing([config("iflow", 3), config("ivae", 3)]) == ["iflow", "ivae"]
    assert differing([config("iflow", 3), config("iflow", 4)]) == [
        "iflow layers=3",
        "iflow layers=4",
    ]
    three = [
        config("iflow", 3, hidden=1),
        config("iflow", 3, hidden=2),
        config("ivae", 3, slope=1),
    ]
    assert differing(three) == ["iflow hidden=1", "iflow hidden=2", "ivae"]
