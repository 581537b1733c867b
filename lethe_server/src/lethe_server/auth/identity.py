"""Identity: who asks, and what they may."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal["ingest", "read", "admin"]
#: How who asks was proved.
Proof = Literal["header", "token", "oidc", "session"]

SCOPES: Final[tuple[Scope, ...]] = ("ingest", "read", "admin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A signed-in user.

    Args:
        user: the name; owner of what is stored for this identity.
        scopes: what it may.
        kind: how it was proved.
    """

    user: str
    scopes: frozenset[str]
    kind: Proof

    @property
    def is_admin(self) -> bool:
        """Whether it may read the archives of others."""
        return "admin" in self.scopes
