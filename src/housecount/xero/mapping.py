"""Which account and which tax type of Xero's stand for ours: proposed from what Xero has, checked before each use."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from housecount.core.documents import Direction
from housecount.core.tax import Treatment
from housecount.xero import wire
from housecount.xero.errors import Blocked

#: What is mapped to an account: income and costs, the bank that payments move through, tax kept back from a supplier,
#: deposits that are held as security, and what is written off.
ACCOUNTS: Final = ("sales", "costs", "bank", "withheld", "deposits", "bad_debts")
COUNTRIES: Final = {"AU": "Australia", "NZ": "New Zealand", "GB": "the United Kingdom"}
_R, _P = Direction.RECEIVABLE, Direction.PAYABLE
_T, _F, _I, _O = Treatment.TAXABLE, Treatment.GST_FREE, Treatment.INPUT_TAXED, Treatment.OUT_OF_SCOPE

#: Xero's codes by country. Not OUTPUT and INPUT everywhere: those mean former rates in New Zealand and the UK.
_TAX_TYPES: Final[dict[str, dict[tuple[Direction, Treatment], str]]] = {
    "AU": {
        (_R, _T): "OUTPUT",
        (_R, _F): "EXEMPTOUTPUT",
        (_R, _I): "INPUTTAXED",
        (_R, _O): "BASEXCLUDED",
        (_P, _T): "INPUT",
        (_P, _F): "EXEMPTEXPENSES",
        (_P, _I): "INPUTTAXED",
        (_P, _O): "BASEXCLUDED",
    },
    "NZ": {
        (_R, _T): "OUTPUT2",
        (_R, _F): "ZERORATED",
        (_R, _I): "NONE",
        (_R, _O): "NONE",
        (_P, _T): "INPUT2",
        (_P, _F): "NONE",
        (_P, _I): "NONE",
        (_P, _O): "NONE",
    },
    "GB": {
        (_R, _T): "OUTPUT2",
        (_R, _F): "ZERORATEDOUTPUT",
        (_R, _I): "EXEMPTOUTPUT",
        (_R, _O): "NONE",
        (_P, _T): "INPUT2",
        (_P, _F): "ZERORATEDINPUT",
        (_P, _I): "EXEMPTINPUT",
        (_P, _O): "NONE",
    },
}
#: Xero's own numbering of a new organisation, tried before any other account of the kind.
_USUAL: Final = {
    "sales": ("200",),
    "costs": ("310", "300"),
    "withheld": ("825",),
    "deposits": ("830",),
    "bank": ("090",),
}
_CLASS_FLAGS: Final = {
    "REVENUE": "can_apply_to_revenue",
    "EXPENSE": "can_apply_to_expenses",
    "ASSET": "can_apply_to_assets",
    "LIABILITY": "can_apply_to_liabilities",
    "EQUITY": "can_apply_to_equity",
}


class Books(msgspec.Struct, frozen=True):
    """What an organisation in Xero has, as it was last read, and how ours is mapped to it."""

    country: str
    accounts: Sequence[wire.Account]
    tax_rates: Sequence[wire.TaxRate]
    mapping: Mapping[str, str]

    def account(self, code: str) -> wire.Account | None:
        """The active account of that code."""
        return next((each for each in self.accounts if each.code == code and each.status == "ACTIVE"), None)

    def mapped(self, purpose: str) -> wire.Account:
        """The account for one of `ACCOUNTS`. Raises `Blocked`."""
        code = self.mapping.get(purpose, "")
        if not code:
            raise Blocked(
                f"No account in Xero is mapped to {purpose}: housecount xero map --account {purpose}=CODE."
            )
        return self.usable(code)

    def bank(self, currency: str) -> wire.Account:
        """The account that money in a currency moves through: the mapped one, unless that is kept in another currency
        and there is a bank account in this one. Raises `Blocked`."""
        mapped = self.mapped("bank")
        if mapped.currency_code in (None, "", currency):
            return mapped
        there = (each for each in self.accounts if takes_payments(each) and each.code)
        return next((each for each in there if each.currency_code == currency), mapped)

    def usable(self, code: str) -> wire.Account:
        """The account of that code. Raises `Blocked` when Xero has none, or has archived it."""
        found = self.account(code)
        if found is None:
            raise Blocked(
                f"Xero has no active account {code} any more. Map another, or restore it in Xero, and push again."
            )
        return found

    def tax_type(self, direction: Direction, treatment: Treatment, rate: int, account: wire.Account) -> str:
        """Xero's tax type for a line, after checking its rate (hundredths of a per cent) and that it may stand on
        the account. Raises `Blocked`."""
        code = self.mapping.get(f"{direction.value}.{treatment.value}", "")
        found = next(
            (each for each in self.tax_rates if each.tax_type == code and each.status == "ACTIVE"), None
        )
        if found is None:
            raise Blocked(
                f"No tax rate in Xero is mapped to {direction.value} {treatment.value.replace('_', '-')} lines: "
                f"housecount xero map --tax {direction.value}.{treatment.value}=TYPE."
            )
        due = Decimal(rate) / 100 if treatment is Treatment.TAXABLE else Decimal(0)
        if found.effective_rate != due:
            raise Blocked(
                f"Xero's “{found.name}” ({code}) is {found.effective_rate:f} %, and the document was issued at "
                f"{due:f} %. Map a tax rate of that height."
            )
        if not applies(found, account):
            raise Blocked(
                f"Xero does not allow “{found.name}” ({code}) on account {account.code}. Map another account or rate."
            )
        return code


def applies(rate: wire.TaxRate, account: wire.Account) -> bool:
    """Whether a tax rate may stand on lines of an account."""
    flag = _CLASS_FLAGS.get(account.kind)
    return flag is None or bool(getattr(rate, flag))


def takes_payments(account: wire.Account) -> bool:
    """Whether payments may move through it."""
    return account.status == "ACTIVE" and (account.type == "BANK" or account.enable_payments_to_account)


def proposed(
    country: str, accounts: Sequence[wire.Account], tax_rates: Sequence[wire.TaxRate], bank: str | None
) -> dict[str, str]:
    """A mapping from what Xero has: Xero's own codes where they are there and active, else the first that fits.

    What has nothing that fits is left out, and so is what is written off: whether Xero is to book that, and where, a
    person says. `bank` is the account to pay through, when somebody said which.
    """
    found: dict[str, str] = {}
    kinds: dict[str, Callable[[wire.Account], bool]] = {
        "sales": lambda each: each.kind == "REVENUE",
        "costs": lambda each: each.kind == "EXPENSE",
        "bank": takes_payments,
        "withheld": lambda each: each.kind == "LIABILITY" and "withh" in each.name.lower(),
        "deposits": lambda each: each.kind == "LIABILITY" and "deposit" in each.name.lower(),
    }
    for purpose, fits in kinds.items():
        codes = [each.code for each in accounts if each.status == "ACTIVE" and each.code and fits(each)]
        usual = [code for code in _USUAL[purpose] if code in codes]
        if purpose == "bank":
            banks = [each.code for each in accounts if each.code in codes and each.type == "BANK"]
            usual = [bank] if bank else banks
        if usual or codes:
            found[purpose] = (usual or codes)[0]
    active = {each.tax_type for each in tax_rates if each.status == "ACTIVE"}
    for (direction, treatment), code in _TAX_TYPES.get(country, {}).items():
        if code in active:
            found[f"{direction.value}.{treatment.value}"] = code
    return found


def purposes() -> list[str]:
    """Every name that can be mapped: accounts, then `direction.treatment` for tax types."""
    return [
        *ACCOUNTS,
        *(f"{direction.value}.{treatment.value}" for direction in Direction for treatment in Treatment),
    ]
