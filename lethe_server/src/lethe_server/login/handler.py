"""``GET /login``, ``POST /login`` and ``POST /logout``; see `lethe_server.auth.browser`.

The form is answered to whoever asks directly from this machine. Opening it changes nothing (Q04):
the link is spent by its button. It needs no script and loads nothing: its few styles stand in it,
and its policy names them by their digest.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Final

from aiohttp import web

from lethe_server.auth.browser import COOKIE, SESSION_SECONDS
from lethe_server.errors import InvalidRequest, UnsupportedMedia
from lethe_server.keys import BROWSER_SESSIONS, TOKENS
from lethe_server.middleware.security_headers import CONTENT_POLICY, policy_of_style

_STYLE: Final = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { display: grid; place-content: center; min-height: 90vh; text-align: center; }
button { font: inherit; padding: 0.5rem 1.25rem; }
"""
#: Nothing may be loaded, and the form goes nowhere else.
FORM_POLICY: Final = f"{CONTENT_POLICY}; form-action 'self'; {policy_of_style(_STYLE)}"

_MAX_CODE: Final = 256
_FORM: Final = "application/x-www-form-urlencoded"
# With the `no-referrer` of all answers, browsers would send `Origin: null` with the form, and it
# would be refused where they do not send Sec-Fetch-Site.
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="same-origin">
<meta name="viewport" content="width=device-width">
<title>lethe</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>lethe</h1>
<form method="post" action="/login">
<input type="hidden" name="code" value="{code}">
<button>Sign this browser in</button>
</form>
<p>The link works once.</p>
</main>
</body>
</html>
"""


async def show_login(request: web.Request) -> web.Response:
    """Answer the form that spends a link."""
    code = html.escape(_checked(request.query.get("code", "")))
    return web.Response(
        text=_PAGE.format(code=code, style=_STYLE),
        content_type="text/html",
        headers={"Content-Security-Policy": FORM_POLICY},
    )


async def log_in(request: web.Request) -> web.Response:
    """Spend a link, set the cookie of a session and lead to the page."""
    if request.content_type != _FORM:
        raise UnsupportedMedia(f"the content type must be {_FORM}")
    code = (await request.post()).get("code", "")
    secret = await request.app[BROWSER_SESSIONS].begin(_checked(code))
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "/"})
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SESSION_SECONDS),
        httponly=True,
        samesite="Strict",
        secure=request.headers.get("Origin", "").startswith("https:"),
    )
    return response


async def log_out(request: web.Request) -> web.Response:
    """End the session of the cookie; whoever has none has nothing to end."""
    secret = request.cookies.get(COOKIE, "")
    await request.app[BROWSER_SESSIONS].end(secret)
    request.app[TOKENS].forget(secret)
    response = web.Response(status=HTTPStatus.NO_CONTENT)
    response.del_cookie(COOKIE, httponly=True, samesite="Strict")
    return response


def _checked(code: object) -> str:
    if not isinstance(code, str) or len(code) > _MAX_CODE:
        raise InvalidRequest("must be the code of a link", parameter="code")
    return code
