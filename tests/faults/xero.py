"""Rounds against a Xero that fails in every way it can, with pushes that die anywhere and clocks that are wrong.

After each round everything must be there once, with equal totals and balances, and nothing may have come back twice.
The seed decides what happens.
"""

import asyncio
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from housecount.core.errors import HousecountError
from housecount.core.money import to_major
from housecount.installation import leash
from housecount.invoices import services as invoices
from housecount.invoices.models import Document, EndingKind, Payment
from housecount.invoices.queries import situations
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from housecount.xero import services
from housecount.xero.models import Connection
from tests.xero.desk import QUICK, Desk
from tests.xero.killing import Killed, kill_at

FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "lost_reply"},
    {"kind": "lost_reply", "mode": "error", "status": 500},
    {"kind": "lost_reply", "mode": "error", "status": 503},
    {"kind": "server_error", "status": 500},
    {"kind": "server_error", "status": 503},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "reset"},
    {"kind": "truncate", "mode": "cut"},
    {"kind": "truncate", "mode": "length"},
    {"kind": "rate_limit", "retry_after": 1},
    {"kind": "unknown_value"},
    {"kind": "cents_out"},
)
_SKEW = 600
_PLACES = ("Invoices|CreditNotes|Payments|Contacts|Attachments", "connect/token")
#: What nobody asks anything of: it is ended.
_OVER = ("VOIDED", "DELETED")


@dataclass
class Report:
    """What was thrown, what was done, and what is not as it should be."""

    seed: int
    rounds: int = 0
    pushes: int = 0
    pulls: int = 0
    killed: int = 0
    processes: int = 0
    processes_killed: int = 0
    revoked: int = 0
    documents: int = 0
    payments: int = 0
    requests: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


