"""Problems for people: a page in the look of the site, where a browser would show JSON.

Only what a browser goes to gets it: it names `text/html` among what it takes, and asks for no path
of the API and no file of the page. The page runs no script and loads nothing, so that it is the
same for who is not signed in; its styles stand in it, and its policy names them by their digest. It
says what a problem says, and nothing of the request.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from aiohttp import web

from lethe_server.errors import Unauthorized
from lethe_server.keys import ASSETS
from lethe_server.middleware.security_headers import CONTENT_POLICY, policy_of_style

if TYPE_CHECKING:
    from lethe_server.problems import Problem

#: Below these paths programs ask, whatever they say that they take.
_FOR_PROGRAMS: Final = ("/api/", "/static/")
_SHEETS: Final = ("css/tokens.css", "css/problem.css")
_TITLES: Final = {
    "NOT_FOUND": "There is nothing at this address",
    "UNAUTHORIZED": "You are not signed in",
    "FORBIDDEN": "You may not see this",
}
#: In place of the words of the framework, which are those of the status.
_DETAILS: Final = {"NOT_FOUND": "It may be mistyped, or be no longer in use"}
#: In place of hints for programs.
_HINTS: Final = {
    Unauthorized.hint: "run `lethe-server link` on the machine of the server and open the link that"
    " it prints; behind a proxy, sign in there",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} · lethe</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<style>{style}</style>
</head>
<body>
<main>
<svg viewBox="0 0 32 32" aria-hidden="true">
<path d="M3 12c4.3-4 8.6-4 13 0s8.7 4 13 0M3 21c4.3-4 8.6-4 13 0s8.7 4 13 0"/>
</svg>
<h1>{title}</h1>
<p>{detail}</p>
<p><a href="/">All sessions</a></p>
<p class="request">{status} {code}, request {request_id}</p>
</main>
</body>
</html>
"""


def wants_page(request: web.Request) -> bool:
    """Tell whether a person is going to see the answer.

    Args:
        request: that is answered.
    """
    takes_html = "text/html" in request.headers.get("Accept", "")
    return takes_html and not request.path.startswith(_FOR_PROGRAMS)


def problem_page(request: web.Request, problem: Problem, request_id: str) -> web.Response:
    """Tell a person what is wrong; status and headers are those of the problem.

    Args:
        request: that is answered.
        problem: what is wrong.
        request_id: names the request in the log.
    """
    files = request.app[ASSETS].files
    style = "".join(files[name].data.decode() for name in _SHEETS)
    is_unknown = request.match_info.http_exception is not None
    detail = _DETAILS.get(problem.code, problem.detail) if is_unknown else problem.detail
    hint = problem.extra.get("hint", "")
    said = filter(None, (detail, _HINTS.get(hint, hint)))
    body = _PAGE.format(
        title=html.escape(_TITLES.get(problem.code, "That did not work")),
        style=style,
        detail="<br>".join(map(_sentence, said)),
        status=problem.status,
        code=html.escape(problem.code),
        request_id=html.escape(request_id),
    )
    policy = f"{CONTENT_POLICY}; {policy_of_style(style)}"
    return web.Response(
        status=problem.status,
        text=body,
        content_type="text/html",
        headers={**problem.headers, "Content-Security-Policy": policy, "Vary": "Accept"},
    )


def _sentence(text: str) -> str:
    """Write a message of an error as a sentence; what stands in backticks is code."""
    end = "" if text.endswith((".", "!", "?")) else "."
    parts = html.escape(text[:1].upper() + text[1:] + end).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))
