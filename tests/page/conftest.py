"""What the page tests share: a shelf over the project's own conf and stored rows."""

import pytest

from repro.config.tree import Tree
from repro.page.content import gather
from repro.page.evidence import Shelf


@pytest.fixture(scope="session")
def content():
    return gather(Shelf(Tree()))
