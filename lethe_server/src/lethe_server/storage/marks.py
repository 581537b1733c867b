"""Marks: what a collector shows to learn whether the archive still has what was acknowledged.

Each answer to an ingest carries a mark, ``NONCE-COMMITS``. The nonce is random and made anew
whenever the archive is opened to be written; the number counts the owner's commits under it. One
row per owner and nonce keeps the last number.

A mark is known if there is a row with its nonce whose number is not smaller. It follows that

* a new database knows no mark;
* one that was set back to an older copy, however that was done, knows exactly the marks of what is
  in the copy: rows of the copy no longer grow, because what comes now is counted under a new nonce.
  So it never happens that a later commit takes the place of one that was lost.

Marks are counted for each owner alone: they tell nobody when others work (A3).
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING, Final

from lethe_server.storage.owners import ensure_owner

if TYPE_CHECKING:
    import apsw

#: Rows that are kept of an owner: so many times the archive was opened and written to. A mark of
#: an older one is unknown; its collector then sends all again, and nothing changes.
MAX_ROWS: Final = 10_000

_FORM: Final = re.compile(r"([0-9a-f]{16})-([0-9]{1,18})")
_COUNT: Final = """
    UPDATE marks SET commits = commits + 1 WHERE owner = ? AND nonce = ? RETURNING commits
"""
_BEGIN: Final = "INSERT INTO marks (owner, nonce, commits) VALUES (?, ?, 1)"
_TRIM: Final = """
    DELETE FROM marks WHERE owner = ?1 AND id <= (
        SELECT id FROM marks WHERE owner = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
"""
_LAST: Final = """
    SELECT nonce, commits FROM marks
    WHERE owner = (SELECT id FROM owners WHERE name = ?) ORDER BY id DESC LIMIT 1
"""
_FIND: Final = """
    SELECT commits FROM marks
    WHERE owner = (SELECT id FROM owners WHERE name = ?) AND nonce = ?
"""


def make_nonce() -> str:
    """Make what tells this opening of an archive from all others."""
    return secrets.token_hex(8)


def advance_mark(connection: apsw.Connection, owner: str, nonce: str) -> str:
    """Count a commit, and return its mark.

    Args:
        connection: in the transaction that is counted.
        owner: whose archive.
        nonce: of this opening.
    """
    number = ensure_owner(connection, owner)
    commits = connection.execute(_COUNT, (number, nonce)).get
    if commits is None:
        connection.execute(_BEGIN, (number, nonce))
        connection.execute(_TRIM, (number, MAX_ROWS))
        commits = 1
    return f"{nonce}-{commits}"


def last_mark(connection: apsw.Connection, owner: str) -> str:
    """Return the mark of an owner's last commit; empty if there was none.

    Args:
        connection: that reads or writes.
        owner: whose archive.
    """
    row = connection.execute(_LAST, (owner,)).fetchone()
    return f"{row[0]}-{row[1]}" if row else ""


def is_known(connection: apsw.Connection, owner: str, mark: str) -> bool:
    """Tell whether all is there that was acknowledged up to a mark.

    Args:
        connection: that reads or writes.
        owner: whose archive.
        mark: as it came; another form than ours is unknown.
    """
    form = _FORM.fullmatch(mark)
    if form is None:
        return False
    commits = connection.execute(_FIND, (owner, form[1])).get
    return commits is not None and int(form[2]) <= commits
