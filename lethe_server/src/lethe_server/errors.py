"""The errors of the server, beside those of `lethe_core.errors`.

    UsageError
    ├── Unauthorized            UNAUTHORIZED: no credential, or one that fails
    ├── Forbidden               FORBIDDEN: a known user who may not
    ├── NotFound                NOT_FOUND
    ├── InvalidRequest          INVALID
    ├── Conflict                CONFLICT
    ├── UnsupportedMedia        UNSUPPORTED_MEDIA_TYPE
    ├── RequestTimeout          REQUEST_TIMEOUT
    ├── HostNotAllowed          HOST_NOT_ALLOWED
    └── CrossOrigin             CROSS_ORIGIN
    Unavailable
    ├── Overloaded              UNAVAILABLE
    ├── StorageFull             STORAGE_FULL
    ├── StorageFailed           UNAVAILABLE
    │   └── StorageDamaged      INTEGRITY
    └── QueryTimeout            QUERY_TIMEOUT

`lethe_server.problems` maps them to status codes.
"""

from __future__ import annotations

from typing import ClassVar

from lethe_core.errors import Unavailable, UsageError


class Unauthorized(UsageError):
    """No credential came with the request, or one that fails."""

    code = "UNAUTHORIZED"
    hint = "send `Authorization: Bearer TOKEN`; `lethe-server token create` makes a token"


class Forbidden(UsageError):
    """The user is known and may not do this."""

    code = "FORBIDDEN"
    hint = "the administrator lists users in `auth.allowed_users`"


class NotFound(UsageError):
    """There is no such thing, or it belongs to somebody else: nobody can tell which (A3)."""

    code = "NOT_FOUND"


class InvalidRequest(UsageError):
    """A parameter, header or body is wrong.

    Args:
        message: what is wrong, without the value.
        parameter: the parameter or header; empty for the whole request.
    """

    code = "INVALID"

    def __init__(self, message: str, *, parameter: str = "", hint: str = "") -> None:
        super().__init__(f"{parameter}: {message}" if parameter else message, hint=hint)
        self.parameter = parameter


class Conflict(UsageError):
    """What is there already stands against it."""

    code = "CONFLICT"


class UnsupportedMedia(UsageError):
    """The body has a content type or an encoding that the server does not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class RequestTimeout(UsageError):
    """The body did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    retryable = True


class HostNotAllowed(UsageError):
    """The `Host` header names somebody else (A4: DNS rebinding)."""

    code = "HOST_NOT_ALLOWED"
    hint = "add the name to `allowed_hosts` in the server's configuration"


class CrossOrigin(UsageError):
    """A web page of another origin tries to change something (A4)."""

    code = "CROSS_ORIGIN"


class Overloaded(Unavailable):
    """There is too much to do now."""

    #: Seconds after which it is worth to try again.
    retry_after: ClassVar[int] = 2


class StorageFull(Unavailable):
    """The disk, or the database's bound, is full."""

    code = "STORAGE_FULL"
    hint = "free some space on the disk of `data_dir`; the server recovers by itself"
    retry_after: ClassVar[int] = 30


class StorageFailed(Unavailable):
    """The database could not be read or written now."""

    hint = "the server's log says why"
    retry_after: ClassVar[int] = 5


class StorageDamaged(StorageFailed):
    """The database is not what was written: a page or a table is damaged."""

    code = "INTEGRITY"
    hint = "`lethe-server integrity` says what; mend the index with it, or restore a backup"
    retry_after: ClassVar[int] = 60


class QueryTimeout(Unavailable):
    """A query took longer than its time budget."""

    code = "QUERY_TIMEOUT"
    hint = "ask for less: a shorter time, fewer rows"
    retry_after: ClassVar[int] = 5
