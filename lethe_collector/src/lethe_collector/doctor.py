"""`doctor`: checks, one line each, of what the collector depends on."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lethe_collector.answers import HINTS, Ack, Keep, classify
from lethe_collector.discovery import roots_of
from lethe_collector.paths import STATE_FILE
from lethe_collector.statefile import check_version
from lethe_collector.status import open_read_only
from lethe_collector.transport import HttpTransport, NotSent, TokenUnusable
from lethe_core.errors import ConfigInvalid
from lethe_core.outcomes import FAILURES, describe_failure
from lethe_core.patience import call_within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lethe_collector.config import CollectorConfig
    from lethe_core.parser import Parser
    from lethe_core.plugins import ParserRegistry

#: How long a parser may take to look for its sources, in seconds.
LOOK_SECONDS: Final = 30.0

_WATCH_LIMIT: Final = Path("/proc/sys/fs/inotify/max_user_watches")
_FEW_WATCHES: Final = 8192
_OTHER_STATE: Final = "let this user write there, or set another `state_dir`"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    subject: str
    text: str
    is_well: bool = True


def examine(config: CollectorConfig, registry: ParserRegistry) -> list[Finding]:
    """Check everything.

    Args:
        config: it is valid, or there would be none.
        registry: what was loaded.
    """
    where = config.path or "the environment"
    return [
        Finding("configuration", f"{where}; this machine is {config.host!r}"),
        _check_state(config.state_dir),
        *_check_plugins(config, registry),
        asyncio.run(_check_server(config)),
        *_check_watches(),
    ]


def _check_state(directory: Path) -> Finding:
    """Look at the state, or at the place where it will be made; nothing is made or changed."""
    try:
        place = next(each for each in (directory, *directory.parents) if each.exists())
        if not place.is_dir():
            return Finding("state", f"{place} is no directory ({_OTHER_STATE})", False)
        if not os.access(place, os.W_OK | os.X_OK):
            return Finding("state", f"{place} may not be written ({_OTHER_STATE})", False)
        if (directory / STATE_FILE).exists():
            with closing(open_read_only(directory)) as connection:
                check_version(connection, directory / STATE_FILE)
    except OSError as error:
        return Finding("state", f"{directory}: {error.strerror} ({_OTHER_STATE})", False)
    except sqlite3.Error as error:
        hint = "a collector that is started sets it aside and reads all again"
        return Finding("state", f"{directory} cannot be read: {error} ({hint})", False)
    except ConfigInvalid as error:
        return Finding("state", _hinted(error.message, error.hint), False)
    return Finding("state", f"{directory}, SQLite {sqlite3.sqlite_version}")


def _check_plugins(config: CollectorConfig, registry: ParserRegistry) -> Iterator[Finding]:
    if not registry.reports:
        yield Finding("plugins", "none is installed; try: pip install lethe-claude-code", False)
    for report in registry.failed:
        yield Finding(f"plugin {report.name}", _hinted(report.error, report.hint), False)
    for tool in set(config.sources) - {parser.tool for parser in registry}:
        yield Finding(f"sources of {tool}", "no loaded plugin reads this tool", False)
    for parser in registry:
        try:
            roots, sources, links = call_within(LOOK_SECONDS, partial(_look, parser, config))
        except TimeoutError as error:
            yield Finding(parser.label, f"looking for sources gave {error}", False)
        except FAILURES as error:
            yield Finding(parser.label, describe_failure(error, "looking for sources"), False)
        else:
            places = ", ".join(map(str, roots)) or "nowhere"
            yield Finding(parser.label, f"{sources} sources in {places}")
            for link in links:
                text = f"{link} is a link to a directory, which is not followed"
                yield Finding(parser.label, f"{text}; name its target under `sources`", False)


def _look(parser: Parser, config: CollectorConfig) -> tuple[list[Path], int, list[Path]]:
    """Find the places of a tool, count the sources in them, and find links that lead to more."""
    roots = roots_of(parser, config.sources.get(parser.tool))
    present = [root for root in roots if root.exists()]
    read = [root.resolve() for root in present]
    links = [
        link
        for root in present
        for link in _linked_directories(root)
        if not any(_overlap(link.resolve(), place) for place in read)
    ]
    return (
        roots,
        sum(1 for root in present for _ in parser.discover(root)),
        [link for link in links if any(True for _ in parser.discover(link))],
    )


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def _linked_directories(root: Path) -> Iterator[Path]:
    for directory, names, _ in os.walk(root):
        paths = (Path(directory, name) for name in names)
        yield from (path for path in paths if path.is_symlink())


async def _check_server(config: CollectorConfig) -> Finding:
    subject = f"server {config.server_url}"
    transport = HttpTransport(config.server_url, config.token_file)
    try:
        answer = await transport.post([])
    except TokenUnusable as error:
        return Finding("token", _hinted(error.message, error.hint), False)
    except NotSent as error:
        return Finding(subject, f"{error.message} ({HINTS['UNREACHABLE']})", False)
    finally:
        await transport.close()
    match classify(answer, 0):
        case Ack():
            return Finding(subject, "answers, and takes the token")
        case Keep(state, detail):
            return Finding(subject, f"{state}: {detail} ({HINTS[state]})", False)
        case _:
            return Finding(subject, f"answers {answer.status} to an empty request", False)


def _hinted(text: str, hint: str) -> str:
    return f"{text} ({hint})" if hint else text


def _check_watches() -> Iterator[Finding]:
    try:
        limit = int(_WATCH_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return  # not Linux
    hint = "" if limit >= _FEW_WATCHES else "; raise fs.inotify.max_user_watches"
    yield Finding("watches", f"{limit} directories may be watched{hint}", not hint)
