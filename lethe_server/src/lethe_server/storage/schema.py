"""Tables that are asked through the query builder, as peewee sees them.

The migrations make all tables; these models describe some to the query builder, and a test
compares the two. They are bound to no database: each query gives its SQL, `query.sql()`, and is
executed on the connection at hand. What is asked often is written as SQL: see
`lethe_server.storage.turns` and `lethe_server.storage.sessions`.
"""

from __future__ import annotations

from peewee import AutoField, BlobField, DoubleField, IntegerField, Model, TextField


class Owner(Model):
    """Somebody who has an archive."""

    id = AutoField()
    name = TextField()

    class Meta:
        table_name = "owners"


class Token(Model):
    """A token of lethe; the secret itself is never stored."""

    id = AutoField()
    owner = IntegerField()
    name = TextField()
    scopes = TextField()
    hash = BlobField()
    created_at = DoubleField()
    expires_at = DoubleField(null=True)
    last_used_at = DoubleField(null=True)
    revoked_at = DoubleField(null=True)

    class Meta:
        table_name = "tokens"
