"""The demo's books: an invented Xero, connected, with some documents in it, one that differs and one that waits."""

import asyncio
import contextlib
import urllib.request
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from housecount.core.errors import HousecountError

if TYPE_CHECKING:
    from housecount.invoices.models import Document, Party
    from housecount.tenancy.models import Organisation

_SECONDS = 10
#: Numbers made for examples; nobody's.
_OURS, _ACT, _VENUE = "53004085616", "51824753556", "47555222000"
_BANK = "090"


class App(msgspec.Struct):
    """An application that the invented Xero knows."""

    kind: str
    client_id: str
    client_secret: str | None
    webhook_key: str


def registration(apps: Sequence[App]) -> dict[str, str]:
    """The environment that makes us the first application there is that asks for consent, so that a person who looks
    round can walk the way there and back."""
    mine = next(each for each in apps if each.kind == "web")
    return {
        "XERO_CLIENT_ID": mine.client_id,
        "XERO_CLIENT_SECRET": mine.client_secret or "",
        "XERO_WEBHOOK_KEY": mine.webhook_key,
    }


def connected(organisation: "Organisation") -> bool:
    """Whether the organisation has a connection to Xero, in whatever state: then nothing is done to it."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.xero.models import Connection

    with acting_as(Identity.system(organisation.pk)):
        return Connection.objects.filter(organisation_id=organisation.pk).exists()


def keep(organisation: "Organisation", api_url: str) -> str:
    """Connect the books, issue a few documents where there are none, and have both sides go on a little.

    Hands back what went wrong, in words, "" where nothing did: the demo goes on without its books.
    """
    from housecount.xero import services

    try:
        _connect(organisation)
        made = _documents(organisation)
        if not made:
            return ""
        first, second, third = made
        happen(api_url, "xero_contact", fields={"Name": "The Crypt Bar"})
        asyncio.run(services.push(organisation.pk))
        later = (datetime.now(UTC).date() + timedelta(days=60)).isoformat()
        happen(api_url, "xero_pay", document=first.number, reference="Bank feed 20917")
        happen(api_url, "xero_edit", document=second.number, fields={"DueDate": later})
        happen(api_url, "xero_pay", document=third.number, amount=100, reference="Part, by card")
        asyncio.run(services.pull(organisation.pk))
    except HousecountError as error:
        return error.message
    except OSError as error:
        return f"The invented Xero did not answer: {error}"
    return ""


def _connect(organisation: "Organisation") -> None:
    """Let ourselves in, as the browser of somebody who says yes to everything would. Raises OSError."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.xero import services

    with acting_as(Identity.system(organisation.pk)):
        there = urlsplit(services.begin_consent(organisation.pk))
    with contextlib.closing(HTTPConnection(there.netloc, timeout=_SECONDS)) as xero:
        xero.request("GET", f"{there.path}?{there.query}")
        back = dict(parse_qsl(urlsplit(xero.getresponse().headers.get("Location", "")).query))
    if "code" not in back or "state" not in back:
        raise OSError("it did not let the demo in")
    asyncio.run(services.finish_consent(organisation.pk, back["state"], back["code"], bank=_BANK))


def happen(api_url: str, verb: str, **what: Any) -> None:
    """Somebody does something in the invented Xero itself. Raises OSError."""
    request = urllib.request.Request(  # noqa: S310 - our own sandbox
        f"{api_url.partition('/api.xro')[0]}/_sandbox/happenings",
        msgspec.json.encode({"do": verb, **what}),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310 - our own sandbox
        pass


def _documents(organisation: "Organisation") -> "list[Document]":
    """Three documents that go through, and one whose party only a person can find; none where there are some."""
    from housecount.invoices import here, services
    from housecount.invoices.models import Document
    from housecount.tenancy.identity import Identity, acting_as

    now = datetime.now(UTC)
    with acting_as(Identity.system(organisation.pk)):
        if Document.objects.filter(organisation_id=organisation.pk).exists():
            return []
        today = here.today(organisation)
        _party(organisation, "Laughing Stock Comedy", _OURS, self=True)
        act = _party(organisation, "Mirth Machine", _ACT, email="accounts@mirth.example")
        hall = _party(organisation, "The Velvet Room", _VENUE, email="office@velvet.example")
        bar = _party(organisation, "The Crypt Bar", "", email="bar@crypt.example", gst_registered_from=None)
        wanted = [
            _data(hall, today, "Production fee", 125_000, "Autumn season", ago=20),
            _data(hall, today, "Scanner hire", 3_333, "Autumn season", quantity="3", ago=9),
            _data(act, today, "Headline set", 80_000, "Friday Night Laughs", direction="payable", ago=4),
            _data(bar, today, "Door staff recharge", 42_000, "Cellar Sessions", ago=1),
        ]
        made = [
            services.issue_one(each.pk, None, now)
            for each in services.create_documents(organisation.pk, wanted)
        ]
    return made[:3]


def _party(organisation: "Organisation", name: str, abn: str, **more: Any) -> "Party":
    from housecount.invoices import services

    data = {
        "name": name,
        "legal_name": f"{name} Pty Ltd",
        "kind": "company",
        "abn": abn,
        "gst_registered_from": "2020-07-01",
        "country": "AU",
        "address": ["1 Laugh Lane", "Fitzroy VIC 3065"],
        **more,
    }
    return services.create_party(organisation.pk, data)


def _data(
    party: "Party",
    today: date,
    what: str,
    price: int,
    reference: str,
    *,
    ago: int,
    quantity: str = "1",
    direction: str = "receivable",
) -> dict[str, Any]:
    issued = today - timedelta(days=ago)
    return {
        "kind": "invoice",
        "direction": direction,
        "currency": "AUD",
        "issue_date": issued.isoformat(),
        "due_date": (issued + timedelta(days=14)).isoformat(),
        "price_mode": "exclusive",
        "party": str(party.pk),
        "reference": reference,
        "lines": [{"description": what, "quantity": quantity, "unit_price": price, "tax": "taxable"}],
    }
