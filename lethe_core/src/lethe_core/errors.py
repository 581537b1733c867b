"""The errors of lethe, in one tree.

    LetheError
    ├── UsageError                 the caller's fault: mend the call, the file or the setting
    │   ├── ConfigInvalid          CONFIG_INVALID
    │   ├── InvalidEvent           INVALID
    │   ├── TooLarge               TOO_LARGE
    │   ├── WireVersionUnknown     WIRE_VERSION
    │   └── UnknownTool            UNKNOWN_TOOL
    ├── SourceError                a transcript cannot be read as it stands
    │   ├── SourceReplaced         SOURCE_REPLACED
    │   ├── SourceUnreadable       SOURCE_UNREADABLE
    │   └── SourceUnsupported      SOURCE_UNSUPPORTED
    ├── PluginError                PLUGIN_ERROR
    └── Unavailable                UNAVAILABLE

Each has a stable `code` (it goes over the wire and into `status`), a `hint` (what an operator
does next) and says whether the same thing may pass later (`retryable`).
"""

from __future__ import annotations

from typing import ClassVar


class LetheError(Exception):
    """Base of all errors of lethe; never raised itself.

    Args:
        message: what is wrong and where, in one line without content of a transcript.
        hint: how to mend it; the class's own hint if empty.
    """

    code: ClassVar[str] = "ERROR"
    hint: str = ""
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        if hint:
            self.hint = hint


class UsageError(LetheError):
    """The caller's fault: the same call fails again until something is mended."""

    code = "INVALID"


class ConfigInvalid(UsageError):
    """A configuration file, environment variable or option is wrong."""

    code = "CONFIG_INVALID"


class InvalidEvent(UsageError):
    """An event does not follow the wire schema.

    Args:
        message: what is wrong.
        field: the path of the field, such as ``session_meta.relation``; empty for the whole line.
    """

    code = "INVALID"
    hint = "see docs/wire.md for what each field may hold"

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message, hint=hint)
        self.field = field


class TooLarge(UsageError):
    """Something exceeds a bound of `lethe_core.limits`."""

    code = "TOO_LARGE"


class WireVersionUnknown(UsageError):
    """The other end speaks a version of the wire that this end does not know."""

    code = "WIRE_VERSION"
    hint = "upgrade the older of collector and server"


class UnknownTool(UsageError):
    """No loaded parser reads this tool."""

    code = "UNKNOWN_TOOL"
    hint = "`lethe-collector plugins` lists the parsers that are installed"


class SourceError(LetheError):
    """A source cannot be read as it stands; other sources are not concerned."""

    code = "SOURCE_ERROR"


class SourceReplaced(SourceError):
    """The bytes before a cursor are not those that were read.

    The source was truncated, rewritten or replaced; it is read again from its beginning, as a
    new generation.
    """

    code = "SOURCE_REPLACED"
    retryable = True


class SourceUnreadable(SourceError):
    """The source cannot be opened or read now: permission, I/O error, lock."""

    code = "SOURCE_UNREADABLE"
    hint = "check the permissions of the file and the disk it lies on"
    retryable = True


class SourceUnsupported(SourceError):
    """The source is of a form that the parser does not know."""

    code = "SOURCE_UNSUPPORTED"
    hint = "upgrade the parser plugin, or report the tool's version to its author"


class PluginError(LetheError):
    """A plugin failed to load or broke its contract."""

    code = "PLUGIN_ERROR"
    hint = "upgrade the plugin, uninstall it, or report the error to its author"


class Unavailable(LetheError):
    """It did not work now and may work later."""

    code = "UNAVAILABLE"
    retryable = True
