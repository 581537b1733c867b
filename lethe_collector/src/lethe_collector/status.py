"""What is archived, what lags, what was refused or lost, and whether somebody must act.

``state.db`` is read, and nothing else: no plugin is loaded, no transcript opened, no server asked.
Little is imported, because `lethe_collector.status_command` starts with it.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, Literal

from lethe_collector import paths
from lethe_collector.showing import shown_size, shown_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXIT_OK: Final = 0
EXIT_ATTENTION: Final = 1
EXIT_LOST: Final = 2
EXIT_LOST_FULL: Final = 3

_ADDED: Final = (
    "bytes",
    "archived_bytes",
    "lagging_bytes",
    "records",
    "turns",
    "unmapped",
    "refused",
    "lost_bytes",
    "lost_turns",
)

#: With less room than this on its disk, the state may not be written any more.
LEAST_FREE_BYTES: Final = 256 * 1024
#: The versions of the state since which it has these; an old daemon may still run.
_LOST_TURNS_SINCE: Final = 2
_LOST_BEFORE_SINCE: Final = 3
#: What may be behind the disk: nobody follows these files now.
_READ: Final = """
SELECT id, path, mtime_ns FROM sources
WHERE state = 'active' AND read_size IS size AND read_mtime_ns IS mtime_ns
"""
#: All that is told of a source; `newer` are those whose files have changed since.
_DESCRIBED: Final = """
WITH looked AS (
  SELECT s.id, s.tool, s.path, s.state, s.generation, s.size, s.position, s.records, s.turns,
    s.unmapped, s.lost_bytes + {lost_before} AS lost_bytes, s.lost_full,
    {lost_turns} AS lost_turns, s.last_read,
    s.error_code, s.error_text, s.error_hint, s.error_at, s.state = 'gone' AS gone,
    s.read_size IS s.size AND s.read_mtime_ns IS s.mtime_ns AND s.id NOT IN ({newer}) AS was_read,
    (SELECT count(*) FROM dead_letters d WHERE d.source_id = s.id) AS refused,
    EXISTS (SELECT 1 FROM outbox_parts o WHERE o.source_id = s.id) AS waiting
  FROM sources s),
described AS (
  SELECT *, (was_read OR gone) AND NOT waiting AND NOT lost_turns AS archived,
    NOT was_read AND NOT gone AS lagging, size AS bytes, position AS archived_bytes,
    iif(was_read OR gone, 0, max(0, size - position)) AS lagging_bytes
  FROM looked)
"""
_COUNTED: Final = (
    "SELECT tool, count(*) AS files, sum(archived) AS archived, sum(lagging) AS lagging,"  # noqa: S608 - made of constants
    " sum(waiting) AS waiting, sum(gone) AS gone,"
    " sum(state IN ('unsupported', 'unreadable', 'failed', 'stalled')) AS failing,"
    f" {', '.join(f'sum({name}) AS {name}' for name in _ADDED)},"
    " max(lost_full AND lost_bytes) AS lost_full FROM described GROUP BY tool ORDER BY tool"
)
_ALL: Final = "SELECT * FROM described ORDER BY tool, path"
_FAILING: Final = (
    "SELECT * FROM described WHERE error_code IS NOT NULL AND error_code <> '' ORDER BY tool, path"
)
_UNFINISHED: Final = (
    "SELECT * FROM described WHERE NOT archived ORDER BY lagging_bytes DESC, tool, path LIMIT ?"
)
_SKIPPED: Final = """
SELECT s.tool, k.reason, sum(k.records) FROM skipped k JOIN sources s ON s.id = k.source_id
GROUP BY s.tool, k.reason ORDER BY s.tool, k.reason
"""


def open_read_only(directory: Path) -> sqlite3.Connection:
    """Open the state to look at it, whether or not a daemon runs.

    Args:
        directory: of the state.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    file = (directory / paths.STATE_FILE).absolute()
    return sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)


