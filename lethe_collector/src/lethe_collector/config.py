"""The configuration of the collector: strict YAML, the environment on top.

docs/configuration-collector.md explains each key; `collector.example.yaml` is a complete file.
This is the only place that reads the configuration.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError

from lethe_collector import paths
from lethe_core.limits import (
    KIB,
    MAX_BATCH_AGE_SECONDS,
    MAX_BATCH_BYTES,
    MAX_BATCH_LINES,
    MIB,
    NAME_PATTERN,
)
from lethe_core.settings import (
    Choice,
    FilePath,
    Items,
    Seconds,
    Section,
    ServerUrl,
    Settings,
    Size,
    Table,
    Text,
    Whole,
    load_settings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lethe_core.logs import LogFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorConfig:
    """What the configuration says, checked, with defaults filled in.

    Args:
        path: the file it came from, or `None`.
        identity: of what was checked (`paths.identify`); `status` relies on it.
        host: the name of this machine in the archive.
        server_url: without a slash at its end.
        token_file: holds the token for the server.
        state_dir: holds the state.
        sources: for a tool, the places to look at instead of its default ones.
        disabled_plugins: entry points that are not loaded.
        parsers: for a tool that several plugins read, the one to use.
        poll_interval: seconds between two full scans.
        outbox_max_bytes: how much may wait on this machine while the server is away.
        batch_max_lines: most events of a batch.
        batch_max_bytes: most bytes of a batch, before compression.
        batch_max_age: seconds that an event may wait in an unfilled batch.
        log_level: least level that is written.
        log_format: ``human`` or ``json``.
    """

    path: Path | None
    identity: str
    host: str
    server_url: str
    token_file: Path
    state_dir: Path
    sources: Mapping[str, list[Path]]
    disabled_plugins: list[str]
    parsers: Mapping[str, str]
    poll_interval: float
    outbox_max_bytes: int
    batch_max_lines: int
    batch_max_bytes: int
    batch_max_age: float
    log_level: str
    log_format: LogFormat


def load_config(path: Path | None, environ: Mapping[str, str]) -> CollectorConfig:
    """Load the configuration.

    Args:
        path: the file that the user named, or `None` for the usual places.
        environ: the environment.

    Raises:
        ConfigInvalid: something is missing or wrong; one line says what.
    """
    found = paths.find_config(path, environ)
    identity = paths.identify(
        found, environ
    )  # first: what changes while it is read is checked again
    values = load_settings(
        CollectorSettings(), path=found, env_prefix=paths.ENV_PREFIX, environ=environ
    )
    return CollectorConfig(
        path=found,
        identity=identity,
        host=values["host"],
        server_url=values["server"]["url"].rstrip("/"),
        token_file=values["server"]["token_file"],
        state_dir=values["state_dir"] or paths.default_state_dir(),
        sources=values["sources"],
        disabled_plugins=values["disabled_plugins"],
        parsers=values["parsers"],
        poll_interval=values["poll_interval"],
        outbox_max_bytes=values["outbox"]["max_bytes"],
        batch_max_lines=values["batch"]["max_lines"],
        batch_max_bytes=values["batch"]["max_bytes"],
        batch_max_age=values["batch"]["max_age"],
        log_level=values["log"]["level"],
        log_format=values["log"]["format"],
    )


# The schema --------------------------------------------------------------------------------


def _check_host(value: str) -> None:
    if not re.match(NAME_PATTERN, value):
        raise ValidationError("is no name for a host")


class ServerSettings(Settings):
    """``server``."""

    url = ServerUrl(required=True)
    token_file = FilePath(required=True)


class OutboxSettings(Settings):
    """``outbox``."""

    max_bytes = Size(MIB, 1024**4, load_default=256 * MIB)


class BatchSettings(Settings):
    """``batch``."""

    max_lines = Whole(1, MAX_BATCH_LINES, load_default=MAX_BATCH_LINES)
    max_bytes = Size(64 * KIB, MAX_BATCH_BYTES, load_default=MAX_BATCH_BYTES)
    max_age = Seconds(0.01, 60, load_default=MAX_BATCH_AGE_SECONDS)


class LogSettings(Settings):
    """``log``."""

    level = Choice("debug", "info", "warning", "error", load_default="info")
    format = Choice("human", "json", load_default="human")


class CollectorSettings(Settings):
    """The whole file."""

    host = Text(
        required=True,
        validate=_check_host,
        metadata={"allowed": f"a name of your choice that matches {NAME_PATTERN[:-7]}$"},
    )
    server = Section(ServerSettings)
    state_dir = FilePath(load_default=None)
    sources: Any = Table(
        keys=Text(),
        values=Items(FilePath(), metadata={"allowed": "a list of paths"}),
        load_default=dict,
        metadata={"allowed": "for a tool, a list of paths"},
    )
    disabled_plugins = Items(Text(), load_default=list, metadata={"allowed": "a list of names"})
    parsers: Any = Table(
        keys=Text(),
        values=Text(),
        load_default=dict,
        metadata={"allowed": "for a tool, the name of a plugin's entry point"},
    )
    poll_interval = Seconds(1, 3600, load_default=30.0)
    outbox = Section(OutboxSettings)
    batch = Section(BatchSettings)
    log = Section(LogSettings)
