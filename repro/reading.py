"""Reading YAML: plain values, or one message that names the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from repro.errors import ConfigError


def read_yaml(file: Path, *, resolve: bool = False) -> Any:  # noqa: ANN401 - whatever it holds
    """The plain content of a YAML file, its references (`${...}`) followed with `resolve`.

    Raises:
        ConfigError: the file is missing or malformed.
    """
    try:
        return OmegaConf.to_container(OmegaConf.load(file), resolve=resolve)
    except (OSError, UnicodeDecodeError, OmegaConfBaseException, YAMLError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{file} cannot be read ({reason}); restore or mend it") from None
