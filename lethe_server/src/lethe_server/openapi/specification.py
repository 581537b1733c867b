"""The specification: OpenAPI 3.1, made from the schemas that validate and serialise.

apispec turns the marshmallow schemas of queries into parameters, msgspec the types of answers
into JSON Schema; the lines of an ingest are described by the contract of the wire.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import TYPE_CHECKING, Any, Final

import msgspec
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from lethe_core.json_schema import make_json_schema
from lethe_server import __version__
from lethe_server.events.messages import SessionEvent
from lethe_server.openapi.operations import JSON, OPERATIONS, ProblemAnswer
from lethe_server.parameters import Time
from lethe_server.problems import CONTENT_TYPE as PROBLEM

if TYPE_CHECKING:
    from marshmallow import fields

    from lethe_server.openapi.operations import Operation
    from lethe_server.parameters import Parameters

_REFERENCE: Final = "#/components/schemas/{name}"
_PATH_NAMES: Final = {
    "tool": "The tool, such as claude-code.",
    "host": "The machine.",
    "session_id": "The session's own id.",
    "id": "The id.",
    "name": "The name.",
}
_FAILURES: Final = {
    "400": "A parameter, header or body is wrong.",
    "401": "Not signed in.",
    "403": "Not allowed.",
    "503": "Not now; `Retry-After` tells when to try again.",
}
_BODY_FAILURES: Final = {
    "408": "The body did not arrive in time.",
    "413": "The body is too large.",
    "415": "The body is of a type or encoding that is not read.",
}
_SUBJECTS: Final = {
    "ingest": "What collectors send.",
    "search": "Words, and the turns that hold them.",
    "sessions": "Sessions and their turns.",
    "figures": "Sums.",
    "saved": "Saved searches.",
    "account": "Who asks, and their tokens.",
    "events": "What changes.",
    "documentation": "The API itself.",
}
_LINES: Final = "One event a line, each a `WireTurn` or a `WireSession`; docs/wire.md tells more."


@functools.cache
def make_specification() -> dict[str, Any]:
    """Make the specification."""
    plugin = MarshmallowPlugin()
    spec = APISpec(
        title="lethe",
        version=__version__,
        openapi_version="3.1.0",
        plugins=[plugin],
        info={"description": "The archive of AI coding-assistant sessions."},
        security=[{"token": []}],
        tags=[{"name": name, "description": text} for name, text in _SUBJECTS.items()],
    )
    assert plugin.converter is not None
    plugin.converter.add_attribute_function(_describe_time)  # type: ignore[no-untyped-call]
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    answers = _add_answers(spec)
    _add_wire(spec)
    for (method, path), operation in OPERATIONS.items():
        described = {
            "tags": [operation.subject],
            "operationId": operation_id(method, path),
            "summary": operation.summary,
            "parameters": [
                *_path_parameters(path),
                *_query_parameters(plugin, operation.parameters),
                *(_header(*header) for header in operation.headers),
            ],
            "responses": _responses(path, operation, answers.get(id(operation))),
        }
        content = _content(plugin, operation)
        if content:
            described["requestBody"] = {"required": True, "content": content}
        spec.path(path, operations={method.lower(): described})
    made: dict[str, Any] = spec.to_dict()
    return made


def operation_id(method: str, path: str) -> str:
    """Name an operation for programs that are generated.

    Args:
        method: of HTTP.
        path: of the route.
    """
    parts = [part for part in path.removeprefix("/api/v1/").split("/") if "{" not in part]
    name = "_".join(parts).replace(".", "_").replace("-", "_")
    if path.endswith("}"):
        name = name.removesuffix("es" if name.endswith("ches") else "s")
    return f"{method.lower()}_{name}"


def _add_answers(spec: APISpec) -> dict[int, Any]:
    """Add the schemas of all answers; return for each operation that of its own."""
    named = {id(one): one.answer for one in OPERATIONS.values() if one.answer is not None}
    types = [*named.values(), SessionEvent, ProblemAnswer]
    schemas, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    for name, schema in components.items():
        spec.components.schema(name, component=schema)
    return dict(zip(named, schemas, strict=False))


def _add_wire(spec: APISpec) -> None:
    """Add the schemas of what is ingested, from the contract of the wire."""
    definitions = make_json_schema()["$defs"]
    names = {name: "Wire" + name.title().replace("_", "") for name in definitions}
    text = json.dumps(definitions)
    for name, fresh in names.items():
        text = text.replace(f'"#/$defs/{name}"', f'"{_REFERENCE.format(name=fresh)}"')
    for name, schema in json.loads(text).items():
        spec.components.schema(names[name], component=schema)


def _content(plugin: MarshmallowPlugin, operation: Operation) -> dict[str, Any]:
    """Describe what is sent, by its content type."""
    if operation.body:
        return {operation.body: {"schema": {"type": "string", "description": _LINES}}}
    if operation.takes is None:
        return {}
    assert plugin.converter is not None
    schema = plugin.converter.schema2jsonschema(operation.takes)  # type: ignore[no-untyped-call]
    if operation.partial:
        schema.pop("required", None)
    return {JSON: {"schema": schema}}


def _responses(path: str, operation: Operation, answer: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        kind: {"schema": (answer or {}) if kind == JSON else {"type": "string"}}
        for kind in operation.kinds
    }
    success: dict[str, Any] = {"description": operation.summary}
    if content:
        success["content"] = content
    described: dict[str, Any] = {str(operation.status): success}
    if operation.tagged:
        success["headers"] = {"ETag": {"schema": {"type": "string"}}}
        described["304"] = {"description": "What the client has still holds."}
    failures = dict(_FAILURES)
    if "{" in path:
        failures["404"] = "There is no such thing here."
    if operation.body or operation.takes:
        failures |= _BODY_FAILURES
    if operation.takes:
        failures["409"] = "What is there already stands against it."
    problem = {PROBLEM: {"schema": {"$ref": _REFERENCE.format(name="ProblemAnswer")}}}
    for status, text in sorted(failures.items()):
        described[status] = {"description": text, "content": problem}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": {"type": "string"},
        }
        for name, text in _PATH_NAMES.items()
        if f"{{{name}}}" in path
    ]


def _query_parameters(plugin: MarshmallowPlugin, schema: Parameters) -> list[dict[str, Any]]:
    assert plugin.converter is not None
    parameters: list[dict[str, Any]] = plugin.converter.schema2parameters(schema, location="query")
    for parameter in parameters:
        described = parameter["schema"]
        # A parameter is left out, never null.
        kinds = described.get("type")
        if isinstance(kinds, list):
            left = [kind for kind in kinds if kind != "null"]
            described["type"] = left[0] if len(left) == 1 else left
        words = described.get("enum")
        if words:
            described["enum"] = [word for word in words if word is not None]
        described.pop("default", None)
        default = schema.fields[parameter["name"]].load_default
        if isinstance(default, dt.tzinfo):
            described["default"] = str(default)
        elif isinstance(default, str) or (
            isinstance(default, int) and default >= described.get("minimum", default)
        ):  # a default beyond the bounds stands for nothing that could be sent
            described["default"] = default
        if parameter["name"] in schema.repeatable:
            parameter["schema"] = {"type": "array", "items": described}
    return parameters


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}


def _describe_time(_: object, field: fields.Field[Any], **__: object) -> dict[str, Any]:
    """A moment is a number, or a text of ISO 8601."""
    return {"type": ["number", "string"]} if isinstance(field, Time) else {}
