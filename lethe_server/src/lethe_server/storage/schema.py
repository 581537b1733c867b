"""The tables, as peewee sees them.

The migrations make the tables; these models describe them to the query builder, and a test
compares the two. They are bound to no database: each query is executed on the connection that it
is given, `query.execute(database)`. The hot statements of ingest are SQL: see
`lethe_server.storage.turns`.
"""

from __future__ import annotations

from peewee import AutoField, BlobField, CompositeKey, DoubleField, IntegerField, Model, TextField


class Owner(Model):
    """Somebody who has an archive."""

    id = AutoField()
    name = TextField()

    class Meta:
        table_name = "owners"


class Session(Model):
    """A session, with the figures that ingest keeps up to date."""

    id = AutoField()
    owner = IntegerField()
    tool = TextField()
    host = TextField()
    session_id = TextField()
    started_at = DoubleField(null=True)
    last_activity = DoubleField(null=True)
    turns = IntegerField()
    prompts = IntegerField()
    user_turns = IntegerField()
    assistant_turns = IntegerField()
    tool_turns = IntegerField()
    system_turns = IntegerField()
    tool_calls = IntegerField()
    unmapped = IntegerField()
    tokens_in = IntegerField()
    tokens_out = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    reasoning = IntegerField()
    cost_nano = IntegerField()
    title = TextField(null=True)
    preview = TextField(null=True)
    working_dir = TextField(null=True)
    git_branch = TextField(null=True)
    parent_session_id = TextField(null=True)
    relation = TextField(null=True)
    source_file = TextField(null=True)
    metadata = BlobField(null=True)
    state = BlobField()
    version = IntegerField()

    class Meta:
        table_name = "sessions"


class Usage(Model):
    """Tokens of one API reply: field by field the greatest that its turns say.

    `turn` is the one that it counts with.
    """

    id = AutoField()
    owner = IntegerField()
    tool = TextField()
    key = TextField()
    input = IntegerField()
    output = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    reasoning = IntegerField()
    cost_nano = IntegerField()
    turn = IntegerField(null=True)

    class Meta:
        table_name = "usage"


class Turn(Model):
    """A turn; `usage` refers to the API reply that its tokens belong to, if they are shared."""

    id = AutoField()
    owner = IntegerField()
    session = IntegerField()
    seq = IntegerField()
    seq_version = IntegerField()
    revision = IntegerField()
    parser_version = IntegerField()
    digest = IntegerField()
    role = TextField()
    kind = TextField(null=True)
    timestamp = DoubleField(null=True)
    model = TextField(null=True)
    calls = IntegerField()
    usage = IntegerField(null=True)
    tokens_in = IntegerField()
    tokens_out = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    reasoning = IntegerField()
    cost_nano = IntegerField()
    turn_id = TextField()
    content = TextField()
    payload = BlobField(null=True)

    class Meta:
        table_name = "turns"


class Activity(Model):
    """What happened in a quarter of an hour; see `lethe_server.storage.activity`."""

    owner = IntegerField()
    slot = IntegerField()
    session = IntegerField()
    role = TextField()
    model = TextField()
    turns = IntegerField()
    tokens_in = IntegerField()
    tokens_out = IntegerField()
    cache_read = IntegerField()
    cache_write = IntegerField()
    reasoning = IntegerField()
    cost_nano = IntegerField()

    class Meta:
        table_name = "activity"
        primary_key = CompositeKey("owner", "slot", "session", "role", "model")


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
