"""Where the collector keeps things; light, because `status` starts with it.

The state directory holds ``state.db`` and ``lock`` (see `lethe_collector.statefile`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Names the configuration file.
CONFIG_VARIABLE: Final = "LETHE_COLLECTOR_CONFIG"
#: ``LETHE_COLLECTOR__SERVER__URL`` overrides ``server.url``.
ENV_PREFIX: Final = "LETHE_COLLECTOR__"

STATE_FILE: Final = "state.db"
LOCK_FILE: Final = "lock"
_CONFIG_FILE: Final = "collector.yaml"

_KEY: Final = "state_dir:"
#: What may make a value in YAML something else than it looks like.
_SPECIAL: Final = frozenset("#:'\"&*!|>%@`")


def find_config(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Tell which configuration file counts; `None` if there is none.

    The last one that counts is that of `lethe up`, so that `status` tells of it as well.

    Args:
        given: what the user named on the command line; need not exist.
        environ: the environment.
    """
    if given is not None:
        return given
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415 - only where nothing is named

    usual = platformdirs.user_config_path("lethe") / _CONFIG_FILE
    of_up = platformdirs.user_data_path("lethe", appauthor=False) / _CONFIG_FILE
    return next((path for path in (usual, of_up) if path.exists()), None)


def default_state_dir() -> Path:
    """Return the place of the state where the configuration names none."""
    import platformdirs  # noqa: PLC0415 - only where nothing is named

    return platformdirs.user_state_path("lethe") / "collector"


def identify(config: Path | None, environ: Mapping[str, str]) -> str:
    """Name a configuration as it stands now, so that an unchanged one need not be checked again.

    Args:
        config: the configuration file.
        environ: the environment; the variables that override keys count.

    Returns:
        Equal text for a configuration that has not been touched; empty if there is none.
    """
    variables = {name: environ[name] for name in sorted(environ) if name.startswith(ENV_PREFIX)}
    if config is None:
        return json.dumps(variables) if variables else ""
    try:
        stands = os.stat(config)  # noqa: PTH116 - faster
    except OSError:
        return json.dumps([str(config), variables])
    return json.dumps([stands.st_dev, stands.st_ino, stands.st_size, stands.st_ctime_ns, variables])


def peek_state_dir(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """Tell the state directory without loading YAML, if the configuration is plain enough.

    `None` means that it takes the real loader. A key at the beginning of a line can only belong
    to the outermost mapping, so that a plain ``state_dir: /path`` needs no YAML to be understood.

    Args:
        config: the configuration file.
        environ: the environment.
    """
    if any(name.startswith(f"{ENV_PREFIX}STATE_DIR") for name in environ):
        return None
    if config is None:
        return default_state_dir()
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    if text.count("state_dir") == 1:
        plain = [value for line in text.splitlines() if (value := _plain_value(line))]
        if plain:
            return Path(plain[0]).expanduser()
    return None if "state_dir" in text or "{" in text[:1] else default_state_dir()


def _plain_value(line: str) -> str:
    """Return the path in a line of the configuration; empty if it is no plain ``state_dir: /path``.

    A regular expression would cost as much as all else here: it is compiled at each start.
    """
    if not line.startswith(f"{_KEY} "):
        return ""
    value = line[len(_KEY) :].partition(" #")[0].strip(" ")
    plain = value.startswith(("~", "/")) and value.split() == [value] and not _SPECIAL & set(value)
    return value if plain else ""
