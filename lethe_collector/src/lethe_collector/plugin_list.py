"""The list of plugins for people and scripts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lethe_collector.discovery import roots_of
from lethe_core.outcomes import FAILURES, describe_failure
from lethe_core.patience import call_within

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from lethe_core.parser import Parser
    from lethe_core.plugins import ParserRegistry

#: How long a parser may take to name its places, in seconds.
ROOT_SECONDS: Final = 10.0


def describe_plugins(registry: ParserRegistry) -> list[dict[str, Any]]:
    """Say what became of each plugin, as `status` and `plugins` show it."""
    return [
        {
            "name": report.name,
            "distribution": report.distribution,
            "version": report.version,
            "status": report.status,
            "tools": report.tools,
            "error": report.error,
            "hint": report.hint,
        }
        for report in registry.reports
    ]


def describe(
    registry: ParserRegistry, configured: Mapping[str, Sequence[Path]]
) -> list[dict[str, Any]]:
    """Describe each plugin and the parsers that it provides.

    Args:
        registry: what was loaded.
        configured: for a tool, the places to look at instead of its usual ones.
    """
    rows = describe_plugins(registry)
    for row in rows:
        row["parsers"] = [
            _describe_parser(registry.get(tool), configured.get(tool))
            for tool in row["tools"]
            if tool in registry
        ]
    return rows


def _describe_parser(parser: Parser, configured: Sequence[Path] | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tool": parser.tool,
        "label": parser.label,
        "version": parser.version,
        "api": ".".join(map(str, parser.api)),
        "roots": [],
        "error": "",
    }
    try:
        roots = call_within(ROOT_SECONDS, partial(roots_of, parser, configured))
        described["roots"] = [{"path": str(root), "exists": root.exists()} for root in roots]
    except TimeoutError as error:
        described["error"] = f"default_roots gave {error}"
    except FAILURES as error:
        described["error"] = describe_failure(error, "default_roots")
    return described


def tell(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Write the list as people read it."""
    if not rows:
        yield "no parser plugin is installed; try: pip install lethe-claude-code"
    for row in rows:
        yield f"{row['name']} ({row['distribution']} {row['version']}): {row['status']}"
        if row["error"]:
            yield f"  error: {row['error']}"
            yield f"  hint: {row['hint']}"
        for parser in row["parsers"]:
            yield (
                f"  {parser['tool']} ({parser['label']}), mapping {parser['version']},"
                f" parser contract {parser['api']}"
            )
            for root in parser["roots"]:
                yield f"    {'looks at' if root['exists'] else 'not there:'} {root['path']}"
            if parser["error"]:
                yield f"    error: {parser['error']}"
