"""Who may ask: hosts, origins, passwords, bodies."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from disco.app import guard
from disco.app.guard import COOKIE, MINUTE, MOST, TRIES, Guard, Password
from disco.app.refusal import Refusal


async def nothing(scope, receive, send):
    raise AssertionError("not to be reached")


def status_of(method="GET", path="/api/jobs", password=None, hosts=(), **headers) -> int:
    """200 for a request that may pass."""
    given = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if method == "POST":
        given.setdefault("content-type", "application/json")
    try:
        Guard(nothing, Password(password), hosts).check(method, path, Headers(given))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "LOCALHOST:80", "[::1]:7860", "192.168.1.7:7860"])
def test_plain_addresses_and_this_machine_are_its_hosts(host):
    assert status_of(host=host) == 200


@pytest.mark.parametrize("host", ["evil.example:7860", "", "127.0.0.1.evil.example", "localhost.evil", "[::1", "a@b c"])
def test_a_name_that_was_made_to_lead_here_is_refused(host):
    assert status_of(host=host) == 403


def test_a_name_may_be_given():
    assert status_of(host="studio.lan:7860", hosts=("studio.lan",)) == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:7861", "http://127.0.0.1.evil.example", "file://"]
)
def test_other_origins_are_refused(origin):
    assert status_of("POST", origin=origin) == 403
    assert status_of("GET", origin=origin) == 403


def test_the_own_origin_passes():
    assert status_of("POST", origin="http://127.0.0.1:7860", sec_fetch_site="same-origin") == 200
    assert status_of("POST") == 200  # no browser: curl says nothing of the kind


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_other_sites_may_link_to_the_page_and_do_nothing_else(site):
    assert status_of(path="/", sec_fetch_site=site, sec_fetch_mode="navigate") == 200
    assert status_of(path="/", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert status_of(path="/files/a.png", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert status_of("POST", sec_fetch_site=site) == 403
    assert status_of(path="/report/a/", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; b=1"])
def test_what_a_form_of_another_site_can_send_is_refused(kind):
    assert status_of("POST", content_type=kind) == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(method):
    assert status_of(method) == 405


@pytest.mark.parametrize("length, status", [(MOST, 200), (MOST + 1, 413), ("9" * 50, 413), ("-1", 413), ("x", 413)])
def test_a_body_that_says_it_is_too_large_is_refused(length, status):
    assert status_of("POST", content_length=str(length)) == status


# The password


def test_who_gives_the_password_is_known():
    password = Password("open sesame")
    token = password.check("open sesame")
    assert password.knows(f"a=b; {COOKIE}={token}")
    assert not password.knows(f"{COOKIE}=x") and not password.knows("") and not password.knows("=;;\0")
    assert not Password("open sesame").knows(f"{COOKIE}={token}")  # another server's


def test_without_it_only_the_page_is_answered():
    assert status_of(password="x") == 401
    assert status_of("POST", "/api/jobs", password="x") == 401
    assert status_of(path="/files/a.png", password="x") == 401
    assert status_of(path="/report/a/", password="x") == 401
    assert status_of(path="/", password="x") == status_of("POST", "/login", password="x") == 200
    assert status_of(path="/page/../files/a.png", password="x") == 200  # whose route refuses the name


def test_a_study_is_opened_by_its_key_and_nothing_else():
    for password in (Password("x"), Password(None)):
        key = password.key_of("/report/a/b/")
        assert password.opens(f"/report/a/b/key={key}/") and password.opens(f"/report/a/b/key={key}/c/film.mp4")
        for path in (
            f"/report/a/key={key}/b/",
            f"/report/a/b/c/key={key}/",
            f"/report/a/b/key={'0' * 64}/",
            f"/report/a/b/key={key}",
            f"/files/a/b/key={key}/x.png",
            "/report/a/b/",
        ):
            assert not password.opens(path), path
        assert not Password("x").opens(f"/report/a/b/key={key}/")  # another server's


def test_guessing_has_to_wait():
    password = Password("secret")
    for second in range(TRIES):
        with pytest.raises(Refusal) as refusal:
            password.check("guess", now=float(second))
        assert refusal.value.status == 401
    with pytest.raises(Refusal) as refusal:
        password.check("secret", now=TRIES + 1.0)
    assert refusal.value.status == 429
    assert password.check("secret", now=MINUTE + 1.0)


def test_a_password_in_any_script_can_be_checked():
    assert Password("пароль").check("пароль")
    with pytest.raises(Refusal):
        Password("пароль").check("parol")


def test_no_password_asks_for_nothing():
    assert Password(None).knows("")
    with pytest.raises(Refusal):
        Password(None).check("")


def test_the_policy_lets_in_nothing_from_elsewhere():
    allowed = guard.POLICY.split("; ")
    assert all("http" not in each and "*" not in each and "unsafe" not in each for each in allowed)
    assert "default-src 'self'" in allowed and "frame-ancestors 'none'" in allowed
