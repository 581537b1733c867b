"""The contract of the wire as JSON Schema (2020-12), made from the schemas.

For programs that write or read the wire in another language. The bounds on the length of lines and
on how deep values nest are not part of it; docs/wire.md names them.
"""

from __future__ import annotations

import json
from typing import Any, Final

import click
from marshmallow import Schema, fields, missing, validate

from lethe_core.schema import (
    SessionMetaSchema,
    SessionSchema,
    ToolCallSchema,
    TurnSchema,
    UsageSchema,
)

_NAMES: Final[dict[type[Schema], str]] = {
    TurnSchema: "turn",
    SessionSchema: "session",
    SessionMetaSchema: "session_meta",
    ToolCallSchema: "tool_call",
    UsageSchema: "usage",
}
_TYPES: Final[dict[type[fields.Field[Any]], str]] = {
    fields.String: "string",
    fields.Integer: "integer",
    fields.Float: "number",
    fields.Boolean: "boolean",
    fields.Dict: "object",
    fields.List: "array",
}


def make_json_schema() -> dict[str, Any]:
    """Make the JSON Schema of one line of the wire."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "One line of lethe's wire",
        "oneOf": [{"$ref": "#/$defs/turn"}, {"$ref": "#/$defs/session"}],
        "$defs": {name: _object(schema) for schema, name in _NAMES.items()},
    }


@click.command("schema")
def schema() -> None:
    """Print the JSON Schema of the wire."""
    click.echo(json.dumps(make_json_schema(), indent=2))


def _object(schema: type[Schema]) -> dict[str, Any]:
    instance = schema()
    return {
        "type": "object",
        "description": " ".join((schema.__doc__ or "").split()),
        "required": [name for name, field in instance.fields.items() if field.required],
        "properties": {name: _property(field) for name, field in instance.fields.items()},
    }


def _property(field: fields.Field[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if description := field.metadata.get("description"):
        made["description"] = description
    if field.name == "owner":
        return {**made, "not": {}}
    if isinstance(field, fields.Nested):
        reference = {"$ref": f"#/$defs/{_NAMES[type(field.schema)]}"}
        return made | ({"anyOf": [reference, {"type": "null"}]} if field.allow_none else reference)
    kind = next((name for base, name in _TYPES.items() if isinstance(field, base)), None)
    if kind:
        made["type"] = [kind, "null"] if field.allow_none else kind
    if isinstance(field, fields.List):
        made["items"] = _property(field.inner)
    if field.load_default is not missing:
        default = field.load_default
        made["default"] = default() if callable(default) else default
    for validator in field.validators:
        made |= _bounds(validator, nullable=field.allow_none)
    return made


def _bounds(validator: Any, *, nullable: bool) -> dict[str, Any]:
    match validator:
        case validate.Regexp():
            return {"pattern": validator.regex.pattern}
        case validate.OneOf():
            return {"enum": [*validator.choices, None] if nullable else list(validator.choices)}
        case validate.Equal():
            return {"const": validator.comparable}
        case validate.Range():
            return {
                name: bound
                for name, bound in (("minimum", validator.min), ("maximum", validator.max))
                if bound is not None
            }
        case _:
            raise TypeError(f"{type(validator).__name__} has no counterpart in JSON Schema")
