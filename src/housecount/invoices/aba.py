"""Payments as a direct-entry file for an Australian bank (ABA, also called Cemtext): records of 120 characters.

One descriptive record (0), one detail record (1) for each payment, one total (7), each ended by CR LF. Positions
below count from 1, as in the banks' descriptions of the format. Text keeps to its character set: accents are taken off,
and what has no plain letter is left out.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from housecount.core.errors import HousecountError, NextStep
from housecount.core.money import format_money
from housecount.invoices.printed import BankAccount

WIDTH: Final = 120
#: What the format allows in text, by the banks' common description of it.
_ALLOWED: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 &',-./+$!%()*#=:?[]_^@"
)
#: Letters that do not come apart into one of ours and an accent.
_LETTERS: Final = str.maketrans(
    {
        "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d",
        "ß": "ss", "ẞ": "SS", "Þ": "TH", "þ": "th", "Ð": "D", "ð": "d", "ı": "i", "Ħ": "H", "ħ": "h",
        "‘": "'", "’": "'", "ʻ": "'", "ʼ": "'", "–": "-", "—": "-", "‐": "-", "−": "-",
    }
)  # fmt: skip
#: Externally initiated credit.
_CREDIT: Final = "50"
_DEBIT: Final = "13"
#: Ten digits hold what one record or all of a file come to.
_MOST: Final = 9_999_999_999


class NotPayable(HousecountError):
    """A payment that cannot stand in the file; the message says which and why."""

    code = "not_payable"
    http_status = 422
    next_step = NextStep.ASK_A_PERSON


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """One payment: cents to an account, with what the payee reads on the statement."""

    bank: BankAccount
    name: str
    amount: int
    reference: str


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays, from which account. `institution` are the bank's three letters (WBC), `user_id` the six digits
    it gave for direct entry (0 where it wants none)."""

    bank: BankAccount
    name: str
    institution: str
    user_id: int = 0
    description: str = "PAYMENTS"


def aba_file(sender: Sender, payees: Sequence[Payee], on: date, *, balanced: bool = False) -> bytes:
    """The file, to be processed on `on`. `balanced`: with a last record that takes the sum from the sender's account,
    which some banks want. Raises `NotPayable` for the first thing that cannot be right."""
    if not payees:
        raise NotPayable("There is nothing to pay.")
    sending = _account(sender.bank, "the paying account")
    if not re.fullmatch("[A-Z]{3}", sender.institution):
        raise NotPayable("The bank is given by its three letters, such as WBC.")
    if not 0 <= sender.user_id <= 999_999:
        raise NotPayable("The direct-entry user id has at most six digits.")
    total = sum(each.amount for each in payees)
    if total > _MOST:
        raise NotPayable(f"{format_money(total, 'AUD')} is more than one file can hold: make several.")
    remitter = _text(sender.name, 16, "The paying name")
    records = [
        "0" + " " * 17 + "01" + sender.institution + " " * 7
        + _text(sender.name, 26, "The paying name") + f"{sender.user_id:06d}"
        + _text(sender.description, 12, "The description") + f"{on:%d%m%y}" + " " * 40
    ]  # fmt: skip
    for each in payees:
        whose = f"{each.name} ({each.reference})"
        if not 0 < each.amount <= _MOST:
            raise NotPayable(f"{whose}: {format_money(each.amount, 'AUD')} cannot be paid.")
        account = _account(each.bank, whose)
        title = _text(each.bank.name or each.name, 32, f"The account name of {whose}")
        reference = _text(each.reference, 18, f"The reference of {whose}")
        records.append(_detail(account, _CREDIT, each.amount, title, reference, sending, remitter))
    if balanced:
        title, reference = _text(sender.name, 32, "The paying name"), _text(sender.description, 18, "")
        records.append(_detail(sending, _DEBIT, total, title, reference, sending, remitter))
    debit = total if balanced else 0
    records.append(
        "7999-999" + " " * 12 + f"{total - debit:010d}{total:010d}{debit:010d}" + " " * 24
        + f"{len(records) - 1:06d}" + " " * 40
    )  # fmt: skip
    assert all(len(record) == WIDTH for record in records)
    return "".join(f"{record}\r\n" for record in records).encode("ascii")


def _detail(
    account: str, code: str, amount: int, title: str, reference: str, sending: str, remitter: str
) -> str:
    # Position 18, the indicator, is blank: nothing about the account is new. The last eight are tax withheld from
    # interest and dividends, which these are not.
    return f"1{account} {code}{amount:010d}{title}{reference}{sending}{remitter}00000000"


def _account(bank: BankAccount, whose: str) -> str:
    """BSB and account in 16 characters: 062-000 and nine, set to the right."""
    bsb = re.sub(r"[\s-]", "", bank.bsb)
    account = re.sub(r"[\s-]", "", bank.account)
    if not re.fullmatch("[0-9]{6}", bsb):
        raise NotPayable(f"The BSB of {whose} has not six digits.")
    if not re.fullmatch("[0-9]{1,9}", account) or not account.strip("0"):
        raise NotPayable(f"The account number of {whose} has not one to nine digits.")
    return f"{bsb[:3]}-{bsb[3:]}{account:>9}"


def plain(text: str) -> str:
    """`text` in the character set of the format, without needless spaces."""
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return " ".join("".join(each for each in apart if each in _ALLOWED).split())


def _text(text: str, width: int, what: str) -> str:
    shown = plain(text)
    if not shown:
        raise NotPayable(f"{what} has no letter that a bank's file can hold.")
    return f"{shown[:width]:<{width}}"
