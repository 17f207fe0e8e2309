"""Whatever we issue, Xero comes to the same cent: documents by chance, through the sandbox's own arithmetic."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal
from random import Random

import msgspec
import pytest

from housecount.core.tax import Priced, PriceMode, RoundingRule, Treatment, line_amounts, total
from housecount.invoices.models import Document, Line
from housecount.xero import mapping, paper, wire
from housecount_sandbox import World
from housecount_sandbox.xero import contacts, documents, render
from housecount_sandbox.xero.documents import CREDITS, INVOICES, Writing
from housecount_sandbox.xero.values import decode, encode
from tests.xero.desk import open_desk

DAY = date(2026, 11, 27)
FACTOR = float(os.environ.get("HOUSECOUNT_EXAMPLES") or 1)
#: HOUSECOUNT_EXAMPLES=6 makes it more than 10,000 documents in all.
COUNT = round(300 * FACTOR)
RATES = {"AU": (1000, "AUD"), "NZ": (1500, "NZD"), "GB": (2000, "GBP")}


def books_of(writing: Writing) -> mapping.Books:
    """What the product would read of that organisation."""
    now = writing.xero.now()
    accounts = encode([render.account(each, now) for each in writing.tenant.accounts])
    rates = encode([render.tax_rate(each) for each in writing.tenant.tax_rates])
    found = (
        msgspec.json.decode(accounts, type=list[wire.Account]),
        msgspec.json.decode(rates, type=list[wire.TaxRate]),
    )
    country = writing.tenant.country
    return mapping.Books(country, *found, mapping.proposed(country, *found, None))


def drawn(dice: Random, country: str, rule: RoundingRule) -> tuple[Document, list[Line]]:
    """A document as it would have been issued; never below zero in total."""
    rate, currency = RATES[country]
    receivable, mode = dice.random() < 0.5, dice.choice(list(PriceMode))
    treatments = [Treatment.TAXABLE, Treatment.TAXABLE, Treatment.INPUT_TAXED, Treatment.OUT_OF_SCOPE]
    priced = []
    for _ in range(dice.randint(1, 6)):
        quantity = Decimal(dice.choice([10_000, 10_000, 20_000, 5_000, dice.randint(1, 999_999)])).scaleb(-4)
        price = dice.choice([dice.randint(0, 99), dice.randint(100, 500_000)])
        discount = dice.randint(0, price) if dice.random() < 0.2 and quantity >= 1 else 0
        priced.append(Priced(quantity, price, dice.choice(treatments), discount))
    amounts = line_amounts(priced, mode, rate, rule)
    whole = total(amounts)
    document = Document(
        kind="invoice",
        direction="receivable" if receivable else "payable",
        number="X-1",
        issue_date=DAY,
        due_date=DAY,
        currency=currency,
        price_mode=mode,
        rounding_rule=rule,
        tax_rate=rate,
        net_total=whole.net,
        tax_total=whole.tax,
        total=whole.gross,
    )
    lines = [
        Line(
            description=f"Line {place}",
            quantity=each.quantity,
            unit_price=each.unit_price,
            discount=each.discount,
            tax=each.treatment,
            net_amount=sums.net,
            tax_amount=sums.tax,
            gross_amount=sums.gross,
        )
        for place, (each, sums) in enumerate(zip(priced, amounts, strict=True), 1)
    ]
    return document, lines


@pytest.mark.parametrize("rule", list(RoundingRule))
@pytest.mark.parametrize("country", list(RATES))
def test_random_documents_come_to_the_same_cent(country: str, rule: RoundingRule) -> None:
    world = World.blank(seed=3)
    tenant = next(each for each in world.xero.tenants if each.country == country)
    writing = Writing(world.xero, world.limits, tenant, None, four_decimals=True)
    contact = contacts.write(world.xero, tenant, {"Name": "Someone"}, create=True)
    books, dice = books_of(writing), Random(f"{country} {rule}")
    overridden = 0
    for _ in range(COUNT):
        document, lines = drawn(dice, country, rule)
        made = paper.paper_of(document, lines, [], books, None)
        sent = decode(encode({**made.fields, "Contact": {"ContactID": contact.id}, "Status": "DRAFT"}))
        overridden += any("TaxAmount" in line for line in sent["LineItems"])
        there = documents.write(writing, sent, INVOICES, create=True)
        answer = encode(render.document(there, four_decimals=True))
        found = msgspec.json.decode(answer, type=wire.Document)
        assert paper.differences(made, found, contact.id) == [], (document.price_mode, sent)
        # Where tax is rounded on every line, Xero comes to it by itself.
        assert found.total == Decimal(document.total).scaleb(-2)
        tenant.documents.clear()
    assert (overridden == 0) == (rule is RoundingRule.PER_LINE)


@pytest.mark.slow
def test_random_documents_are_pushed_and_approved_to_the_same_cent(database: str, plain_paper: None) -> None:
    """The same through issuing, HTTP and every step of a push; HOUSECOUNT_EXAMPLES makes more of them."""
    dice, most = Random("pushed"), round(8 * FACTOR)
    with open_desk() as desk:
        desk.limits.xero_per_day = 0
        desk.connect()
        party, made = desk.office.party(), []
        for _ in range(most):
            rule = dice.choice(list(RoundingRule))
            like, lines = drawn(dice, "AU", rule)
            made.append(
                desk.office.issued(
                    party,
                    price_mode=like.price_mode,
                    rounding_rule=rule,
                    lines=[
                        {
                            "description": each.description,
                            "quantity": str(each.quantity),
                            "unit_price": each.unit_price,
                            "discount": each.discount,
                            "tax": each.tax,
                        }
                        for each in lines
                    ],
                )
            )
        outcome = desk.push()
        assert (outcome.left, outcome.done) == (0, most), outcome.reasons[:3]
        there = {each["InvoiceNumber"]: each for each in desk.documents()}
    for ours in made:
        theirs = there[ours.number]
        assert theirs["Status"] in ("AUTHORISED", "PAID")
        figures = [Decimal(each).scaleb(-2) for each in (ours.net_total, ours.tax_total, ours.total)]
        assert [theirs["SubTotal"], theirs["TotalTax"], theirs["Total"]] == figures


def test_a_note_gives_back_what_it_says_whichever_sign_it_has() -> None:
    world = World.blank(seed=3)
    tenant = world.xero.tenants[0]
    writing = Writing(world.xero, world.limits, tenant, None, four_decimals=True)
    contact = contacts.write(world.xero, tenant, {"Name": "Someone"}, create=True)
    books = books_of(writing)
    document, lines = drawn(Random("note"), "AU", RoundingRule.PER_LINE)
    document.kind = "adjustment_note"
    for each in lines:
        each.unit_price, each.net_amount = -each.unit_price, -each.net_amount
        each.tax_amount, each.gross_amount = -each.tax_amount, -each.gross_amount
    document.net_total, document.tax_total, document.total = (
        -document.net_total,
        -document.tax_total,
        -document.total,
    )
    made = paper.paper_of(document, lines, [], books, None)
    assert (made.place, made.type.endswith("CREDIT")) == ("CreditNotes", True)
    sent = decode(encode({**made.fields, "Contact": {"ContactID": contact.id}}))
    there = documents.write(writing, sent, CREDITS, create=True)
    assert there.total == Decimal(-document.total).scaleb(-2) > 0


def test_money_moves_through_an_account_in_its_own_currency_where_there_is_one() -> None:
    def account(code: str, currency: str | None, **more: str) -> wire.Account:
        return wire.Account(code=code, type="BANK", kind="ASSET", currency_code=currency, **more)

    had = [account("090", "AUD"), account("092", "USD", status="ARCHIVED"), account("093", "USD")]
    books = mapping.Books("AU", had, [], {"bank": "090"})
    assert [books.bank(currency).code for currency in ("AUD", "USD", "NZD")] == ["090", "093", "090"]
    # Where Xero does not say what an account is kept in, the mapped one is meant.
    unsaid = mapping.Books("AU", [account("090", None), had[2]], [], {"bank": "090"})
    assert unsaid.bank("USD").code == "090"
