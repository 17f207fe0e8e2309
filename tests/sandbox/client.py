"""A plain HTTP client for these tests: no retries, no redirects, no tolerance."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's data; fractions as Decimal."""
        return json.loads(self.body, parse_float=Decimal)


class Client:
    """Speaks to one base URL over one kept connection."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._base = parts.hostname, parts.port, parts.path
        self._headers = headers
        self._connection: http.client.HTTPConnection | None = None

    def call(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None, **headers: str
    ) -> Reply:
        if self._connection is None:
            assert self._host is not None
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=10)
        base = "" if path.startswith("/_sandbox/") else self._base
        target = base + path + (f"?{urlencode(query)}" if query else "")
        sent = None if body is None else json.dumps(body)
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, target, sent, {**self._headers, **extra})
            response = self._connection.getresponse()
            return Reply(response.status, dict(response.getheaders()), response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Reply:
        return self.call("GET", path, query, **headers)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def walk_eventbrite(self, path: str, key: str, query: dict[str, Any] | None = None) -> list[Any]:
        """Every row of a list, by continuation tokens, stopping at has_more_items."""
        rows: list[Any] = []
        token: dict[str, Any] = {}
        while True:
            reply = self.get(path, {**(query or {}), **token})
            assert reply.status == 200, reply.body
            rows += reply.json[key]
            pagination = reply.json["pagination"]
            if not pagination["has_more_items"]:
                return rows
            token = {"continuation": pagination["continuation"]}

    def walk_humanitix(self, path: str, key: str, query: dict[str, Any] | None = None) -> list[Any]:
        """Every row of a list, by pages, stopping at the total."""
        rows: list[Any] = []
        page = 1
        while True:
            reply = self.get(path, {"page": page, **(query or {})})
            assert reply.status == 200, reply.body
            rows += reply.json[key]
            if page * reply.json["pageSize"] >= reply.json["total"]:
                return rows
            page += 1
