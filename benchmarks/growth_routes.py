"""The routes whose growth is measured, and what one request of each costs.

Each is asked so that its answer has the same size in a small archive and in a large one.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.growth_archive import (
    COMMON,
    HOSTS,
    PROJECTS,
    RARE,
    SELDOM,
    TITLED,
    TOOL,
    make_turn,
    session_host,
    session_name,
)
from benchmarks.measuring import p50

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.deployment import Client, Deployment

#: Requests of a route, at least and at most, and for how long they go on (seconds).
_LEAST: Final = 5
_MOST: Final = 100
_SECONDS: Final = 3.0
#: Requests that are not counted.
_WARM: Final = 2
_KB: Final = 1000
#: The last place of a session.
_END: Final = 2**53 - 1


class Cost(NamedTuple):
    """What a request costs.

    Args:
        cpu: milliseconds of the server's processor.
        wall: median of the milliseconds until the answer was there.
        size: thousands of bytes of the answer.
        requests: that were made.
    """

    cpu: float
    wall: float
    size: float
    requests: int


def cpu_seconds(pid: int) -> float:
    """Return what the threads of a process have used so far, to the nanosecond (Linux).

    Args:
        pid: of a process none of whose threads ends meanwhile.
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def cost_of(pid: int, ask: Callable[[], int]) -> Cost:
    """Measure a request.

    Args:
        pid: of the server.
        ask: makes a request and returns the size of the answer.
    """
    for _ in range(_WARM):
        size = ask()
    times: list[float] = []
    before = cpu_seconds(pid)
    end = time.perf_counter() + _SECONDS
    while len(times) < _LEAST or (len(times) < _MOST and time.perf_counter() < end):
        begun = time.perf_counter()
        size = ask()
        times.append((time.perf_counter() - begun) * 1000)
    cpu = (cpu_seconds(pid) - before) / len(times) * 1000
    return Cost(cpu, p50(times), size / _KB, len(times))


def archive_routes(client: Client, turns: int) -> dict[str, str]:
    """Return the routes that read of the whole archive of an owner, by name.

    Args:
        client: of the archive that is measured.
        turns: that each session has at least.
    """
    sessions = "/api/v1/sessions?limit=50"
    cursor = client.get(f"{sessions}&offset=100")["next_cursor"]
    return {
        "who asks": "/api/v1/me",
        "list of 50": sessions,
        "list of 50, behind a cursor": f"{sessions}&cursor={cursor}",
        "list of 50 of a host": f"{sessions}&host={HOSTS[0]}",
        "list of 20 by a word of the title": f"{sessions}&q={TITLED}",
        "list of 50 with most tokens": f"{sessions}&sort=tokens",
        **session_routes(3, turns),
        "search, word in 20 turns": f"/api/v1/search?q={RARE}%20",
        "search, word in 1 % of turns": f"/api/v1/search?q={SELDOM}%20",
        "search, word in 30 % of turns": f"/api/v1/search?q={COMMON}%20",
        "search, newest first": f"/api/v1/search?order=time&q={COMMON}%20",
        "statistics, totals": "/api/v1/stats",
        "statistics by month": "/api/v1/stats?group_by=month",
        "statistics by day of one week": (
            "/api/v1/stats?group_by=day&since=2026-01-05&until=2026-01-12"
        ),
        f"{PROJECTS} projects": "/api/v1/projects?join=directory",
        "tools": "/api/v1/tools",
        "hosts": "/api/v1/hosts",
    }


def everybody_routes() -> dict[str, str]:
    """Return the routes by which an admin reads of all owners, by name."""
    return {
        "list of 50, everybody's": "/api/v1/sessions?limit=50&owner=*",
        "search, word in 20 turns, everybody's": f"/api/v1/search?q={RARE}%20&owner=*",
        "statistics, totals, everybody's": "/api/v1/stats?owner=*",
        "tools, everybody's": "/api/v1/tools?owner=*",
    }


def session_routes(session: int, turns: int) -> dict[str, str]:
    """Return the routes that read of one session, by name.

    Args:
        session: by number.
        turns: that it has at least.
    """
    path = session_path(session)
    middle = make_turn(session, turns // 2, "")
    return {
        "session, first 100 turns": f"{path}?turns=100",
        "session, last 100 turns": f"{path}?turns=100&before={_END}",
        "session, 100 turns around one": f"{path}?turns=100&around={middle['turn_id']}",
        "session, 100 turns behind a place": f"{path}?turns=100&after={middle['seq']}",
        "find in a session, 50 of many": f"{path}/find?limit=50&q={COMMON}%20",
        "related sessions": f"{path}/related",
        "digest of a session": f"{path}/digest",
    }


def session_path(session: int) -> str:
    """Return the path of a session.

    Args:
        session: by number.
    """
    return f"/api/v1/sessions/{TOOL}/{session_host(session)}/{session_name(session)}"


class Asking:
    """Asks a server for routes.

    Args:
        deployment: whose server runs.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.client = deployment.connect()

    def costs(self, routes: dict[str, str]) -> dict[str, Cost]:
        """Measure some routes.

        Args:
            routes: by name.
        """
        return {
            name: self._cost(lambda path=path: len(self.client.get_bytes(path)))  # type: ignore[misc]
            for name, path in routes.items()
        }

    def first_byte(self, session: int) -> Cost:
        """Measure an export until its first byte; then it is broken off.

        Args:
            session: by number.
        """
        path = f"{session_path(session)}/export"
        return self._cost(lambda: len(self.client.first_byte(path)))

    def append(self, session: int) -> Cost:
        """Measure the storing of one more turn, behind all others.

        Args:
            session: by number.
        """
        number = int(time.time())

        def ask() -> int:
            nonlocal number
            number += 1
            turn = make_turn(session, number, f"appended {number}")
            turn["timestamp"] = time.time()
            return len(self.client.post_lines(json.dumps(turn).encode()))

        return self._cost(ask)

    def _cost(self, ask: Callable[[], int]) -> Cost:
        return cost_of(self._deployment.server_pid, ask)
