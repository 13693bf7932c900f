"""What tests of the configuration share."""

from typing import Any

import pytest

from repro.config.tree import Tree


@pytest.fixture
def composed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What Hydra is asked to compose."""
    made = []
    once = Tree._compose

    def counted(self: Tree, choices: Any) -> Any:
        made.append(choices)
        return once(self, choices)

    monkeypatch.setattr(Tree, "_compose", counted)
    return made
