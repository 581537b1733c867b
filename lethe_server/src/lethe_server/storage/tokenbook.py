"""The tokens in a data directory, for commands; works beside a running server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from lethe_core.errors import ConfigInvalid
from lethe_server.storage import tokens
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.migrations import migrate
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from lethe_server.storage.tokens import NewToken, TokenRow


class TokenBook:
    """Reads and writes tokens; a context manager.

    Args:
        directory: the server's `data_dir`; the database is made if there is none.

    Raises:
        ConfigInvalid: the directory cannot be used.
        Unavailable: the database cannot be opened now.
    """

    def __init__(self, directory: Path) -> None:
        self._database = open_database(prepare_directory(directory), writer=True)
        try:
            migrate(self._connection)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self._database.close()

    def add(self, owner: str, token: NewToken) -> None:
        """Store a token.

        Args:
            owner: whose archive it opens.
            token: that is new.

        Raises:
            ConfigInvalid: the name is taken.
            Unavailable: the database cannot be written now.
        """
        with translated_faults(), write_transaction(self._connection):
            added = tokens.add_token(self._connection, owner, token)
        if not added:
            raise ConfigInvalid(
                f"{owner} has a token named {token.name!r}",
                hint="revoke it first, or choose another name",
            )

    def revoke(self, *, owner: str, name: str) -> bool:
        """Put a token out of force; tell whether there was one.

        Args:
            owner: whose.
            name: of the token.

        Raises:
            Unavailable: the database cannot be written now.
        """
        with translated_faults(), write_transaction(self._connection):
            return tokens.revoke_token(self._connection, owner, name, time.time())

    def find(self, digest: bytes) -> TokenRow | None:
        """Return the token of a digest, or `None` if there is none in force.

        Args:
            digest: of a secret.
        """
        with translated_faults():
            row = tokens.find_token(self._connection, digest)
        return row if row is not None and row.is_valid(time.time()) else None

    def list(self) -> list[TokenRow]:
        """Return all tokens, those that were revoked as well."""
        with translated_faults():
            return tokens.list_tokens(self._connection)

    @property
    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection = self._database.connection()
        return connection
