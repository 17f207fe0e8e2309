"""Xero's answers are read as they come: with nulls, with numbers of any length, with and without counts of pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from housecount.platforms.http.client import Client
from housecount.tenancy.crypto import Secret
from housecount.xero import wire
from housecount.xero.client import Xero


class Lists:
    """A network whose list of contacts is 250 long, in pages as large as it likes."""

    def __init__(self, told: bool, page: int | None) -> None:
        self.told, self.page, self.asked = told, page, 0

    async def send(
        self,
        method: str,
        path: str,
        decode: Callable[[bytes], Any],
        *,
        query: Mapping[str, str],
        **others: Any,
    ) -> SimpleNamespace:
        self.asked += 1
        rows = [{"ContactID": str(each)} for each in range(250)]
        number, size = int(query["page"]), self.page or len(rows)
        begin = (number - 1) * size if self.page else 0
        pagination = {"page": number, "pageSize": size, "pageCount": -(-250 // size), "itemCount": 250}
        told = {"pagination": pagination} if self.told else {}
        body = msgspec.json.encode({"Contacts": rows[begin : begin + size], **told})
        return SimpleNamespace(value=decode(body), status=200)


@pytest.mark.parametrize(
    ("told", "page", "asked"),
    [(True, 100, 3), (True, None, 1), (False, 100, 4), (False, None, 2)],
    ids=["told", "told-whole", "untold", "pages-unknown"],
)
def test_a_list_is_read_to_its_end_however_its_pages_are_told(
    told: bool, page: int | None, asked: int
) -> None:
    async def token_of(refused: Secret | None) -> Secret:
        return Secret("invented")

    lists = Lists(told, page)
    xero = Xero(cast("Client", lists), token_of, None)
    found = asyncio.run(xero.contacts())
    assert [each.contact_id for each in found] == [str(each) for each in range(250)]
    assert lists.asked == asked


def test_a_field_that_says_null_is_as_one_left_out() -> None:
    line = '{"Description":"Hire","TaxAmount":null,"LineAmount":33.33,"AccountCode":null,"ValidationErrors":null}'
    body = (
        '{"Invoices":[{"InvoiceID":"a","Contact":null,"CurrencyCode":null,"Total":36.66,"Payments":null,'
        f'"StatusAttributeString":null,"LineItems":[{line},null]}}],"pagination":null,"DateTimeUTC":null}}'
    ).encode()
    assert not wire.is_faulty(body)
    page = wire.page(body, "Invoices", wire.Document)
    [found] = page.rows
    assert (page.pages, page.count) == (None, None)
    assert (found.total, found.currency_code, found.payments) == (Decimal("36.66"), "", [])
    assert [(each.line_amount, each.tax_amount) for each in found.line_items] == [(Decimal("33.33"), 0)]
    with pytest.raises(msgspec.ValidationError):
        wire.page(b'{"Invoices":[{"Total":"much"}]}', "Invoices", wire.Document)
