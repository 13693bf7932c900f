"""A YAML file is read as plain values or refused in one message that names it."""

from pathlib import Path

import pytest

from repro.config.tree import Tree
from repro.errors import ConfigError
from repro.reading import read_yaml


def test_plain_values_are_read_and_references_kept(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [1, x]\nb: ${a}\n")
    assert read_yaml(tmp_path / "a.yaml") == {"a": [1, "x"], "b": "${a}"}


@pytest.mark.parametrize("content", [None, b"a: [\n", b"a: \xff\xfe\n", b"a: ${\n"])
def test_what_cannot_be_read_is_one_line_that_names_the_file(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "config.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        _ = Tree(tmp_path).root
    assert str(refused.value).startswith(f"{file} cannot be read (")
    assert "\n" not in str(refused.value)
