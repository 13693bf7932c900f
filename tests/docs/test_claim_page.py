"""docs/adding-a-claim.md: its example is read as a claim, and every word of a claim is told."""

import re
from pathlib import Path

from repro.claims.reading import CLAIM_KEYS, SELECTION_KEYS, read_claims
from repro.claims.registry import STATISTICS
from repro.claims.schema import COMPARISONS, DECIDING, REDUCTIONS
from repro.config.tree import Tree
from repro.page.evidence import Shelf

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-claim.md").read_text(encoding="utf-8")


def test_the_example_is_a_claim(tmp_path: Path) -> None:
    [example] = re.findall(r"^```yaml\n(.*?)^```", PAGE, flags=re.M | re.S)
    (tmp_path / "iflow.yaml").write_text(example, encoding="utf-8")
    shelf = Shelf(Tree())
    [claim] = read_claims(tmp_path, shelf.known)
    [shipped] = [one for one in shelf.claims() if one.id == claim.id]
    assert claim.test == shipped.test
    assert claim.decide == shipped.decide
    assert claim.id.isalnum()


def test_ids_are_letters_and_digits() -> None:
    ids = [claim.id for claim in Shelf(Tree()).claims()]
    assert [one for one in ids if not (one.isascii() and one.isalnum())] == []
    assert len({one.lower() for one in ids}) == len(ids)


def test_every_word_is_told() -> None:
    words = {*CLAIM_KEYS, *SELECTION_KEYS, *STATISTICS, *COMPARISONS, *DECIDING, *REDUCTIONS}
    assert [word for word in sorted(words) if not re.search(rf"\b{word}\b", PAGE)] == []
