"""The files in the data directory of `lethe up`. All of them are the user's alone."""

from __future__ import annotations

import contextlib
import fcntl
import os
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml import YAML

from lethe_core.errors import ConfigInvalid
from lethe_server.auth.browser import create_link
from lethe_server.auth.tokens import ensure_token
from lethe_server.private_files import write_private
from lethe_server.storage import TokenBook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lethe_server.up.plan import Plan

#: The one token is for the collector and for the user's own scripts.
_SCOPES: Final = ("ingest", "read")
_HEADER: Final = "# Written by `lethe up` at each start. Copy it to run the program by itself.\n"


@contextlib.contextmanager
def data_lock(data: Path) -> Iterator[None]:
    """Make the data directory and hold it, so that no second `lethe up` uses it.

    Args:
        data: the directory.

    Raises:
        ConfigInvalid: it cannot be made or written, or it is in use.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(data / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigInvalid(
            f"the data directory {data} cannot be used: {error.strerror}",
            hint="choose another one with --data",
        ) from error
    with os.fdopen(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigInvalid(
                f"the data directory {data} is in use by another `lethe up`",
                hint="stop that one, or choose another directory with --data",
            ) from error
        yield


def prepare_data(plan: Plan) -> Path:
    """Remember the machine's name, and make a token if there is none that works.

    Args:
        plan: whose `data`, `host` and `owner` are used.

    Returns:
        The file in which the server is going to write where it listens; not there yet.

    Raises:
        ConfigInvalid: the database is that of a newer version, or it or the token's file cannot
            be used.
        Unavailable: the database cannot be written now.
    """
    kept = _kept_token(plan.token_file)
    token = ensure_token(plan.data, owner=plan.owner, name="lethe up", scopes=_SCOPES, secret=kept)
    if token != kept:
        write_private(plan.token_file, token + "\n")
    write_private(plan.host_file, plan.host + "\n")
    port_file = plan.data / "server.port"
    port_file.unlink(missing_ok=True)
    return port_file


def _kept_token(path: Path) -> str | None:
    """Read the token of an earlier run, and take the file from others who could read it.

    Raises:
        ConfigInvalid: there is something that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            os.fchmod(file.fileno(), 0o600)
            return file.read().strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigInvalid(
            f"the token's file {path} cannot be used: {error.strerror}",
            hint="remove it; another token is made then",
        ) from error


def make_link(plan: Plan) -> str:
    """Make a one-time link that signs a browser in, and return its path.

    Args:
        plan: whose `data` and `owner` are used; the server may run.

    Raises:
        Unavailable: the database cannot be written now.
    """
    with TokenBook(plan.data) as book:
        return create_link(book, owner=plan.owner)


def write_settings(path: Path, settings: dict[str, Any]) -> Path:
    """Write a configuration as YAML.

    Args:
        path: the file; replaced if it is there.
        settings: what to write.

    Returns:
        `path`.
    """
    text = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(settings, text)
    write_private(path, _HEADER + text.getvalue())
    return path
