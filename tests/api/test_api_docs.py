"""The reference of the API: it names every address with its scope, and each of its examples runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.test import Client

from housecount.tenancy.tokens import SCOPES
from tests.api.caller import Caller, token_of
from tests.api.test_sync_api import Engine
from tests.invoices.office import OUR_ABN, party_data
from tests.xero.rows import connect_books

PAGE = (Path(__file__).parents[2] / "docs/reference/api.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples() -> Iterator[tuple[list[str], Any]]:
    """The commands of each example, and what the last one is answered with."""
    commands: list[str] = []
    for language, text in _BLOCK.findall(PAGE):
        if language == "json":
            yield commands, msgspec.json.decode(text)
            commands = []
        else:
            commands += re.findall(r"^curl .*?(?=^curl |\Z)", text, re.MULTILINE | re.DOTALL)
    assert not commands


class Shell:
    """Runs `curl` against the application."""

    def __init__(self) -> None:
        engine = Engine()
        stage = engine.stage
        show = stage.put_on(days=30, sold=1)
        first = stage.listing(show.event_id)
        stage.sell(show, stage.order(show))
        other = stage.put_on(platform="humanitix", days=30, sold=1)
        connect_books(engine.house)
        token = token_of(engine.house.admin)
        caller = Caller(token)
        caller.post("/parties", party_data(name="Own", abn=OUR_ABN) | {"self": True}, 201)
        self.names = {
            "HOUSECOUNT": "http://testserver",
            "TOKEN": token,
            "SHOW": str(first.show_id),
            "LISTING": str(other.pk),
            "ACCOUNT": str(engine.account.account_id),
            "HOOK": str(caller.get("/hooks?status=dead")["hooks"][0]["id"]),
        }

    def run(self, command: str) -> Any:
        """The answer to one `curl`."""
        line = re.sub(r"\$([A-Z]+)", lambda found: self.names[found[1]], command.replace("\\\n", " "))
        words = shlex.split(line)
        method, address, headers, data = "GET", "", {}, ""
        assert words.pop(0) == "curl"
        while words:
            word = words.pop(0)
            if word == "-X":
                method = words.pop(0)
            elif word == "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            elif word == "-d":
                data = words.pop(0)
            elif word == "-o":
                words.pop(0)
            else:
                assert not address, command
                address = word
        kind = headers.pop("Content-Type", "application/octet-stream")
        answer = Client(enforce_csrf_checks=True).generic(
            method, address.removeprefix("http://testserver"), data, content_type=kind, headers=headers
        )
        self._remember(answer)
        return answer

    def _remember(self, answer: Any) -> None:
        """Keeps what later examples name."""
        if "json" not in answer.get("Content-Type", ""):
            return
        told = answer.json()
        if told.get("next"):
            self.names["NEXT"] = told["next"]
        if "legal_name" in told:
            self.names["PARTY"] = told["id"]
        if "price_mode" in told:
            self.names["DOCUMENT"] = told["id"]


def resembles(told: Any, shown: Any, where: str) -> None:
    """What is shown is there; ids, and what is cut off, are examples."""
    if isinstance(shown, dict):
        for name, value in shown.items():
            assert name in told, f"{where}.{name}"
            if name not in {"id", "account", "slug", "ticket", "next", "organisation"} or isinstance(
                value, dict
            ):
                resembles(told[name], value, f"{where}.{name}")
    elif isinstance(shown, list):
        assert told, where
        if where.endswith(".scopes"):
            assert set(shown) <= set(told)
            return
        for value in shown:
            failures = []
            for each in told:
                try:
                    resembles(each, value, where)
                    break
                except AssertionError as failure:
                    failures.append(str(failure))
            else:
                raise AssertionError(f"{where}: {failures}")
    else:
        assert told == shown, where


def test_each_example_runs(database: str) -> None:
    shell, found = Shell(), list(examples())
    assert len(found) > 12
    for commands, shown in found:
        assert commands
        for command in commands:
            answer = shell.run(command)
            expected = shown["status"] if "next_step" in shown else None
            assert answer.status_code == expected if expected else answer.status_code < 300, (
                command,
                answer.content,
            )
        resembles(answer.json(), shown, "$")


@pytest.fixture(scope="module")
def described(database: str) -> dict[str, Any]:
    document: dict[str, Any] = Client().get("/api/v1/openapi.json").json()
    return document


def test_every_address_is_named_with_its_scope(described: dict[str, Any]) -> None:
    named = set(re.findall(r"^\| `([A-Z]+ /\S+)` \| (?:`(\S+)`|any) \|", PAGE, re.MULTILINE))
    there = set()
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            [scopes] = [each["token"] for each in said["security"] if "token" in each]
            there.add((f"{method.upper()} {path.removeprefix('/api/v1')}", scopes[0] if scopes else ""))
    assert named == there


def test_every_scope_is_explained() -> None:
    explained = dict(re.findall(r"^\| `(\w+:\w+)` \| ([^|]+?) \|$", PAGE, re.MULTILINE))
    assert {name: text.lower() for name, text in explained.items()} == {
        name: text.lower() for name, text in SCOPES.items()
    }
