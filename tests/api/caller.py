"""A program that uses the API with a token."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from housecount.tenancy import tokens
from housecount.tenancy.identity import acting_as
from tests.world import Person


def token_of(person: Person, scopes: Collection[str] = tuple(tokens.SCOPES), role: str = "") -> str:
    """A new token of that person's."""
    with acting_as(person.identity):
        _, secret = tokens.create(
            person.membership.organisation_id,
            person.membership,
            name="test",
            role=role or person.membership.role,
            scopes=scopes,
        )
    return secret.reveal()


@dataclass
class Caller:
    """Asks with a token; every answer is checked for its status."""

    token: str
    client: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def ask(self, method: str, path: str, data: object = None, **headers: str) -> Any:
        """The answer, whatever its status."""
        body = "" if data is None else data
        return self.client.generic(
            method,
            f"/api/v1{path}",
            body if isinstance(body, str | bytes) else _json(body),
            content_type=headers.pop("content_type", "application/json"),
            headers={"Authorization": f"Bearer {self.token}"}
            | {_name(key): value for key, value in headers.items()},
        )

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        """The document at `path`."""
        return self._told(self.ask("GET", path, **headers), status)

    def send(self, method: str, path: str, data: object = None, status: int = 200, **headers: str) -> Any:
        """The document that a change is answered with."""
        return self._told(self.ask(method, path, data, **headers), status)

    def post(self, path: str, data: object = None, status: int = 200, **headers: str) -> Any:
        return self.send("POST", path, data, status, **headers)

    def _told(self, response: Any, status: int) -> Any:
        assert response.status_code == status, response.content.decode()
        if status >= 400:
            assert response["Content-Type"] == "application/problem+json"
        return response.json() if response.content else None


def _json(data: object) -> bytes:
    import msgspec

    return msgspec.json.encode(data)


def _name(key: str) -> str:
    return key.replace("_", "-")
