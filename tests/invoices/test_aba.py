"""The bank's file: every position of the published format, and what it refuses."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.invoices.aba import NotPayable, Payee, Sender, aba_file, plain
from housecount.invoices.payouts import bank_file, payouts
from housecount.invoices.printed import BankAccount
from housecount.tenancy.identity import acting_as
from tests.examples import LETTERS
from tests.invoices.office import Office

OURS = BankAccount(bsb="062-000", account="12223123", name="Laughing Stock")
DAY = date(2026, 12, 4)
# The allowed characters, by the banks' description of the format.
ALLOWED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 &',-./+$!%()*#=:?[]_^@")


def sender(**changes: object) -> Sender:
    fields: dict[str, object] = {
        "bank": OURS, "name": "Laughing Stock Comedy Pty Ltd", "institution": "CBA", "user_id": 301500,
    }  # fmt: skip
    return Sender(**{**fields, **changes})  # type: ignore[arg-type]


def payee(**changes: object) -> Payee:
    fields: dict[str, object] = {
        "bank": BankAccount(bsb="633000", account="157108231", name="S R Smith"),
        "name": "Sam Smith",
        "amount": 1_234,
        "reference": "RCTI-00001",
    }
    return Payee(**{**fields, **changes})  # type: ignore[arg-type]


def records(content: bytes) -> list[str]:
    """The records of a file that has the right frame: 120 characters of the set each, CR LF behind each."""
    lines = content.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    assert all(len(line) == 120 for line in lines)
    assert all(set(line) <= ALLOWED for line in lines)
    return lines


def test_every_position_is_as_published() -> None:
    other = payee(bank=BankAccount(bsb="000000", account="12312312"), name="J K Matthews", amount=2_200)
    head, first, second, total = records(aba_file(sender(), [payee(), other], DAY))
    assert head == (
        "0" + " " * 17 + "01" + "CBA" + " " * 7 + "Laughing Stock Comedy Pty " + "301500" + "PAYMENTS    "
        + "041226" + " " * 40
    )  # fmt: skip
    assert first == (
        "1" + "633-000" + "157108231" + " " + "50" + "0000001234" + "S R Smith                       "
        + "RCTI-00001        " + "062-000" + " 12223123" + "Laughing Stock C" + "00000000"
    )  # fmt: skip
    assert second[1:17] == "000-000 12312312"
    assert second[30:62] == "J K Matthews                    "
    assert total == (
        "7999-999" + " " * 12 + "0000003434" + "0000003434" + "0000000000" + " " * 24 + "000002" + " " * 40
    )


def test_a_balanced_file_takes_the_sum_from_our_account() -> None:
    _, _, debit, total = records(aba_file(sender(), [payee()], DAY, balanced=True))
    assert debit[1:17] == "062-000 12223123"
    assert debit[18:30] == "130000001234"
    assert total[20:50] == "0000000000" + "0000001234" + "0000001234"
    assert total[74:80] == "000002"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Zoë Ng-Māhina", "Zoe Ng-Mahina"),
        ("Łukasz Øystein & Søn", "Lukasz Oystein & Son"),
        ("O’Brien – “The” Straße", "O'Brien - The Strasse"),
        ("a\nb\tc", "abc"),
        ("Ｆｕｌｌ ½", "Full 12"),
        ("😀 Fun", "Fun"),
    ],
)
def test_names_are_written_in_the_bank_s_letters(name: str, written: str) -> None:
    assert plain(name) == written


def test_long_names_are_cut() -> None:
    paid = payee(bank=BankAccount(bsb="633000", account="1", name="x" * 40), reference="y" * 30)
    [_, detail, _] = records(aba_file(sender(), [paid], DAY))
    assert detail[30:62] == "x" * 32
    assert detail[62:80] == "y" * 18


_NAMES = st.text(LETTERS, min_size=1, max_size=60).filter(lambda text: plain(text) != "")
_PAYEES = st.builds(
    Payee,
    bank=st.builds(
        BankAccount,
        bsb=st.from_regex(r"[0-9]{3}-?[0-9]{3}", fullmatch=True),
        account=st.from_regex(r"[1-9][0-9]{0,8}", fullmatch=True),
        name=st.one_of(st.just(""), _NAMES),
    ),
    name=_NAMES,
    amount=st.integers(1, 10**8),
    reference=_NAMES,
)


@given(st.lists(_PAYEES, min_size=1, max_size=20), st.booleans())
def test_totals_are_those_of_the_details(payees: list[Payee], balanced: bool) -> None:
    _, *details, total = records(aba_file(sender(), payees, DAY, balanced=balanced))
    paid = sum(int(each[20:30]) for each in details if each[18:20] == "50")
    debits = sum(int(each[20:30]) for each in details if each[18:20] == "13")
    assert paid == sum(each.amount for each in payees)
    assert debits == (paid if balanced else 0)
    assert [int(total[20:30]), int(total[30:40]), int(total[40:50])] == [paid - debits, paid, debits]
    assert int(total[74:80]) == len(details) == len(payees) + balanced


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bank": BankAccount(bsb="63300", account="1")}, "BSB of Sam Smith .RCTI-00001. has not six digits"),
        ({"bank": BankAccount(bsb="633000", account="1234567890")}, "has not one to nine digits"),
        ({"bank": BankAccount(bsb="633000", account="000")}, "has not one to nine digits"),
        ({"bank": BankAccount(bsb="633000", account="12A")}, "has not one to nine digits"),
        ({"amount": 0}, "cannot be paid"),
        ({"amount": -1}, "cannot be paid"),
        ({"amount": 10_000_000_000}, "more than one file can hold"),
        ({"bank": BankAccount(bsb="633000", account="1"), "name": "李雷"}, "has no letter"),
    ],
)
def test_what_cannot_be_paid_is_refused_by_name(changed: dict[str, object], reason: str) -> None:
    with pytest.raises(NotPayable, match=reason):
        aba_file(sender(), [payee(), payee(**changed)], DAY)


@pytest.mark.parametrize("changed", [{"institution": "cba"}, {"institution": "CB"}, {"user_id": 1_000_000}])
def test_a_sender_that_no_bank_knows_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(NotPayable):
        aba_file(sender(**changed), [payee()], DAY)


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(NotPayable, match="nothing to pay"):
        aba_file(sender(), [], DAY)


# --- From the database --------------------------------------------------------------------------------
def test_what_we_owe_is_paid_once_and_what_cannot_be_is_told() -> None:
    office = Office()
    office.ourselves(bank={"bsb": "062-000", "account": "12223123", "name": "Laughing Stock"})
    with_bank = office.party(bank={"bsb": "633-000", "account": "157108231", "name": "Mirth Machine"})
    without = office.party(name="Cash Only", abn="47555222000")
    bill = {"direction": "payable"}
    part_paid = office.issued(with_bank, reference="A", **bill)
    office.pay(part_paid, 15_000)
    paid = office.issued(with_bank, reference="B", **bill)
    office.pay(paid, 55_000)
    later = office.issued(with_bank, reference="C", due_date="2027-01-31", **bill)
    unpayable = office.issued(without, **bill)
    office.issued(with_bank)  # they owe us
    office.draft(with_bank, **bill)
    with acting_as(office.identity):
        due = payouts(office.organisation_id, due_by=date(2026, 12, 31))
        named = payouts(office.organisation_id, documents=[later.pk])
        made = bank_file(office.organisation_id, due, DAY, institution="CBA")
    assert [(each.number, each.amount, bool(each.trouble)) for each in due] == [
        (unpayable.number, 55_000, True),
        (part_paid.number, 40_000, False),
    ]
    assert [each.number for each in named] == [later.number]
    [_, detail, total] = records(made)
    assert detail[1:30] == "633-000157108231 500000040000"
    assert detail[62:80].strip() == part_paid.number
    assert total[74:80] == "000001"
    assert "157108231" not in repr(due)


def test_withheld_tax_is_not_paid_out() -> None:
    office = Office()
    office.ourselves(bank={"bsb": "062-000", "account": "12223123", "name": "Laughing Stock"})
    act = office.party(
        kind="individual",
        abn="",
        gst_registered_from=None,
        bank={"bsb": "633-000", "account": "1", "name": "S"},
    )
    line = {"description": "Support set", "quantity": "1", "unit_price": 50_000, "tax": "out_of_scope"}
    document = office.issued(act, kind="payment_statement", direction="payable", lines=[line])
    with acting_as(office.identity):
        [due] = payouts(office.organisation_id)
    assert document.withheld == 23_500
    assert due.amount == 26_500


def test_without_our_own_account_there_is_no_file() -> None:
    office = Office()
    office.ourselves()
    with acting_as(office.identity), pytest.raises(NotPayable, match="no bank account to pay from"):
        bank_file(office.organisation_id, [], DAY, institution="CBA")
