"""The page about the API: written from the specification, with no script and nothing from afar."""

from __future__ import annotations

import json
import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

from lethe_server.middleware.security_headers import CONTENT_POLICY

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The page may load its style from here, and nothing else.
PAGE_POLICY: Final = f"{CONTENT_POLICY}; style-src 'self'"
#: The style of the page, at ``docs.css`` beside it.
STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --mark: #1a7f5a; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
nav { columns: 28rem; } nav a { display: block; overflow-wrap: anywhere; }
a { color: inherit; }
h2 { margin-top: 3rem; } h3 { margin-top: 2.5rem; scroll-margin-top: 1rem; }
code, pre { font: 0.9em/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.75rem; overflow-x: auto; }
h3 code { background: var(--soft); padding: 0.15rem 0.4rem; border-radius: 0.3rem; }
b { color: var(--mark); }
table { border-collapse: collapse; width: 100%; margin-bottom: 1.5rem; }
td, th { text-align: left; vertical-align: top; padding: 0.3rem 1rem 0.3rem 0; }
td, th { border-bottom: 1px solid var(--line); }
td:first-child { white-space: nowrap; }
"""


def write_page(spec: dict[str, Any]) -> str:
    """Write the page.

    Args:
        spec: OpenAPI.
    """
    title, version = escape(spec["info"]["title"]), escape(spec["info"]["version"])
    intro = (
        f"{escape(spec['info']['description'])} Send <code>Authorization: Bearer TOKEN</code>, or"
        " come through a proxy that has signed you in. Times are Unix seconds."
        ' <a href="openapi.json">openapi.json</a> says the same for programs.'
    )
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{title}: the API</title>",
            '<link rel="stylesheet" href="docs.css"></head><body>',
            f"<h1>{title} {version}: the API</h1>",
            f"<p>{intro}</p>",
            *_contents(spec),
            *_operations(spec),
            "<h2>Types</h2>",
            *_types(spec),
            "</body></html>",
        ]
    )


def _contents(spec: dict[str, Any]) -> Iterator[str]:
    yield "<nav>"
    for method, path, operation in _each(spec):
        name = escape(operation["operationId"])
        yield f'<a href="#{name}"><code>{method} {escape(path)}</code></a>'
    yield "</nav>"


def _operations(spec: dict[str, Any]) -> Iterator[str]:
    for tag in spec["tags"]:
        yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{escape(tag['description'])}</p>"
        for method, path, operation in _each(spec):
            if tag["name"] in operation["tags"]:
                yield from _operation(method, path, operation)


def _operation(method: str, path: str, operation: dict[str, Any]) -> Iterator[str]:
    name = escape(operation["operationId"])
    yield f'<h3 id="{name}"><code><b>{method}</b> {escape(path)}</code></h3>'
    yield f"<p>{escape(operation['summary'])}</p>"
    yield f"<pre>{escape(_example(method, path, operation))}</pre>"
    if operation["parameters"]:
        yield "<table><tr><th>parameter</th><th>what it may be</th><th>meaning</th></tr>"
        for one in operation["parameters"]:
            needed = ", required" if one.get("required") else ""
            place = "" if one["in"] == "query" else f" ({one['in']})"
            yield (
                f"<tr><td><code>{escape(one['name'])}</code>{place}</td>"
                f"<td>{_kind(one['schema'])}{needed}</td>"
                f"<td>{_prose(one.get('description', ''))}</td></tr>"
            )
        yield "</table>"
    if "requestBody" in operation:
        for kind, content in operation["requestBody"]["content"].items():
            yield f"<p>The body is <code>{escape(kind)}</code>.</p>"
            yield from _fields(content["schema"])
    yield "<table><tr><th>status</th><th>answer</th></tr>"
    for status, response in operation["responses"].items():
        kinds = " or ".join(
            f"<code>{escape(kind)}</code> {_kind(content['schema'])}"
            for kind, content in response.get("content", {}).items()
        )
        text = _prose(response["description"])
        yield f"<tr><td>{status}</td><td>{text} {kinds}</td></tr>"
    yield "</table>"


def _types(spec: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(spec["components"]["schemas"].items()):
        yield f'<h3 id="{escape(name)}"><code>{escape(name)}</code></h3>'
        yield from _fields(schema)


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{_prose(schema.get('description', ''))}</p>"
    if "properties" not in schema:
        return
    yield "<table><tr><th>field</th><th>what it is</th><th>meaning</th></tr>"
    for field, described in schema["properties"].items():
        absent = "" if field in schema.get("required", ()) else ", may be absent"
        yield (
            f"<tr><td><code>{escape(field)}</code></td><td>{_kind(described)}{absent}</td>"
            f"<td>{_prose(described.get('description', ''))}</td></tr>"
        )
    yield "</table>"


def _each(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _example(method: str, path: str, operation: dict[str, Any]) -> str:
    words = ["curl", "-H", '"Authorization: Bearer $TOKEN"']
    if "requestBody" in operation:
        (kind,) = operation["requestBody"]["content"]
        words += ["-H", f'"Content-Type: {kind}"', "--data-binary", "@body"]
    if method not in {"GET", "POST"}:
        words += ["-X", method]
    needed = [one["name"] for one in operation["parameters"] if one.get("required")]
    query = "&".join(f"{name}=..." for name in needed if f"{{{name}}}" not in path)
    return " ".join([*words, f'"$LETHE{path}{"?" if query else ""}{query}"'])


def _kind(schema: dict[str, Any]) -> str:
    """Say in HTML what a value may be."""
    match schema:
        case {"$ref": reference}:
            name = escape(reference.rpartition("/")[2])
            return f'<a href="#{name}">{name}</a>'
        case {"anyOf": choices}:
            return " or ".join(_kind(choice) for choice in choices)
        case {"enum": words}:
            choices = " | ".join(f"<code>{escape(str(word))}</code>" for word in words)
            return choices + _default(schema)
        case {"type": "array"}:
            return f"list of {_kind(schema.get('items', {}))}"
        case {"type": list() as kinds}:
            return " or ".join(escape(kind) for kind in kinds)
    text = escape(schema.get("type", "anything"))
    if "minimum" in schema and "maximum" in schema:
        text += f", {schema['minimum']} to {schema['maximum']}"
    return text + _default(schema)


def _default(schema: dict[str, Any]) -> str:
    if "default" not in schema:
        return ""
    return f", <code>{escape(json.dumps(schema['default']).strip(chr(34)))}</code> unless told"


def _prose(text: str) -> str:
    """Write text in HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split())))
