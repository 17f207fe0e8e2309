"""A short chart of accounts and the tax rates for each country: the codes that the reference sheet knows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from housecount_sandbox.xero.model import Account, TaxRate

_ALL = frozenset({"REVENUE", "EXPENSE", "ASSET", "LIABILITY", "EQUITY"})
_IN = frozenset({"REVENUE", "LIABILITY", "EQUITY", "ASSET"})
_OUT = frozenset({"EXPENSE", "ASSET", "LIABILITY", "EQUITY"})
_SALES = frozenset({"REVENUE", "LIABILITY"})
_BORDER = frozenset({"LIABILITY"})

_RATES: dict[str, list[tuple[str, str, str, frozenset[str]]]] = {
    "AU": [
        ("OUTPUT", "GST on Income", "10", _IN),
        ("INPUT", "GST on Expenses", "10", _OUT),
        ("EXEMPTOUTPUT", "GST Free Income", "0", _IN),
        ("EXEMPTEXPENSES", "GST Free Expenses", "0", _OUT),
        ("EXEMPTEXPORT", "GST Free Exports", "0", _IN),
        ("INPUTTAXED", "Input Taxed", "0", _ALL),
        ("BASEXCLUDED", "BAS Excluded", "0", _ALL),
        ("CAPEXINPUT", "GST on Capital", "10", _OUT),
        ("GSTONIMPORTS", "GST on Imports", "0", _OUT),
        ("NONE", "No Tax", "0", _ALL),
    ],
    "NZ": [
        ("OUTPUT2", "15% GST on Income", "15", _IN),
        ("INPUT2", "15% GST on Expenses", "15", _OUT),
        ("OUTPUT", "12.5% GST on Income", "12.5", _IN),
        ("INPUT", "12.5% GST on Expenses", "12.5", _OUT),
        ("ZERORATED", "Zero Rated", "0", _SALES),
        ("GSTONIMPORTS", "GST on Imports", "0", _BORDER),
        ("NONE", "No GST", "0", _ALL),
    ],
    "GB": [
        ("OUTPUT2", "20% (VAT on Income)", "20", _IN),
        ("INPUT2", "20% (VAT on Expenses)", "20", _OUT),
        ("OUTPUT", "17.5% (VAT on Income)", "17.5", _IN),
        ("INPUT", "17.5% (VAT on Expenses)", "17.5", _OUT),
        ("ZERORATEDOUTPUT", "Zero Rated Income", "0", _IN),
        ("ZERORATEDINPUT", "Zero Rated Expenses", "0", _OUT),
        ("EXEMPTOUTPUT", "Exempt Income", "0", _IN),
        ("EXEMPTINPUT", "Exempt Expenses", "0", _OUT),
        ("NONE", "No VAT", "0", _ALL),
    ],
}

# What one Australian dollar is worth: invented, the same every day.
_WORTH = {
    "AUD": Decimal(1), "NZD": Decimal("1.0932"), "GBP": Decimal("0.5217"), "USD": Decimal("0.6581"),
    "EUR": Decimal("0.6043"), "SGD": Decimal("0.8812"), "JPY": Decimal("98.6700"),
}  # fmt: skip

# Code, name, type, class, whether payments may go there, system name; sales and costs take the usual rate.
_ACCOUNTS: list[tuple[str, str, str, str, bool, str | None]] = [
    ("090", "Business Bank Account", "BANK", "ASSET", True, None),
    ("091", "Business Savings Account", "BANK", "ASSET", True, None),
    ("200", "Sales", "REVENUE", "REVENUE", False, None),
    ("260", "Other Revenue", "REVENUE", "REVENUE", False, None),
    ("310", "Performers", "DIRECTCOSTS", "EXPENSE", False, None),
    ("400", "Advertising", "EXPENSE", "EXPENSE", False, None),
    ("404", "Bank Fees", "EXPENSE", "EXPENSE", False, None),
    ("469", "Venue Hire", "EXPENSE", "EXPENSE", False, None),
    ("477", "Wages", "EXPENSE", "EXPENSE", False, None),
    ("610", "Accounts Receivable", "CURRENT", "ASSET", False, "DEBTORS"),
    ("800", "Accounts Payable", "CURRLIAB", "LIABILITY", False, "CREDITORS"),
    ("820", "GST", "CURRLIAB", "LIABILITY", False, "GST"),
    ("825", "Tax Withheld", "CURRLIAB", "LIABILITY", False, None),
    ("830", "Deposits Held", "CURRLIAB", "LIABILITY", False, None),
    ("860", "Rounding", "CURRLIAB", "LIABILITY", False, "ROUNDING"),
    ("881", "Owner Funds Introduced", "EQUITY", "EQUITY", True, None),
]


def day_rate(own: str, other: str) -> Decimal:
    """What one unit of the organisation's `own` currency is worth in `other`, in six decimals."""
    return (_WORTH.get(other, Decimal(1)) / _WORTH.get(own, Decimal(1))).quantize(Decimal("0.000001"))


def tax_rates(country: str) -> list[TaxRate]:
    """The rates of AU, NZ or GB."""
    return [
        TaxRate(name, code, Decimal(rate), applies, code) for code, name, rate, applies in _RATES[country]
    ]


def accounts(country: str, new_id: Callable[[], str]) -> list[Account]:
    """The chart of an organisation in AU, NZ or GB."""
    usual = ("OUTPUT", "INPUT") if country == "AU" else ("OUTPUT2", "INPUT2")
    none = "BASEXCLUDED" if country == "AU" else "NONE"
    by_class = {"REVENUE": usual[0], "EXPENSE": usual[1]}
    return [
        Account(
            new_id(), code, name, kind, group, by_class.get(group, none), payments=payments, system=system
        )
        for code, name, kind, group, payments, system in _ACCOUNTS
    ]
