"""The tokens in a data directory, for commands; works beside a running server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import apsw

from lethe_core.errors import ConfigInvalid
from lethe_server.storage import tokens
from lethe_server.storage.database import open_database, prepare_directory
from lethe_server.storage.faults import translated_faults
from lethe_server.storage.migrations import migrate
from lethe_server.storage.transactions import write_transaction

if TYPE_CHECKING:
    from pathlib import Path

    from lethe_server.storage.tokens import TokenRow


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

    def create(
        self,
        *,
        owner: str,
        name: str,
        scopes: frozenset[str],
        digest: bytes,
        expires_at: float | None = None,
    ) -> None:
        """Store a token.

        Args:
            owner: whose archive it opens.
            name: for people; one token in force per owner and name.
            scopes: what it allows.
            digest: of its secret.
            expires_at: Unix seconds.

        Raises:
            ConfigInvalid: the name is taken.
            Unavailable: the database cannot be written now.
        """
        try:
            with translated_faults(), write_transaction(self._connection):
                tokens.create_token(
                    self._connection,
                    owner=owner,
                    name=name,
                    scopes=scopes,
                    digest=digest,
                    now=time.time(),
                    expires_at=expires_at,
                )
        except apsw.ConstraintError:
            raise ConfigInvalid(
                f"{owner} has a token named {name!r}",
                hint="revoke it first, or choose another name",
            ) from None

    def revoke(self, *, owner: str, name: str) -> bool:
        """Put a token out of force; tell whether there was one.

        Args:
            owner: whose.
            name: of the token.

        Raises:
            Unavailable: the database cannot be written now.
        """
        with translated_faults(), write_transaction(self._connection):
            return tokens.revoke_token(self._connection, owner=owner, name=name, now=time.time())

    def find(self, digest: bytes) -> TokenRow | None:
        """Return the token of a digest, or `None` if there is none in force.

        Args:
            digest: of a secret.
        """
        with translated_faults():
            row = tokens.find_token(self._database, digest)
        return row if row is not None and row.is_valid(time.time()) else None

    def list(self) -> list[TokenRow]:
        """Return all tokens, those that were revoked as well."""
        with translated_faults():
            return tokens.list_tokens(self._database)

    @property
    def _connection(self) -> Any:
        return self._database.connection()
