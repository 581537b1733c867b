"""Reports of collectors: of each owner and host the newest one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from lethe_server.storage.owners import ensure_owner

if TYPE_CHECKING:
    import apsw

#: Most hosts of one owner of which reports are kept; the oldest report goes first.
MAX_HOSTS: Final = 1000

_STORE: Final = """
    INSERT INTO host_reports (owner, host, received_at, report) VALUES (?, ?, ?, ?)
    ON CONFLICT (owner, host) DO UPDATE
    SET received_at = excluded.received_at, report = excluded.report
"""
_TRIM: Final = """
    DELETE FROM host_reports WHERE owner = ?1 AND host IN (
        SELECT host FROM host_reports WHERE owner = ?1
        ORDER BY received_at DESC LIMIT -1 OFFSET ?2)
"""
_FIND: Final = """
    SELECT o.name, r.received_at, r.report FROM host_reports AS r
    JOIN owners AS o ON o.id = r.owner
    WHERE (:owner IS NULL OR o.name = :owner) AND r.host = :host ORDER BY o.id
"""


class HostReport(NamedTuple):
    """What a collector said.

    Args:
        received_at: Unix seconds, by the server's clock.
        report: a JSON object.
    """

    received_at: float
    report: str


def store_report(connection: apsw.Connection, owner: str, host: str, report: HostReport) -> None:
    """Keep a report in the place of the one before.

    Args:
        connection: in a transaction.
        owner: whose machine.
        host: its name.
        report: what was said.
    """
    number = ensure_owner(connection, owner)
    connection.execute(_STORE, (number, host, report.received_at, report.report))
    connection.execute(_TRIM, (number, MAX_HOSTS))


def find_reports(
    connection: apsw.Connection, owner: str | None, host: str
) -> list[tuple[str, HostReport]]:
    """Return the newest report of a host, with the name of its owner.

    Args:
        connection: that reads.
        owner: whose machine; of `None` the machines of this name of everybody.
        host: its name.
    """
    rows: list[Any] = connection.execute(_FIND, {"owner": owner, "host": host}).fetchall()
    return [(name, HostReport(*row)) for name, *row in rows]
