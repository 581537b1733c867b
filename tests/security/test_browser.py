"""A browser without a proxy: the link of `lethe up`, its form, its cookie."""

from __future__ import annotations

import base64
import hashlib
import html
import re
import time

import pytest

SESSIONS = "/api/v1/sessions"
COOKIE = re.compile(r"lethe-session=(?P<secret>[^;]+); (?P<attributes>.*)")


def code_of(link):
    """The code in a link."""
    return link.partition("code=")[2]


async def spend(served, link, **headers):
    """Press the button of the form."""
    return await served.ask("POST", "/login", data={"code": code_of(link)}, headers=headers)


async def sign_in(served, owner="alice"):
    """Sign a browser in and return its cookie."""
    answer = await spend(served, served.link(owner))
    match = COOKIE.fullmatch(answer.headers["Set-Cookie"])
    return {"Cookie": f"lethe-session={match['secret']}"}


@pytest.mark.promise("A1", "A7")
async def test_the_link_sets_a_cookie_that_signs_in(served):
    """The cookie is HttpOnly, of this site alone and expires; it opens its owner's archive."""
    answer = await spend(served, served.link("alice"))

    assert (303, "/") == (answer.status, answer.headers["Location"])
    match = COOKIE.fullmatch(answer.headers["Set-Cookie"])
    attributes = set(match["attributes"].split("; "))
    assert {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={30 * 24 * 3600}"} <= attributes
    assert "Secure" not in attributes  # http on loopback; behind https it is
    cookie = {"Cookie": f"lethe-session={match['secret']}"}
    assert 200 == (await served.get(SESSIONS, headers=cookie)).status
    assert 403 == (await served.get(f"{SESSIONS}?owner=bob", headers=cookie)).status
    database = (served.data / "lethe.db").read_bytes() + (served.data / "lethe.db-wal").read_bytes()
    assert match["secret"].encode() not in database


async def test_behind_https_the_cookie_is_secure(served):
    """A browser says by `Origin` that it speaks https with a proxy in between."""
    own = {"Origin": "https://localhost", "Sec-Fetch-Site": "same-origin"}

    assert "Secure" in (await spend(served, served.link(), **own)).headers["Set-Cookie"]


@pytest.mark.promise("Q04", "A4")
async def test_q04_opening_the_link_does_not_spend_it(served):
    """The form is shown as often as one likes; its button works once."""
    link = served.link()
    for _ in range(3):
        form = await served.get(link)
        assert 200 == form.status
        assert f'value="{code_of(link)}"' in form.body.decode()
        assert "Set-Cookie" not in form.headers

    assert 303 == (await spend(served, link)).status
    assert 401 == (await spend(served, link)).status


async def test_the_form_has_the_styles_that_its_policy_allows(served):
    """The styles stand in the form, and the policy allows these alone."""
    form = await served.get(served.link())
    [style] = re.findall("<style>(.*?)</style>", form.body.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    policy = form.headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "color-scheme: light dark" in style


@pytest.mark.promise("W02", "A6")
async def test_w02_the_form_is_no_way_in_for_scripts(served):
    """What stands in the address is text in the form; the policy lets the form go home alone."""
    hostile = '"><script>alert(1)</script>'
    form = await served.get("/login", params={"code": hostile})

    assert hostile not in form.body.decode()
    assert html.escape(hostile) in form.body.decode()
    policy = form.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "unsafe" not in policy
    assert 400 == (await served.get("/login", params={"code": "x" * 300})).status


@pytest.mark.promise("Q03", "A4")
async def test_q03_no_other_page_signs_a_browser_in(served):
    """A form on another origin is refused, and the link stays good."""
    link = served.link()
    for headers in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ):
        assert (403, "CROSS_ORIGIN") == ((a := await spend(served, link, **headers)).status, a.code)

    assert 303 == (await spend(served, link)).status


@pytest.mark.promise("A1")
@pytest.mark.parametrize(
    "cookie",
    [
        "lethe-session=",
        "lethe-session=junk",
        "lethe-session=lethe-session_" + "x" * 43,
        "lethe-session=lethe_" + "x" * 43,
    ],
)
async def test_a_session_that_fails_is_refused(served, cookie):
    """A cookie that is presented and fails is a 401; a proxy's header goes before it."""
    assert 401 == (await served.get(SESSIONS, headers={"Cookie": cookie})).status
    assert 200 == (await served.get(SESSIONS, user="alice", headers={"Cookie": cookie})).status


@pytest.mark.promise("A1")
async def test_the_three_kinds_of_secrets_do_not_stand_for_each_other(served):
    """A token is no session, a session no token, a link neither; nor a token a link."""
    token, link = served.token(), served.link()
    session = (await sign_in(served))["Cookie"].partition("=")[2]

    for bearer in (session, code_of(link)):
        headers = {"Authorization": f"Bearer {bearer}"}
        assert 401 == (await served.get(SESSIONS, headers=headers)).status
    for cookie in (token, code_of(link)):
        headers = {"Cookie": f"lethe-session={cookie}"}
        assert 401 == (await served.get(SESSIONS, headers=headers)).status
    for code in (token, session):
        assert 401 == (await spend(served, f"/login?code={code}")).status


async def test_a_link_expires(served):
    """After its time it is a 401."""
    old = served.link(clock=lambda: time.time() - 15 * 60 - 1)

    assert 401 == (await spend(served, old)).status


async def test_logging_out_ends_the_session_at_once(served):
    """The cookie does not work any more, here or in a copy."""
    cookie = await sign_in(served)
    assert 200 == (await served.get(SESSIONS, headers=cookie)).status

    answer = await served.ask("POST", "/logout", headers=cookie)

    assert 204 == answer.status
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert 401 == (await served.get(SESSIONS, headers=cookie)).status


async def test_a_session_is_listed_and_revoked_like_a_token(served, poll):
    """`token list` shows it as `browser ...`, and `token revoke` ends it."""
    cookie = await sign_in(served, owner="bob")
    listed = served.command("token", "list").stdout
    name = re.search(r"^bob +(browser \w+)", listed, re.MULTILINE)[1]
    assert 0 == served.command("token", "revoke", "--owner", "bob", "--name", name).returncode

    async def refused():
        return 401 == (await served.get(SESSIONS, headers=cookie)).status

    await poll(refused)


@pytest.mark.promise("A2")
async def test_who_is_not_allowed_any_more_has_no_session(serve, tmp_path):
    """The allow-list counts for sessions, too."""
    server = serve()
    cookie = await sign_in(server, owner="bob")
    server.stop()
    server.settings = {"auth": {"allowed_users": ["alice"]}}
    server.start()

    assert 403 == (await server.get(SESSIONS, headers=cookie)).status


async def test_the_command_prints_a_link(served):
    """`lethe-server link` makes one that works, for a user who is allowed."""
    url = ("--url", served.url + "/")
    made = served.command("link", "--owner", "bob", *url).stdout.strip()
    unclear = served.command("link", *url)
    stranger = served.command("link", "--owner", "mallory", *url)

    assert made.startswith(f"{served.url}/login?code=lethe-login_")
    assert 303 == (await spend(served, made)).status
    assert (78, 78) == (unclear.returncode, stranger.returncode)
    assert "--owner" in unclear.stderr
