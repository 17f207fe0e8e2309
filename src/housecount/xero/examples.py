"""What an example document would become in Xero under a mapping, before anything is written."""

from collections.abc import Mapping
from typing import NamedTuple

from housecount.core.documents import Direction
from housecount.core.tax import Treatment
from housecount.xero import mapping, wire
from housecount.xero.errors import Blocked
from housecount.xero.mapping import Books

_PURPOSE = {Direction.RECEIVABLE: "sales", Direction.PAYABLE: "costs"}
_KINDS = {
    "sales": "REVENUE",
    "costs": "EXPENSE",
    "withheld": "LIABILITY",
    "deposits": "LIABILITY",
    "bad_debts": "EXPENSE",
}


class ExampleLine(NamedTuple):
    """A line of a document as Xero would get it; `trouble` is why it would not, "" where it would."""

    direction: Direction
    treatment: Treatment
    account: wire.Account | None
    tax: wire.TaxRate | None
    trouble: str


def example_lines(books: Books, rate: int) -> list[ExampleLine]:
    """A line of every treatment in either direction. `rate`: of a taxable line, in hundredths of a per cent."""
    return [_line(books, direction, treatment, rate) for direction in Direction for treatment in Treatment]


def with_changes(books: Books, changes: Mapping[str, str]) -> Books:
    """The books as they would be mapped with these changes."""
    return Books(books.country, books.accounts, books.tax_rates, {**books.mapping, **changes})


def choices(books: Books, purpose: str) -> list[tuple[str, str]]:
    """What a person would map a purpose to: codes with their names, in Xero's order; and what it is mapped to."""
    mapped = books.mapping.get(purpose)
    if purpose in mapping.ACCOUNTS:
        return [
            (each.code, f"{each.code} {each.name}")
            for each in books.accounts
            if each.code and each.status == "ACTIVE" and (_fits(purpose, each) or each.code == mapped)
        ]
    flag = "can_apply_to_revenue" if purpose.startswith("receivable") else "can_apply_to_expenses"
    return [
        (each.tax_type, f"{each.name} ({each.effective_rate.normalize():f} %)")
        for each in books.tax_rates
        if each.status == "ACTIVE" and (getattr(each, flag) or each.tax_type == mapped)
    ]


def _fits(purpose: str, account: wire.Account) -> bool:
    kind = _KINDS.get(purpose)
    return mapping.takes_payments(account) if kind is None else account.kind == kind


def _line(books: Books, direction: Direction, treatment: Treatment, rate: int) -> ExampleLine:
    account = None
    try:
        account = books.mapped(_PURPOSE[direction])
        code = books.tax_type(direction, treatment, rate, account)
    except Blocked as error:
        return ExampleLine(direction, treatment, account, None, error.message)
    found = next(each for each in books.tax_rates if each.tax_type == code)
    return ExampleLine(direction, treatment, account, found, "")
