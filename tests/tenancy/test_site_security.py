"""What the site tells browsers, and what it does not let others make of it."""

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from housecount.tenancy.identity import Role
from tests.walls.test_routes import SAMPLES, routes
from tests.world import PASSWORD, House, make_house, make_person

LOGIN = "/account/login/"


@pytest.fixture(scope="module")
def house(database: str) -> House:
    return make_house()


def from_somewhere(**options: bool) -> Client:
    number = uuid4().int
    return Client(REMOTE_ADDR=f"10.{number % 250}.{number // 250 % 250}.7", **options)


@pytest.mark.parametrize(
    "path", ["/", LOGIN, "/nowhere/", "/api/v1/openapi.json", "/static/web/icon.svg", "/account/logout/"]
)
def test_every_answer_says_what_a_browser_may_do_with_it(house: House, path: str) -> None:
    response = house.admin.signed_in().get(path)
    response.close()
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert ("sandbox" in policy) == (not response["Content-Type"].startswith("text/html"))
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    if not path.startswith("/static/"):
        assert response["X-Frame-Options"] == "DENY"
        assert "no-cache" in response["Cache-Control"] or "no-store" in response["Cache-Control"]


def test_no_form_is_taken_that_another_site_sent(house: House) -> None:
    """Every address that takes a POST from a session refuses one without the page's own token."""
    admin = house.admin.signed_in()
    forged = Client(enforce_csrf_checks=True)
    forged.cookies["housecount"] = admin.cookies["housecount"].value
    forged.raise_request_exception = False
    taken = []
    for route in routes():
        parts = {part: SAMPLES.get(part, str(uuid4())) for part in route.parts}
        path = route.template.format(**parts)
        if path.startswith("/api/"):
            status = forged.post(path, {}, content_type="application/json").status_code
        else:
            status = forged.post(path, {}).status_code
        if status not in {403, 405, 404}:
            taken.append(f"{route.template}: {status}")
    # No session counts there: a monitor asks, or the link itself is what lets in.
    own = ("/healthz", "/readyz", "/metrics", "/d/")
    assert [each for each in taken if not each.startswith(own)] == []


@pytest.mark.parametrize(
    "wanted",
    [
        "https://elsewhere.example/",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "javascript:alert(1)",
        "https:///x",
    ],
)
def test_nobody_is_led_elsewhere_by_signing_in(house: House, wanted: str) -> None:
    person = make_person(house.organisation, Role.ACT)
    typed = {"login": person.user.email, "password": PASSWORD, "next": wanted}
    client = from_somewhere()
    assert wanted not in re.findall(r'href="([^"]*)"', client.get(LOGIN, {"next": wanted}).content.decode())
    assert client.post(LOGIN, typed)["Location"] == "/"
    assert client.post("/account/logout/", {"next": wanted})["Location"] == "/"


def test_one_is_led_back_to_where_one_was(house: House) -> None:
    client = from_somewhere()
    asked = client.get("/people/")["Location"]
    response = client.post(asked, {"login": house.admin.user.email, "password": PASSWORD, "next": "/people/"})
    assert response["Location"] == "/people/"


@pytest.mark.parametrize("path", ["/", LOGIN, "/account/password/reset/", "/static/web/site.css"])
def test_a_name_that_is_not_ours_is_refused(house: House, path: str) -> None:
    response = Client().get(path, headers={"host": "elsewhere.example"})
    response.close()
    assert response.status_code == 400 or path.startswith("/static/")
    assert "elsewhere.example" not in response.headers.get("Location", "")


def test_an_unknown_address_takes_as_much_work_as_a_known_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody learns from the time an answer takes who has an account here."""
    hashed: list[int] = []
    encode: Callable[..., str] = PBKDF2PasswordHasher.encode

    def counted(hasher: PBKDF2PasswordHasher, *rest: object, **named: object) -> str:
        hashed.append(1)
        return encode(hasher, *rest, **named)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    work = []
    for email in (house.promoter.user.email, f"{uuid4().hex}@example.com"):
        hashed.clear()
        from_somewhere().post(LOGIN, {"login": email, "password": "wrong"})
        work.append(len(hashed))
    assert work[0] == work[1] > 0


def test_what_is_mailed_to_reset_a_password_names_nobody_else(house: House) -> None:
    """The link is for one person; another signed in meanwhile does not change whose password it sets."""
    client = house.act.signed_in()
    page = client.get("/account/password/reset/key/1-nonsense/", follow=True).content.decode()
    assert "cannot be used" in page
    assert house.act.user.email not in page