class Rounds:
    """Rounds at one desk, which is connected and has `bad_debts` mapped. With `processes` some pushes are the real
    command, which is killed for good."""

    def __init__(self, desk: Desk, seed: int, *, processes: bool = False) -> None:
        self.processes = processes
        self.desk = desk
        self.dice = Random(seed)
        self.report = Report(seed)
        self.office = desk.office
        self.documents: list[Document] = []

    def round(self) -> None:
        """Things happen and are written, badly; then everything is well again, and is looked at."""
        self.report.rounds += 1
        party = self.office.party(
            name=f"Party {self.report.rounds}",
            abn="",
            gst_registered_from=None,
            email=f"p{self.report.rounds}@a.example",
        )
        made = [self._issue(party) for _ in range(self.dice.randint(3, 5))]
        self.documents = made
        for _ in range(self.dice.randint(3, 5)):
            for _ in range(self.dice.randint(0, 3)):
                self._happen(self.dice.choice(made))
            self._storm()
        self._settle()
        self._check(party.name)
        # Somebody pays there what is written and quiet: it comes home once, and goes nowhere from here.
        for each in made:
            if each.direction == "receivable" and self.dice.random() < 0.5:
                self._pay_there(each)
        for _ in range(self.dice.randint(1, 2)):
            self._storm()
        self._settle()
        self._check(party.name)

    def _pay_there(self, document: Document) -> None:
        try:
            self.desk.person("pay", document=document.number, amount=1)
        except (ValueError, LookupError):
            return
        self.report.happened["paid there"] += 1

    def _issue(self, party: Any) -> Document:
        kind, direction = self.dice.choice(
            [("invoice", "receivable"), ("invoice", "payable"), ("invoice", "receivable")]
        )
        lines = [
            {
                "description": f"Line {place}",
                "quantity": str(self.dice.choice(["1", "2", "0.5", "1.3333"])),
                "unit_price": self.dice.randint(1, 90_000),
                "tax": self.dice.choice(
                    ["taxable", "out_of_scope"] if direction == "receivable" else ["out_of_scope"]
                ),
            }
            for place in range(self.dice.randint(1, 4))
        ]
        self.report.documents += 1
        self.report.happened[f"issued {direction}"] += 1
        return self.office.issued(
            party,
            kind=kind,
            direction=direction,
            price_mode=self.dice.choice(["inclusive", "exclusive"]),
            lines=lines,
        )

    def _happen(self, document: Document) -> None:
        """Something that is refused did not happen."""
        verb = self.dice.choice(["pay", "pay", "settle", "credit", "void", "take back", "write off"])
        try:
            self._do(verb, document)
        except (HousecountError, ValueError):
            return
        self.report.happened[verb] += 1

    def _do(self, verb: str, document: Document) -> None:
        with acting_as(self.office.identity):
            known = situations([document])[document.pk]
            balance, paid = known.balance, known.standing.paid
        if verb == "pay" and balance > 1:
            self.office.pay(document, self.dice.randint(1, balance))
        elif verb == "settle" and balance > 0:
            self.office.pay(document, balance)
        elif verb == "credit" and not known.credit_notes and not paid:
            self.office.credit(document, [{"line": 1, "quantity": "0.5"}])
            self.report.documents += 1
        elif verb in ("void", "write off"):
            with acting_as(self.office.identity):
                (invoices.void if verb == "void" else invoices.write_off)(document.pk)
        elif verb == "take back" and paid:
            with acting_as(self.office.identity):
                whole = Payment.objects.filter(
                    organisation_id=self.office.organisation_id, allocations__document=document, amount__gt=0
                ).count()
            # A refund of one payment of several is nothing that both sides must see alike.
            if whole != 1:
                raise ValueError
            self.office.pay(document, -paid)
        else:
            raise ValueError

    def _storm(self) -> None:
        """A push, and perhaps a pull, while things fail."""
        fault = dict(self.dice.choice(FAULTS))
        struck = self.desk.faults.add(
            **fault,
            platform="xero",
            path=_PLACES[self.dice.random() < 0.1],
            probability=self.dice.choice([0.1, 0.3, 0.6]),
        )
        revoked = self.dice.random() < 0.08
        if revoked:
            self.report.revoked += 1
            self.desk.person("app", app=self.desk.app.client_id, revoked=True)
        with pytest.MonkeyPatch.context() as patch:
            if self.dice.random() < 0.6:
                kill_at(patch, self.dice.randint(1, 25), after=self.dice.random() < 0.7)
            if self.processes and self.dice.random() < 0.25:
                self._push_process()
            else:
                self._push()
            if self.dice.random() < 0.4:
                self._pull()
        name = fault["kind"] + (f" {fault['mode']}" if "mode" in fault else "")
        self.report.struck[name] += struck.struck
        self.desk.faults.clear()
        if revoked:
            if self.desk.row().state != "needs_reconnect" and not self.desk.row().parked_until:
                self._asks("needs_reconnect")
            self.desk.person("app", app=self.desk.app.client_id, revoked=False)
            self.desk.connect()

    def _asks(self, state: str) -> None:
        """Whatever died before it noticed: the next push does."""
        self._push()
        if self.desk.row().state != state:
            self.report.problems.append(
                f"round {self.report.rounds}: revoked, and it is {self.desk.row().state}"
            )

    def _clock(self) -> Callable[[], datetime]:
        """A clock that is up to ten minutes wrong."""
        apart = timedelta(seconds=self.dice.randint(-_SKEW, _SKEW))
        return lambda: datetime.now(UTC) + apart

    def _push(self) -> None:
        self.report.pushes += 1
        try:
            done = asyncio.run(
                services.push(
                    self.office.organisation_id,
                    limits=QUICK,
                    now=self._clock(),
                    automatic=self.dice.random() < 0.3,
                )
            )
            self.report.requests += done.requests
        except Killed:
            self.report.killed += 1
        except HousecountError:
            self.report.happened["push refused"] += 1

    def _started(self) -> "subprocess.Popen[bytes]":
        self.report.processes += 1
        with acting_as(self.office.identity):
            slug = Organisation.objects.get(pk=self.office.organisation_id).slug
        command = leash.command("housecount.cli.main", "xero", "push", "--organisation", slug)
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def _push_process(self) -> None:
        """The command itself, killed some time after it began, if it has not ended."""
        begun = self._started()
        try:
            begun.wait(self.dice.uniform(2.0, 12.0))
        except subprocess.TimeoutExpired:
            begun.kill()
            begun.wait()
            self.report.processes_killed += 1

    def eight_at_once(self) -> None:
        """Eight processes push the same, with a token that all of them find too old."""
        party = self.office.party(name="Eight", abn="", gst_registered_from=None, email="eight@a.example")
        self.documents = [self._issue(party) for _ in range(8)]
        with acting_as(self.office.identity):
            Connection.objects.filter(organisation_id=self.office.organisation_id).update(
                access_expires_at=datetime.now(UTC)
            )
        before = self.desk.sandbox.requests("xero")["/connect/token"]
        for process in [self._started() for _ in range(8)]:
            process.wait(300)
        asked = self.desk.sandbox.requests("xero")["/connect/token"] - before
        if asked != 1 or self.desk.row().state != "connected":
            self.report.problems.append(f"eight at once: {asked} tokens, {self.desk.row().state}")
        if open_ones := [each for each in self.desk.intents() if each.stage != "done"]:
            self.report.problems.append(f"eight at once: {len(open_ones)} left")
        self._check(party.name)

    def _pull(self) -> None:
        self.report.pulls += 1
        try:
            asyncio.run(services.pull(self.office.organisation_id, limits=QUICK, now=self._clock()))
        except Killed:
            self.report.killed += 1
        except HousecountError:
            self.report.happened["pull refused"] += 1

    def _settle(self) -> None:
        """Nothing fails any more; an hour has passed."""
        self.desk.faults.clear()
        begin = datetime.now(UTC)
        for hour in range(1, 7):

            def now(later: datetime = begin + timedelta(hours=hour)) -> datetime:
                return later

            outcome = asyncio.run(services.push(self.office.organisation_id, limits=QUICK, now=now))
            asyncio.run(services.pull(self.office.organisation_id, limits=QUICK, now=now))
            if hour > 1 and not outcome.left and not outcome.stopped:
                break
        mine = {str(each.pk) for each in self.documents}
        for each in outcome.reasons:
            if each["document"] in mine:
                said = f"left {each['number']} {each['what']} {each['stage']}: {each['reason']}"
                self.report.problems.append(f"round {self.report.rounds}: {said}")
        if outcome.stopped:
            self.report.problems.append(f"round {self.report.rounds}: stopped: {outcome.stopped}")

    def _check(self, party: str) -> None:
        where = f"round {self.report.rounds}"
        books = self.desk.books()
        contacts = [each for each in books["Contacts"] if each["Name"] == party]
        if len(contacts) > 1:
            self.report.problems.append(f"{where}: {len(contacts)} contacts called {party}")
        with acting_as(self.office.identity):
            known = situations(self.documents)
        live = [each for each in books["Documents"] if each["Status"] not in _OVER]
        for ours in self.documents:
            found = [each for each in live if each.get("InvoiceNumber") == ours.number]
            self.report.problems += [f"{where}: {problem}" for problem in _wrong(ours, known[ours.pk], found)]
        self.report.payments = sum(each["Status"] == "AUTHORISED" for each in books["Payments"])
        numbers = Counter(each["CreditNoteNumber"] for each in live if each.get("CreditNoteNumber"))
        twice = [number for number, count in numbers.items() if count > 1]
        self.report.problems += [f"{where}: the note {number} is there twice" for number in twice]


