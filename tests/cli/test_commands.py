"""The commands as a person runs them: real processes, the real database, real platforms on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

from housecount.cli.main import cli
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.venues import VELVET_ROOM
from housecount_sandbox.world import World
from tests.promoters import served

SOURCE = Path(__file__).parents[2] / "src"
FIGURES = {
    "orders", "sold", "comps", "cancelled", "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees",
    "tax", "net",
}  # fmt: skip


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


@dataclass
class Town:
    """An organisation with its accounts at a sandbox, and everything that was ever printed."""

    sandbox: Sandbox
    slug: str
    keys: dict[str, str]
    printed: list[str] = field(default_factory=list)
    accounts: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, typed: str = "", **variables: str) -> Ran:
        """Runs `housecount` with `arguments`; nobody is watching it."""
        done = subprocess.run(
            [sys.executable, "-m", "housecount.cli.main", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            timeout=90,
            env={**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONUTF8": "1", **variables},
            check=False,
        )
        self.printed += [done.stdout, done.stderr]
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        assert "\x1b[" not in done.stdout + done.stderr, "colours where nobody is watching"
        return Ran(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str) -> Ran:
        """The same in this process: quicker, where the process itself does not matter."""
        done = CliRunner().invoke(cli, [argument.format(slug=self.slug) for argument in arguments])
        self.printed += [done.stdout, done.stderr]
        assert "Traceback" not in done.stdout + done.stderr
        return Ran(done.exit_code, done.stdout, done.stderr)

    def sync(self, *arguments: str) -> Ran:
        return self.run("sync", "--organisation", self.slug, "--json", *arguments)

    def sales(self, *arguments: str) -> Ran:
        return self.here("sales", "--organisation", self.slug, "--json", *arguments)


@pytest.fixture(scope="module")
def town(database: str) -> Iterator[Town]:
    world = World.blank(seed=int(uuid4()) % 10**6)
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(days=20)
    title, room = "Friday Night Laughs", VELVET_ROOM
    friday = world.add_eventbrite_event(title, start, tickets=[("Entry", 3000)], room=room)
    cellar = world.add_humanitix_event(title, start, tickets=[("Entry", 3100)], room=room)
    late = world.add_humanitix_event("Späte Show 🎤", start + timedelta(days=2), tickets=[("Entry", 2500)])
    for event in (friday, cellar, late):
        world.buy(event, 2)
        world.refund(world.buy(event, 1))
    with served(world) as sandbox:
        keys = {
            "eventbrite": world.eventbrite.accounts[0].token,
            "humanitix": world.humanitix.accounts[0].key,
        }
        made = Town(sandbox, f"town-{uuid4().hex[:10]}", keys)
        created = made.run("organisation", "create", "Laughing Stock", "--slug", made.slug)
        assert (created.code, created.out, created.err) == (0, f"{made.slug}\n", "")
        for platform, key in keys.items():
            connected = made.run(
                "account", "connect", platform, "--organisation", made.slug, "--api-key-stdin", "--json",
                typed=f"{key}\n",
            )  # fmt: skip
            assert connected.code == 0, connected.out + connected.err
            assert connected.document.keys() == {
                "account", "platform", "name", "webhook_url", "webhook_registered"
            }  # fmt: skip
            assert connected.document["platform"] == platform
            made.accounts[platform] = connected.document["account"]
        yield made


@pytest.fixture(scope="module")
def read_town(town: Town) -> Town:
    first = town.sync()
    assert first.code == 0, first.out + first.err
    rows = {row["platform"]: row for row in first.document["accounts"]}
    assert rows.keys() == {"eventbrite", "humanitix"}
    for platform, row in rows.items():
        assert {
            "account", "platform", "orders_read", "orders_changed", "tickets_changed", "requests", "seconds",
            "complete", "error",
        } <= row.keys()  # fmt: skip
        assert (row["account"], row["complete"], row["error"]) == (town.accounts[platform], True, None)
        assert row["requests"] > 0
    assert (rows["eventbrite"]["orders_read"], rows["humanitix"]["orders_read"]) == (2, 4)
    assert all(row["orders_changed"] >= row["orders_read"] for row in rows.values())
    assert (rows["eventbrite"]["tickets_changed"], rows["humanitix"]["tickets_changed"]) == (3, 6)
    return town


def refused(ran: Ran, code: str | None = None) -> str:
    """What a command that was refused under --json said."""
    assert ran.code == 1
    assert ran.document.keys() == {"error"}
    assert ran.document["error"].keys() == {"code", "message"}
    assert code is None or ran.document["error"]["code"] == code
    message: str = ran.document["error"]["message"]
    assert message
    return message


def test_progress_is_told_in_plain_lines_and_the_facts_are_a_table(read_town: Town) -> None:
    ran = read_town.run("sync", "--organisation", read_town.slug)
    assert ran.code == 0
    assert "Orders read" in ran.out
    assert "complete" in ran.out
    lines = ran.err.splitlines()
    assert any(line.endswith("- done") for line in lines)
    assert all("\r" not in line for line in lines)


def test_sales_is_the_document_that_was_agreed(read_town: Town) -> None:
    ran = read_town.run("sales", "--organisation", read_town.slug, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = ran.document
    assert document.keys() == {"organisation", "shows"}
    assert document["organisation"] == read_town.slug
    friday, late = document["shows"]
    assert late["title"] == "Späte Show 🎤"
    assert {
        "id",
        "title",
        "starts_at",
        "venue",
        "capacity",
        "currency",
        "totals",
        "listings",
    } <= friday.keys()
    assert datetime.fromisoformat(friday["starts_at"]).utcoffset() is not None
    assert friday["currency"] == "AUD"
    assert friday["totals"].keys() >= FIGURES
    assert sorted(listing["platform"] for listing in friday["listings"]) == ["eventbrite", "humanitix"]
    truth = {each.external_event_id: each.figures for each in read_town.sandbox.world.truth()}
    for show in document["shows"]:
        for name in FIGURES:
            parts = [listing[name] for listing in show["listings"]]
            assert all(type(part) is int for part in parts)
            assert show["totals"][name] == sum(parts)
        for listing in show["listings"]:
            assert {
                "platform", "account", "external_event_id", "external_session_id", "as_of", "last_sweep_at",
                "stale", "stale_reason",
            } <= listing.keys()  # fmt: skip
            assert listing["account"] == read_town.accounts[listing["platform"]]
            assert (listing["external_session_id"] is None) == (listing["platform"] == "eventbrite")
            assert (listing["stale"], listing["stale_reason"]) == (False, None)
            assert datetime.fromisoformat(listing["as_of"]).utcoffset() == timedelta(0)
            assert datetime.fromisoformat(listing["last_sweep_at"]).utcoffset() == timedelta(0)
            known = truth[listing["external_event_id"]]
            assert {name: listing[name] for name in FIGURES - {"net"}} == {
                name: getattr(known, name) for name in FIGURES - {"net"}
            }
            assert listing["net"] == known.gross - known.absorbed_fees + known.rebates
    assert friday["totals"]["sold"] == 4
    assert friday["totals"]["gross"] == 2 * 3000 + 2 * 3100
    only = read_town.sales("--show", late["id"]).document
    assert [show["id"] for show in only["shows"]] == [late["id"]]
    assert "Späte Show 🎤" in read_town.here("sales", "--organisation", read_town.slug).out


def test_accounts_are_listed_with_their_freshness(read_town: Town) -> None:
    ran = read_town.here("account", "list", "--organisation", read_town.slug, "--json")
    assert ran.code == 0
    rows = {row["platform"]: row for row in ran.document["accounts"]}
    assert {row["account"] for row in rows.values()} == set(read_town.accounts.values())
    for row in rows.values():
        assert (row["state"], row["stale"], row["stale_reason"]) == ("active", False, None)
        assert row["as_of"]
        assert row["last_sweep_at"]


def test_a_failed_read_ends_in_1_and_keeps_the_count(read_town: Town) -> None:
    town = read_town
    before = {show["id"]: show["totals"] for show in town.sales().document["shows"]}
    town.sandbox.faults.set([{"kind": "revoke", "platform": "humanitix"}])
    failed = town.sync()
    assert failed.code == 1
    rows = {row["platform"]: row for row in failed.document["accounts"]}
    assert rows["eventbrite"]["complete"]
    assert rows["humanitix"]["complete"] is False
    assert rows["humanitix"]["error"]["code"] == "account_needs_a_person"
    document = town.sales().document
    assert {show["id"]: show["totals"] for show in document["shows"]} == before
    stale = {each["platform"]: each["stale"] for show in document["shows"] for each in show["listings"]}
    assert stale == {"eventbrite": False, "humanitix": True}
    key = town.keys["humanitix"]
    account = town.accounts["humanitix"]
    still = town.run("account", "reconnect", account, "--api-key-stdin", "--json", typed=f"{key}\n")
    refused(still, "account_needs_a_person")
    town.sandbox.faults.clear()
    healed = town.run("account", "reconnect", account, "--json", HUMANITIX_API_KEY=key)
    assert (healed.code, healed.document["state"]) == (0, "active")
    again = town.run("sync", "--account", account, "--full", "--json")
    assert (again.code, again.document["accounts"][0]["complete"]) == (0, True)


def test_rebuild_finds_nothing_until_there_is_something(read_town: Town, database_owner_url: str) -> None:
    town = read_town
    sound = town.run("rebuild", "--organisation", town.slug, "--check", "--json")
    assert (sound.code, sound.document["count"]) == (0, 0)
    with psycopg.connect(database_owner_url) as owner:
        owner.execute("ALTER TABLE box_office_order NO FORCE ROW LEVEL SECURITY")
        changed = owner.execute(
            "UPDATE box_office_order SET own_gross = own_gross + 1 WHERE account_id = %s",
            [town.accounts["humanitix"]],
        )
        owner.execute("ALTER TABLE box_office_order FORCE ROW LEVEL SECURITY")
        assert changed.rowcount == 4
    found = town.run("rebuild", "--organisation", town.slug, "--check", "--json")
    assert found.code == 1
    assert found.document["count"] >= 4
    assert {each["kind"] for each in found.document["differences"]} >= {"order"}
    text = town.here("rebuild", "--organisation", town.slug, "--check")
    assert text.code == 1
    assert "Nothing was changed" in text.out
    assert town.run("rebuild", "--organisation", town.slug).code == 0
    assert town.here("rebuild", "--organisation", town.slug, "--check").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["sales", "--organisation", "no-such-house"], "unknown_organisation"),
        (["rebuild", "--organisation", "no-such-house", "--check"], "unknown_organisation"),
        (["sales", "--organisation", "{slug}", "--show", str(uuid4())], "not_found"),
        (["sales", "--organisation", "{slug}", "--show", "Friday"], "not_found"),
        (["sync", "--account", str(uuid4())], "unknown_account"),
        (["account", "reconnect", "nonsense"], "unknown_account"),
        (["account", "connect", "ticketbarn", "--organisation", "{slug}"], "unknown_platform"),
        (["sync", "--organisation", "no-such-house"], "unknown_organisation"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_there_ends_in_1_with_a_reason(town: Town, arguments: list[str], code: str) -> None:
    ran = town.here(*arguments, "--json")
    assert ran.err == ""
    message = refused(ran, code)
    in_words = town.here(*arguments)
    assert (in_words.code, in_words.out) == (1, "")
    assert message in in_words.err


def test_a_wrong_key_and_a_key_that_is_there_already_are_refused(town: Town) -> None:
    connect = ("account", "connect", "eventbrite", "--organisation", town.slug, "--json")
    wrong = town.run(*connect, EVENTBRITE_API_KEY="WRONGWRONGWRONGWRONG")
    refused(wrong, "account_needs_a_person")
    refused(town.run(*connect, EVENTBRITE_API_KEY=town.keys["eventbrite"]), "already_connected")
    assert "WRONGWRONG" not in "".join(town.printed)


@pytest.mark.parametrize(
    "arguments",
    [
        ["sales"],
        ["sales", "--organisation"],
        ["sync", "--nonsense"],
        ["account", "connect", "eventbrite", "--organisation", "{slug}"],  # no key, and nobody to ask
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_in_2(town: Town, arguments: list[str]) -> None:
    ran = town.here(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_a_user_and_their_password(town: Town) -> None:
    email = f"{uuid4().hex}@example.com"
    create = ("user", "create", email, "--organisation", town.slug, "--role", "promoter")
    ran = town.run(*create, "--password-stdin", "--json", typed="correct horse battery staple\n")
    assert (ran.code, ran.document["role"], ran.document["password"]) == (0, "promoter", None)
    assert "correct horse" not in "".join(town.printed)


def test_a_database_that_does_not_answer_is_said_in_words(town: Town) -> None:
    nowhere = "postgresql://somebody:topsecret@127.0.0.1:1/none"
    ran = town.run(
        "sales", "--organisation", town.slug, "--json", DATABASE_URL=nowhere, DATABASE_OWNER_URL=nowhere
    )
    assert "topsecret" not in ran.out + ran.err
    refused(ran)


def test_an_account_that_was_disconnected_keeps_its_count(read_town: Town) -> None:
    town = read_town
    before = [show["totals"] for show in town.sales().document["shows"]]
    account = town.accounts["humanitix"]
    gone = town.run("account", "disconnect", account, "--json")
    assert (gone.code, gone.document["state"]) == (0, "disconnected")
    assert [show["totals"] for show in town.sales().document["shows"]] == before
    assert [row["platform"] for row in town.sync().document["accounts"]] == ["eventbrite"]
    one = town.here("sync", "--account", account, "--json")
    assert (one.code, one.document["accounts"][0]["error"]["code"]) == (1, "disconnected")


def test_no_key_was_ever_printed_or_logged(read_town: Town) -> None:
    printed = "".join(read_town.printed)
    home = Path(os.environ["HOUSECOUNT_HOME"])
    logged = b"".join(path.read_bytes() for path in home.rglob("*.log*")) if home.exists() else b""
    for key in read_town.keys.values():
        assert len(key) >= 20
        assert key not in printed
        assert key.encode() not in logged
