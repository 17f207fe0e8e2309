"""Every address, as everybody: Alice (admin), Bob (bookkeeper), Dave (an act), Carol (another house), a stranger.

Taken from the resolver, so that a new address is covered the day it is added.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from housecount.tenancy import tokens
from housecount.tenancy.identity import acting_as
from housecount.tenancy.tokens import SCOPES
from tests.walls.furnish import furnish, ids_of
from tests.world import House, make_house

METHODS = ("GET", "POST")
ACTORS = ("alice", "bob", "dave", "carol", "stranger")
# What addresses hold that name nothing of a house (a library's, a platform, a job), by the name of the part.
SAMPLES = {"uidb36": "1", "key": "x-y", "path": "x", "pk": "1", "platform": "eventbrite", "job_id": "1"}


# What another house has is not found; 405: not by this method; 400, 415, 422: what was sent is looked at first.
NOT_FOUND = {"GET": {404, 405}, "POST": {404, 405, 400, 415, 422}}


# Each request from an address of its own: limits are not what is tried here.
NEIGHBOURS = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in itertools.count(1 << 17))


@dataclass(frozen=True)
class Route:
    """An address with `{name}` for each of its parts."""

    template: str
    parts: tuple[str, ...]


def routes() -> list[Route]:
    return sorted(set(_walk(get_resolver().url_patterns, "")), key=lambda route: route.template)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[Route]:
    for pattern in patterns:
        text = str(pattern.pattern)
        if isinstance(pattern.pattern, RegexPattern):
            text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"{\1}", text).strip("^$").replace("\\", "")
        else:
            text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", text)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, prefix + text)
        else:
            yield Route("/" + prefix + text, tuple(re.findall(r"{(\w+)}", prefix + text)))


@dataclass(frozen=True)
class Street:
    """Two houses side by side."""

    ours: House
    theirs: House
    their_ids: dict[str, list[str]]
    their_names: list[str]

    def client(self, actor: str) -> Client:
        people = {
            "alice": self.ours.admin,
            "bob": self.ours.bookkeeper,
            "dave": self.ours.act,
            "carol": self.theirs.admin,
        }
        client = people[actor].signed_in() if actor in people else Client()
        client.raise_request_exception = False
        return client


@pytest.fixture(scope="module")
def street(database: str) -> Street:
    ours, theirs = make_house(), make_house()
    for house in (ours, theirs):
        furnish(house)
    ids = {table: [str(id_) for id_ in found] for table, found in ids_of(theirs).items()}
    return Street(ours, theirs, ids, [theirs.organisation.slug, theirs.marker])


def ask(client: Client, method: str, path: str) -> tuple[int, str]:
    response: HttpResponseBase = client.generic(
        method, path, content_type="application/x-www-form-urlencoded", REMOTE_ADDR=next(NEIGHBOURS)
    )
    if response.streaming:
        response.close()
        return response.status_code, ""
    return response.status_code, response.content.decode(errors="replace")  # type: ignore[attr-defined]


def addresses(route: Route, street: Street) -> list[str]:
    """The route with foreign ids in its parts: one that the part is named for, and one that it is not; where no
    table has its name, one of every table."""
    if not route.parts:
        return [route.template]
    fixed = {part: SAMPLES[part] for part in route.parts if part in SAMPLES}
    if len(fixed) == len(route.parts):
        return [route.template.format(**fixed)]
    choices = [[fixed[part]] if part in fixed else _candidates(part, street) for part in route.parts]
    return [
        route.template.format(**dict(zip(route.parts, chosen, strict=True)))
        for chosen in itertools.product(*choices)
    ]


def _candidates(part: str, street: Street) -> list[str]:
    one_each = {table: ids[0] for table, ids in street.their_ids.items() if ids}
    named = [id_ for table, id_ in one_each.items() if table.endswith("_" + part.removesuffix("_id"))]
    return (
        [*named, str(street.theirs.organisation.pk)] if named else [*one_each.values(), *street.their_names]
    )


@pytest.mark.parametrize("actor", ACTORS)
@pytest.mark.parametrize("method", METHODS)
def test_no_address_fails_or_tells_of_another_house(street: Street, actor: str, method: str) -> None:
    hidden = street.ours.marker if actor == "carol" else street.theirs.marker
    client = street.client(actor)
    wrong = []
    for route in routes():
        if "logout" in route.template:
            continue
        foreign = bool(set(route.parts) - set(SAMPLES)) and actor in {"alice", "bob", "dave"}
        for path in addresses(route, street):
            status, text = ask(client, method, path)
            if status >= 500:
                wrong.append(f"{method} {path} as {actor}: {status}")
            elif hidden in text.replace(path, ""):
                wrong.append(f"{method} {path} as {actor} leaks")
            elif foreign and status not in NOT_FOUND[method] | ({403} if actor != "alice" else set()):
                wrong.append(f"{method} {path} as {actor}: {status} for what another house has")
    assert not wrong, "\n".join(wrong)
    still_in = ask(client, "GET", "/people/")[0]
    assert still_in == (302 if actor == "stranger" else 200 if actor in {"alice", "carol"} else 403)


@pytest.mark.parametrize("scope", [None, *SCOPES])
def test_no_token_reaches_another_house(
    street: Street, scope: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin's token with every scope, by every method; and with each scope alone."""
    monkeypatch.setattr("housecount.tenancy.tokens.LIMIT", 1_000_000)
    admin, wrong, reached = street.ours.admin, [], 0
    with acting_as(admin.identity):
        _, secret = tokens.create(
            street.ours.organisation.pk,
            admin.membership,
            name="walls",
            role="admin",
            scopes=SCOPES if scope is None else [scope],
        )
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {secret.reveal()}"})
    client.raise_request_exception = False
    for route in routes():
        if not route.template.startswith("/api/v1/") or route.template.endswith("openapi.json"):
            continue
        for path in addresses(route, street)[: None if scope is None else 1]:
            for method in ("GET", "POST", "PATCH", "DELETE") if scope is None else METHODS:
                status, text = ask(client, method, path)
                reached += status == 200
                if status >= 500:
                    wrong.append(f"{method} {path}: {status}")
                elif street.theirs.marker in text.replace(path, ""):
                    wrong.append(f"{method} {path} leaks")
                elif route.parts and status not in NOT_FOUND["POST"] | {403}:
                    wrong.append(f"{method} {path}: {status} for what another house has")
    assert not wrong, "\n".join(wrong)
    assert reached


def test_the_marker_would_be_found(street: Street) -> None:
    """The tests above look for it; its own people see it."""
    assert street.theirs.marker in ask(street.client("carol"), "GET", "/people/")[1]


def test_every_part_of_an_address_is_known_here() -> None:
    found = routes()
    assert len(found) > 10
    assert any(route.parts for route in found)
    for route in found:
        assert "<" not in route.template, route
        assert "(" not in route.template, route