def _wrong(ours: Document, known: Any, found: list[dict[str, Any]]) -> list[str]:
    if known.ending == EndingKind.VOID:
        return [f"{ours.number} is void here, and there is one there"] if found else []
    if len(found) != 1:
        return [f"{ours.number} is there {len(found)} times"]
    theirs = found[0]
    pairs = {
        "total": (to_major(ours.total - ours.withheld, ours.currency), theirs["Total"]),
        "tax": (to_major(ours.tax_total, ours.currency), theirs["TotalTax"]),
        "due": (to_major(max(known.balance, 0), ours.currency), theirs["AmountDue"]),
    }
    return [
        f"{ours.number} {name}: ours {mine}, Xero's {its}"
        for name, (mine, its) in pairs.items()
        if mine != its
    ]


def table(report: Report) -> str:
    """What was thrown, what came of it, and what was lost."""
    rows: list[tuple[str, object]] = [
        ("Rounds", report.rounds),
        ("Documents, notes", report.documents),
        ("Payments that stand in Xero", report.payments),
        ("Pushes, pulls", f"{report.pushes}, {report.pulls}"),
        ("Requests of pushes", report.requests),
        ("Killed in the middle", report.killed),
        (
            "Pushes by processes of their own, of which killed",
            f"{report.processes}, {report.processes_killed}",
        ),
        ("Consent revoked", report.revoked),
        *((f"  {what}", count) for what, count in sorted(report.happened.items())),
        ("Faults that struck", report.struck.total()),
        *((f"  {what}", count) for what, count in sorted(report.struck.items())),
        ("Lost, doubled, or otherwise wrong", len(report.problems)),
    ]
    width = max(len(what) for what, _ in rows)
    lines = [f"{what.ljust(width)}  {value}" for what, value in rows]
    return "\n".join([*lines, *(f"  {problem}" for problem in report.problems[:40])])
