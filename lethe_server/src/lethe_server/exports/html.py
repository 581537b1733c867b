"""Exports in HTML: one page that needs nothing else, runs nothing and loads nothing.

All text is escaped; there is no script and no link, and the page's own policy forbids both.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, ClassVar, Final

from lethe_server.exports.form import Export, ShownTurn, facts_of
from lethe_server.middleware.security_headers import policy_of_style

if TYPE_CHECKING:
    from lethe_server.exports.form import ShownCall
    from lethe_server.storage import TurnRow

_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
article { border-left: 4px solid #8886; margin: 1.5rem 0; padding-left: 1rem; }
.user { border-color: #2a7de1; }
.assistant { border-color: #2a9d5c; }
h2 { font-size: 1rem; margin: 0; }
h2 time, h2 span { color: #888; font-weight: normal; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.5rem 0; }
summary { cursor: pointer; }
"""
_POLICY: Final = f"default-src 'none'; {policy_of_style(_STYLE)}"
#: Characters that may not stand in HTML.
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


class HtmlExport(Export):
    """A page with an article for each turn."""

    content_type: ClassVar[str] = "text/html; charset=utf-8"

    def head(self) -> bytes:
        """Return the page up to the first turn."""
        title = escape(self.session.shown_title or self.session.session_id)
        facts = "".join(
            f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>\n"
            for label, value in facts_of(self.session)
        )
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
            f"<body>\n<h1>{title}</h1>\n<dl>\n{facts}</dl>\n"
        ).encode()

    def turn(self, row: TurnRow) -> bytes:
        """Return a turn."""
        turn = ShownTurn(row)
        time = f" <time>{escape(turn.time)}</time>" if turn.time else ""
        model = f" <span>{escape(turn.model)}</span>" if turn.model else ""
        content = f"<pre>\n{escape(turn.content)}</pre>\n" if turn.content.strip() else ""
        calls = "".join(_call(call) for call in turn.calls)
        notes = "".join(f"<p>{escape(note)}</p>\n" for note in turn.notes)
        heading = f"<h2>{escape(turn.heading)}{time}{model}</h2>\n"
        body = f"{heading}{content}{calls}{notes}"
        return f'<article class="{escape(turn.role)}">\n{body}</article>\n'.encode()

    def tail(self) -> bytes:
        """Return the end of the page."""
        return b"</body>\n</html>\n"


def escape(text: str) -> str:
    """Return a text as HTML that means nothing but itself.

    Args:
        text: any.
    """
    return html.escape(_FORBIDDEN.sub("\ufffd", text))


def _call(call: ShownCall) -> str:
    parts = [f"<summary>{escape(call.name or 'Output')}</summary>\n"]
    if call.arguments:
        parts.append(f"<pre>\n{escape(call.arguments)}</pre>\n")
    if call.output is not None:
        parts.append("<p>Error</p>\n" if call.is_error else "")
        parts.append(f"<pre>\n{escape(call.output)}</pre>\n")
    return f"<details>\n{''.join(parts)}</details>\n"
