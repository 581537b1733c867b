"""The report of a collector, as it is sent."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, fields, validate

from lethe_core.limits import MAX_INTEGER, NAME_PATTERN

#: Most sources that are named one by one.
MAX_OPEN: Final = 50
_MAX_TOOLS: Final = 100
_LONGEST: Final = 1000


def _count(text: str) -> fields.Integer:
    bounds = validate.Range(0, MAX_INTEGER)
    return fields.Integer(
        strict=True, load_default=0, validate=bounds, metadata={"description": text}
    )


class _Flag(fields.Boolean):
    """``true`` or ``false``; nothing that merely looks like it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class _Part(Schema):
    """Base: what a newer collector says beyond this is left out."""

    class Meta:
        unknown = EXCLUDE


class ToolReport(_Part):
    """One tool on the machine."""

    files = _count("Sources that are known, those that vanished included.")
    archived = _count("Of them, those of which everything is in the archive.")
    lagging = _count("Those with something that has not been read.")
    waiting = _count("Those with something in the outbox.")
    gone = _count("Those that the tool has deleted; their turns stay.")
    failing = _count("Those that cannot be read.")
    bytes = _count("Bytes of all of them.")
    lagging_bytes = _count("Bytes that have not been read: lost if the tool deleted them now.")
    turns = _count("Events that were made of them.")
    unmapped = _count("Records that could not be mapped; they are archived as they are.")
    refused = _count("Events that the server refused for good.")
    lost_bytes = _count("Bytes that vanished before they were read.")
    lost_turns = _count("At most so many turns were lost with the server's database.")


class OpenSource(_Part):
    """A source that is not archived yet, and why."""

    tool = fields.String(required=True, validate=validate.Length(1, 64))
    path = fields.String(required=True, validate=validate.Length(1, _LONGEST))
    why = fields.String(required=True, validate=validate.Length(1, _LONGEST))
    lagging_bytes = _count("Bytes that have not been read.")


class OutboxReport(_Part):
    """What waits on the machine's disk."""

    lines = _count("Events.")
    bytes = _count("Bytes.")
    full = _Flag(load_default=False)


class ReportBody(_Part):
    """A report."""

    version = fields.String(load_default="", validate=validate.Length(0, 64))
    tools: ClassVar[Any] = fields.Dict(
        keys=fields.String(validate=validate.Regexp(NAME_PATTERN)),
        values=fields.Nested(ToolReport),
        required=True,
        validate=validate.Length(0, _MAX_TOOLS),
    )
    outbox = fields.Nested(OutboxReport, load_default=dict)
    open: ClassVar[Any] = fields.List(
        fields.Nested(OpenSource), load_default=list, validate=validate.Length(0, MAX_OPEN)
    )


REPORT_BODY: Final = ReportBody()