def read_status(
    directory: Path,
    *,
    after_run: bool = False,
    which: Literal["all", "failing", "unfinished"] = "all",
    most: int = -1,
) -> dict[str, Any]:
    """Read all there is to know; docs/configuration-collector.md explains the keys.

    Args:
        directory: of the state.
        after_run: a single run has just ended, so that no daemon need run.
        which: sources are described one by one: all, those with an error, or of those that are
            not archived the ones with the most to read. With `failing`, which is for people, it is
            not counted why records were skipped.
        most: so many of the last are described. For a daemon, whose memory is bounded (P10).
    """
    running = _is_running(directory)
    status: dict[str, Any] = {
        "state_dir": str(directory),
        "free_bytes": _free_bytes(directory),
        "daemon": {"running": running},
        "collector": None,
        "archive_lost": None,
        "server": {"state": "UNKNOWN", "detail": "", "hint": "", "last_ack": None},
        "outbox": {"batches": 0, "lines": 0, "bytes": 0, "max_bytes": None, "full": False},
        "dead_letters": {"events": 0, "codes": {}},
        "plugins": [],
        "tools": {},
        "sources": [],
    }
    file = directory / paths.STATE_FILE
    if file.exists():
        try:
            with closing(open_read_only(directory)) as connection:
                connection.row_factory = sqlite3.Row
                described = _read(connection, status, look=not running)
                if which != "failing":
                    _count_skipped(connection, status)
                rows = {
                    "all": lambda: connection.execute(described + _ALL),
                    "failing": lambda: connection.execute(described + _FAILING),
                    "unfinished": lambda: connection.execute(described + _UNFINISHED, (most,)),
                }[which]()
                status["sources"] = [_describe(row) for row in rows]
        except sqlite3.Error as error:
            status["problem"] = f"{file} cannot be read: {error}"
    else:
        status["problem"] = "the collector has never run with this state directory"
    status["attention"] = list(_find_attention(status, after_run=after_run))
    status["exit_code"] = _exit_code(status)
    status["health"] = ("ok", "attention", "lost", "lost")[status["exit_code"]]
    return status


