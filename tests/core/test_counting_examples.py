"""The worked examples of docs/reference/counting.md, recomputed by the platforms' own mappings."""

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from housecount.core.counting import Figures, OrderFacts, TicketFacts, count_order, count_ticket, total
from housecount.core.money import to_minor
from housecount.platforms import registry
from housecount.platforms.base.records import Order

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "counting.md"
_COUNTED = {"orders", "sold", "comps", "cancelled"}


class Read(NamedTuple):
    """One reading of an order: the fields of the order, of its tickets, and what the page says they count."""

    order: dict[str, str]
    tickets: list[dict[str, str]]
    counts: dict[str, str]


class Example(NamedTuple):
    platform: str
    reads: list[Read]
    line: int


def _fields(text: str) -> dict[str, str]:
    return dict(part.split("=", 1) if "=" in part else (part, "yes") for part in text.split())


def _examples() -> list[Example]:
    page = _PAGE.read_text(encoding="utf-8")
    found = []
    for block in re.finditer(r"^```count\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        lines = [line.split(None, 1) for line in block.group(1).splitlines()]
        assert lines[0][0] == "platform"
        example = Example(lines[0][1].strip(), [], page.count("\n", 0, block.start()) + 2)
        order: dict[str, str] = {}
        tickets: list[dict[str, str]] = []
        for word, rest in lines[1:]:
            if word == "order":
                order, tickets = _fields(rest), []
            elif word in {"attendee", "ticket"}:
                tickets.append(_fields(rest))
            elif word == "counts":
                example.reads.append(Read(order, tickets, {} if rest == "nothing" else _fields(rest)))
            else:
                assert word == "read"
        found.append(example)
    return found


_EXAMPLES = _examples()


_AT = "2026-03-01T08:05:10Z"


def _facts(platform: str, read: Read) -> tuple[OrderFacts, list[TicketFacts]]:
    """What the platform's own mapping makes of the fields, put in the form in which it keeps records."""
    source = registry.source(platform)
    if platform == "eventbrite":
        order = source.restore("order", json.dumps(_eventbrite_order(read)).encode())
        assert isinstance(order, Order)
        tickets = order.tickets
    else:
        order = source.restore("order", json.dumps(_humanitix_order(read)).encode())
        raws = [json.dumps(_humanitix_ticket(n, t)).encode() for n, t in enumerate(read.tickets)]
        tickets = tuple(source.restore("ticket", raw) for raw in raws)  # type: ignore[misc]
    assert isinstance(order, Order)
    assert tickets is not None
    assert order.notices == ()
    return order.facts, [ticket.facts for ticket in tickets]


def _eventbrite_order(read: Read) -> dict[str, object]:
    order = {"id": "1", "event_id": "9", "created": _AT, "changed": _AT, "_currency": "AUD"}
    costs = _eventbrite_money(read.order, "discount_amount")
    return order | {
        "status": read.order["status"],
        "costs": costs,
        "attendees": [
            {
                "id": str(number),
                "created": _AT,
                "changed": _AT,
                "cancelled": "cancelled" in attendee,
                "refunded": "refunded" in attendee,
                "_absorbs_fees": "include_fee" in attendee,
                "_category": attendee.get("category", "admission"),
                "costs": _eventbrite_money(attendee, "base_price", "eventbrite_fee", "payment_fee", "tax"),
            }
            for number, attendee in enumerate(read.tickets)
        ],
    }


def _eventbrite_money(fields: dict[str, str], *names: str) -> dict[str, object]:
    values = {name: to_minor(fields.get(name, "0"), "AUD") for name in names}
    if "base_price" in values:
        values["gross"] = sum(values.values())
    return {name: {"currency": "AUD", "value": value} for name, value in values.items()}


def _humanitix_order(read: Read) -> dict[str, object]:
    totals = {"subtotal": 0.0, "discounts": 0.0, "refunds": 0.0}
    totals |= {name: float(value) for name, value in read.order.items() if name != "financialStatus"}
    return {
        "_id": "a1",
        "eventId": "e1",
        "currency": "AUD",
        "status": "complete",
        "financialStatus": read.order["financialStatus"],
        "createdAt": _AT,
        "updatedAt": _AT,
        "totals": totals,
    }


def _humanitix_ticket(number: int, ticket: dict[str, str]) -> dict[str, object]:
    prices = {name: float(value) for name, value in ticket.items() if value != "yes"}
    return prices | {
        "_id": f"b{number}",
        "orderId": "a1",
        "eventId": "e1",
        "currency": "AUD",
        "createdAt": _AT,
        "updatedAt": _AT,
        "status": "complete" if "complete" in ticket else "cancelled",
        "isDonation": "isDonation" in ticket,
    }


def _told(counts: dict[str, str]) -> dict[str, int]:
    return {name: int(v) if name in _COUNTED else to_minor(v, "AUD") for name, v in counts.items()}


@pytest.mark.parametrize("example", _EXAMPLES, ids=[f"line {example.line}" for example in _EXAMPLES])
def test_an_example_of_the_page_is_right(example: Example) -> None:
    peaks: list[int] = []
    for read in example.reads:
        order, tickets = _facts(example.platform, read)
        peaks = [
            max(pair) for pair in zip([t.gross for t in tickets], peaks or [0] * len(tickets), strict=True)
        ]
        tickets = [ticket._replace(peak_gross=peak) for ticket, peak in zip(tickets, peaks, strict=True)]
        figures = total([count_order(order, tickets), *(count_ticket(t, order) for t in tickets)])
        counted = {name: value for name, value in figures._asdict().items() if value}
        if figures.net:
            counted["net"] = figures.net
        assert counted == _told(read.counts)


def test_the_page_has_an_example_for_every_case_that_differs() -> None:
    assert len([e for e in _EXAMPLES if e.platform == "eventbrite"]) >= 12
    assert len([e for e in _EXAMPLES if e.platform == "humanitix"]) >= 11
    seen = {name for e in _EXAMPLES for read in e.reads for name in read.counts}
    assert seen == {*Figures._fields, "net"}
