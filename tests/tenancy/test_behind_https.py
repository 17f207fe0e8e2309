"""Behind a proxy that ends TLS: cookies that travel by https alone, and forms from our own pages alone.

That a public address with https sets these settings is told in tests/installation/test_settings.py.
"""

from collections.abc import Iterator
from http.cookies import SimpleCookie

import pytest
from django.test import Client, override_settings

from housecount.tenancy import browsers
from tests.world import PASSWORD, House, make_house

HOST, OURS = "tickets.example", "https://tickets.example"
LOGIN = "/account/login/"


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


@pytest.fixture
def browser(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A browser that speaks https with the proxy."""
    monkeypatch.setattr(browsers, "COOKIE", "__Host-housecount-known")  # chosen when the process starts
    with override_settings(
        ALLOWED_HOSTS=[HOST],
        CSRF_TRUSTED_ORIGINS=[OURS],
        CSRF_COOKIE_NAME="__Host-housecount-csrf",
        CSRF_COOKIE_SECURE=True,
        SESSION_COOKIE_NAME="__Host-housecount",
        SESSION_COOKIE_SECURE=True,
        SECURE_HSTS_SECONDS=31_536_000,
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
    ):
        yield Client(
            enforce_csrf_checks=True,
            headers={"host": HOST, "x-forwarded-proto": "https"},
            REMOTE_ADDR="10.9.8.7",
        )


def typed(browser: Client, house: House) -> dict[str, str]:
    """The form of signing in, filled in."""
    page = browser.get(LOGIN).content.decode()
    token = page.split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    return {"csrfmiddlewaretoken": token, "login": house.promoter.user.email, "password": PASSWORD}


def test_every_cookie_stays_with_us_and_with_https(browser: Client, house: House) -> None:
    answer = browser.post(LOGIN, typed(browser, house), headers={"origin": OURS, "referer": OURS + LOGIN})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert answer["Strict-Transport-Security"] == "max-age=31536000"
    cookies: SimpleCookie = browser.cookies
    names = {name for name in cookies if not name.startswith("messages")}
    assert {"__Host-housecount", "__Host-housecount-csrf"} <= names
    for name in names:
        cookie = cookies[name]
        assert name.startswith("__Host-"), name
        # What the prefix asks for, and what keeps scripts and other sites away.
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", ""), name
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax"), name


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"referer": "https://evil.example/"},
        {"referer": "http://tickets.example/account/login/"},
        {"origin": "https://evil.example", "referer": OURS + LOGIN},
        {"origin": "http://tickets.example"},
        {"origin": "null"},
    ],
)
def test_a_form_from_elsewhere_is_refused_with_the_right_token(
    browser: Client, house: House, headers: dict[str, str]
) -> None:
    assert browser.post(LOGIN, typed(browser, house), headers=headers).status_code == 403


def test_strangers_are_led_to_sign_in_by_a_path_alone(browser: Client) -> None:
    assert browser.get("/people/")["Location"] == f"{LOGIN}?next=/people/"