def _free_bytes(directory: Path) -> int | None:
    """Tell how much room there is: a state that cannot be written cannot say so itself."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize


def _is_running(directory: Path) -> bool:
    try:
        descriptor = os.open(directory / paths.LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read(connection: sqlite3.Connection, status: dict[str, Any], *, look: bool) -> str:
    """Read everything but the sources one by one; return the SQL that describes these."""
    connection.execute("BEGIN")  # one snapshot for all
    notes = {key: json.loads(value) for key, value in connection.execute("SELECT * FROM meta")}
    status["collector"] = notes.get("collector")
    status["server"] |= notes.get("server", {})
    status["server"]["last_ack"] = notes.get("last_ack")
    status["plugins"] = notes.get("plugins", [])
    status["archive_lost"] = notes.get("anew")
    batches, lines, size = connection.execute(
        "SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(length(body)), 0) FROM outbox"
    ).fetchone()
    max_bytes = (status["collector"] or {}).get("outbox_max_bytes")
    status["outbox"] = {
        "batches": batches,
        "lines": lines,
        "bytes": size,
        "max_bytes": max_bytes,
        "full": max_bytes is not None and size >= max_bytes,
    }
    codes = dict(
        tuple(row)
        for row in connection.execute("SELECT code, count(*) FROM dead_letters GROUP BY code")
    )
    status["dead_letters"] = {"events": sum(codes.values()), "codes": codes}
    for name, report in notes.get("scans", {}).items():
        status["tools"][name] = _new_tool() | {
            "label": report["label"],
            "roots": report["roots"],
            "error": report["error"],
            "doomed": report.get("doomed"),
        }
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    lost_turns = "s.lost_turns" if version >= _LOST_TURNS_SINCE else "0"
    lost_before = "s.lost_before" if version >= _LOST_BEFORE_SINCE else "0"
    newer = ",".join(str(number) for number in _find_newer(connection)) if look else ""
    described = _DESCRIBED.format(lost_turns=lost_turns, lost_before=lost_before, newer=newer)
    # Counted by SQLite: a row that becomes an object of Python costs as much as all its sums.
    for row in connection.execute(described + _COUNTED):
        counts = dict(row)
        counts["lost_full"] = bool(counts["lost_full"])
        status["tools"].setdefault(counts.pop("tool"), _new_tool()).update(counts)
    return described


def _count_skipped(connection: sqlite3.Connection, status: dict[str, Any]) -> None:
    for name, reason, count in connection.execute(_SKIPPED):
        status["tools"][name]["skipped"][reason] = count


def _find_newer(connection: sqlite3.Connection) -> Iterator[int]:
    for number, path, mtime_ns in connection.execute(_READ):
        try:
            if os.stat(path).st_mtime_ns > mtime_ns:  # noqa: PTH116 - faster, and there are many
                yield number
        except OSError:
            continue


def _new_tool() -> dict[str, Any]:
    counts = {"files": 0, "archived": 0, "lagging": 0, "waiting": 0, "gone": 0, "failing": 0}
    return {
        "label": "",
        "roots": [],
        "error": "",
        "doomed": None,
        **counts,
        **dict.fromkeys(_ADDED, 0),
        "skipped": {},
        "lost_full": False,
    }


def _describe(row: sqlite3.Row) -> dict[str, Any]:
    error = None
    if row["error_code"]:
        error = {
            "code": row["error_code"],
            "text": row["error_text"],
            "hint": row["error_hint"],
            "at": row["error_at"],
        }
    return {
        "tool": row["tool"],
        "path": os.fsdecode(row["path"]).encode("utf-8", "backslashreplace").decode(),
        "state": row["state"],
        "generation": row["generation"],
        "archived": bool(row["archived"]),
        "lagging": bool(row["lagging"]),
        "waiting": bool(row["waiting"]),
        **{name: row[name] for name in _ADDED},
        "lost_full": bool(row["lost_full"] and row["lost_bytes"]),
        "last_read": row["last_read"],
        "error": error,
    }


# Judging -----------------------------------------------------------------------------------


def _find_attention(status: dict[str, Any], *, after_run: bool) -> Iterator[str]:
    """Say in sentences what somebody should look at."""
    if "problem" in status:
        yield status["problem"]
        return
    tools = status["tools"].values()
    lagging = sum(tool["lagging"] for tool in tools)
    waiting = status["outbox"]["batches"]
    if not status["daemon"]["running"] and (lagging or waiting):
        idle = "" if after_run else ", and no daemon runs"
        yield f"{lagging} sources lag, {waiting} batches wait{idle}"
    server = status["server"]
    if server["state"] not in ("OK", "UNKNOWN"):
        yield f"server {server['state']}: {server['detail']} ({server['hint']})"
    free = status["free_bytes"]
    if free is not None and free < LEAST_FREE_BYTES:
        where = status["state_dir"]
        yield f"STATE_UNWRITABLE: {where} has {shown_size(free)} left; make room there"
    if status["outbox"]["full"]:
        yield "OUTBOX_FULL: reading waits until the server takes what is in the outbox"
    yield from _find_failing(status)
    if events := status["dead_letters"]["events"]:
        yield f"{events} events were refused for good: `lethe-collector dead-letters list`"
    if lost := sum(tool["lost_bytes"] for tool in tools):
        yield f"{lost} bytes vanished before they were read, and are lost: see `--json` for where"
    if lost := sum(tool["lost_turns"] for tool in tools):
        yield f"{lost} turns were lost with the server's database; their sources are gone"


def _find_failing(status: dict[str, Any]) -> Iterator[str]:
    for name, tool in status["tools"].items():
        if tool["error"]:
            yield f"{name}: {tool['error']}"
        if doomed := tool["doomed"]:
            yield (
                f"{name}: {doomed['sources']} sources that are not archived will be deleted by"
                f" their tool, the first {shown_time(doomed['at'])}"
            )
        if tool["failing"]:
            yield f"{name}: {tool['failing']} sources cannot be read"
        for root in tool["roots"]:
            if root["error"]:
                yield f"{name}: {root['path']}: {root['error']}"
    for tool in (status["collector"] or {}).get("unknown_tools", ()):
        yield f"`sources` names {tool!r}, which no loaded plugin reads"
    for plugin in status["plugins"]:
        if plugin["status"] == "error":
            yield f"plugin {plugin['name']}: {plugin['error']}"


def _exit_code(status: dict[str, Any]) -> int:
    tools = status["tools"].values()
    if any(tool["lost_full"] for tool in tools):
        return EXIT_LOST_FULL
    lost = any(tool["lost_bytes"] or tool["lost_turns"] for tool in tools)
    if status["dead_letters"]["events"] or lost:
        return EXIT_LOST
    return EXIT_ATTENTION if status["attention"] else EXIT_OK
