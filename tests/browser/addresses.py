"""Every address a person can look at, taken from the resolver, so that a new page is covered the day it is added."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RegexPattern

from tests.browser.house import House
from tests.browser.visitor import Visitor

#: Not pages, by the beginning of their addresses.
_NOT_PAGES = ("/api/", "/healthz", "/readyz", "/metrics", "/events", "/live/")
_TABLES = """
    SELECT c.relname::text FROM pg_class c
    JOIN pg_attribute id ON id.attrelid = c.oid AND id.attname = 'id'
    JOIN pg_attribute o ON o.attrelid = c.oid AND o.attname = 'organisation_id'
    WHERE c.relkind = 'r' AND c.relname ~ %s ORDER BY 1
"""


class Shelf:
    """The pages there are for whom; looked for once."""

    def __init__(self) -> None:
        self._found: dict[str, list[str]] = {}

    def pages(self, visitor: Visitor, role: str) -> list[str]:
        """The addresses that answer this visitor, who has that role, with a page; one of each kind."""
        if role not in self._found:
            self._found[role] = [path for path in addresses(visitor.house) if _is_page(visitor, path)]
        return self._found[role]


def addresses(house: House) -> list[str]:
    """Every address of the resolver, its parts filled with what the house has; without those that have none."""
    found: dict[str, None] = {}
    for template in sorted(set(_walk(get_resolver().url_patterns, "/"))):
        if template.startswith(_NOT_PAGES):
            continue
        parts = re.findall(r"{(\w+)}", template)
        values = {part: _value(house, part) for part in parts}
        if all(values.values()):
            found[template.format(**values)] = None
    return list(found)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern.pattern, RegexPattern):
            continue  # allauth's link with a key: the story of a forgotten password is told elsewhere
        text = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, prefix + text)
        else:
            yield prefix + text


def _value(house: House, part: str) -> str:
    known = {
        "show_id": house.ids["show"],
        "document_id": house.ids["document"],
        "party_id": house.ids["parties"]["act"],
        "token": house.ids["link"],
        "slug": "laughing-stock",
        "platform": "humanitix",
        "kind": "csv",
    }
    if part in known:
        return str(known[part])
    if part == "hook_id":
        return str(house.rows("SELECT max(id) FROM webhook_log")[0][0])
    for (table,) in house.rows(_TABLES, [f"_{part.removesuffix('_id')}$"]):
        row = house.rows(
            f'SELECT id::text FROM "{table}" WHERE organisation_id = %s ORDER BY id DESC LIMIT 1',
            [house.ids["organisation"]],
        )
        if row:
            return str(row[0][0])
    return ""


def _is_page(visitor: Visitor, path: str) -> bool:
    answer = visitor.context.request.get(visitor.house.url + path, max_redirects=0)
    try:
        if answer.status >= 500:
            return True  # to be seen failing
        return answer.status == 200 and answer.headers.get("content-type", "").startswith("text/html")
    finally:
        answer.dispose()
