"""Credit notes: parts add up to the whole, to the cent, and nothing is credited twice."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from housecount.core.errors import HousecountError
from housecount.invoices import here, queries, services
from housecount.invoices.models import Document, Line
from housecount.tenancy.identity import acting_as
from tests.invoices.office import NOW, Json, Office, document_data
from tests.invoices.test_issue_many import in_threads

THREE: Json = {"lines": [{"description": "Set", "quantity": "3", "unit_price": 3333}]}


@pytest.fixture
def office(database: str, plain_paper: None) -> Office:
    found = Office()
    found.ourselves()
    return found


def code(act: Any) -> str:
    with pytest.raises(HousecountError) as refused:
        act()
    return refused.value.code


def test_a_credit_of_everything_comes_to_nothing(office: Office) -> None:
    document = office.issued(office.party(), reference="Run 7")
    note = office.credit(document)
    found = office.json(note)
    assert (found["kind"], found["number"], found["status"], found["credits"]) == (
        "credit_note", "CN-00001", "issued", str(document.pk),
    )  # fmt: skip
    assert (found["net_total"], found["tax_total"], found["total"]) == (50000, 5000, 55000)
    assert (found["balance"], found["due_date"], found["reference"], found["overdue"]) == (
        0,
        None,
        "Run 7",
        False,
    )
    assert found["issue_date"] == "2026-11-27"
    after = office.json(document)
    assert (after["status"], after["credited"], after["balance"], after["payment_status"]) == (
        "credited", 55000, 0, "paid",
    )  # fmt: skip
    assert (note.sender, note.recipient) == (document.sender, document.recipient)
    assert code(lambda: office.credit(document)) == "nothing_left"
    assert code(lambda: office.credit(note)) == "is_a_note"


def test_parts_of_a_line_add_up_to_it(office: Office) -> None:
    document = office.issued(office.party(), **THREE)
    assert (document.net_total, document.tax_total) == (9999, 1000)
    notes = [office.credit(document, [{"line": 1, "quantity": "1"}]) for _ in range(3)]
    assert sum(each.net_total for each in notes) == 9999
    assert sum(each.tax_total for each in notes) == 1000
    assert [each.total for each in notes] == [3666, 3667, 3666]
    assert office.json(document)["status"] == "credited"
    assert code(lambda: office.credit(document, [{"line": 1, "quantity": "1"}])) == "more_than_line"


def test_a_part_and_then_the_rest(office: Office) -> None:
    lines = [{"description": "Set", "unit_price": 10000}, {"description": "Hire", "quantity": "2", "unit_price": 2500,
                                                           "tax": "gst_free", "discount": 1001}]  # fmt: skip
    document = office.issued(office.party(), lines=lines)
    first = office.credit(document, [{"line": 2, "quantity": "1"}])
    assert (first.net_total, first.tax_total) == (2000, 0)
    found = office.json(document)
    assert (found["status"], found["credited"], found["balance"]) == ("issued", 2000, document.total - 2000)
    rest = office.credit(document)
    assert [(line["description"], line["quantity"]) for line in office.json(rest)["lines"]] == [
        ("Set", "1"), ("Hire", "1"),
    ]  # fmt: skip
    assert first.total + rest.total == document.total
    for note in (first, rest):
        for line in office.json(note)["lines"]:
            priced = int(Decimal(line["quantity"]) * line["unit_price"]) - line["discount"]
            assert priced == line["net_amount"], "a line of a note adds up by itself"


def test_what_was_paid_and_is_credited_is_the_partys_credit(office: Office) -> None:
    act = office.party()
    document, next_one = office.issued(act), office.issued(act)
    office.pay(document, 55000)
    office.credit(document, [{"line": 1, "quantity": "0.2"}])
    found = office.json(document)
    assert (found["paid"], found["credited"], found["balance"], found["payment_status"]) == (
        55000, 11000, -11000, "overpaid",
    )  # fmt: skip
    with acting_as(office.identity):
        services.apply_credit(document.pk, next_one.pk, 1000)
    office.pay(document, -10000)
    assert office.json(document)["balance"] == 0
    assert office.json(next_one)["balance"] == 54000


def test_an_rcti_is_credited_by_a_note_on_the_same_side(office: Office) -> None:
    act = office.party()
    document = office.issued(act, kind="rcti", direction="payable", agreement=office.agreement(act))
    note = office.credit(document)
    assert (note.direction, note.credits_id, note.agreement_id) == (
        "payable",
        document.pk,
        document.agreement_id,
    )
    assert (note.sender or {})["name"] == "Mirth Machine"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"line": 2, "quantity": "1"}], "invalid"),
        ([{"line": 0, "quantity": "1"}], "invalid"),
        ([{"line": 1, "quantity": "4"}], "more_than_line"),
        ([{"line": 1, "quantity": "0"}], "more_than_line"),
        ([{"line": 1, "quantity": "some"}], "not_a_line"),
        ([{"line": 1, "quantity": 0.5}], "invalid"),
        ([{"line": 1}, {"line": 1}], "invalid"),
        ([{"line": 1, "colour": 1}], "invalid"),
        ([{"quantity": "1"}], "invalid"),
        ([], "nothing_left"),
    ],
)
def test_what_cannot_be_credited_is_refused(office: Office, lines: list[Json], expected: str) -> None:
    document = office.issued(office.party(), **THREE)
    assert code(lambda: office.credit(document, lines)) == expected
    assert office.json(document)["credited"] == 0


def test_a_line_without_a_quantity_is_credited_as_far_as_it_is_left(office: Office) -> None:
    document = office.issued(office.party(), **THREE)
    office.credit(document, [{"line": 1, "quantity": "1"}])
    assert office.json(office.credit(document, [{"line": 1}]))["lines"][0]["quantity"] == "2"


def test_a_deduction_alone_is_not_taken_back(office: Office) -> None:
    lines = [{"description": "Set", "unit_price": 10000}, {"description": "Less van", "unit_price": -2000}]
    document = office.issued(office.party(), lines=lines)
    assert code(lambda: office.credit(document, [{"line": 2}])) == "raises"
    assert code(lambda: office.credit(document, [{"line": 1}])) == "more_than_document"
    assert office.credit(document).total == document.total == 8800


def test_only_what_is_issued_is_credited(office: Office) -> None:
    assert code(lambda: office.credit(office.draft(office.party()))) == "not_issued"


def test_with_its_key_a_credit_is_issued_once(office: Office) -> None:
    document = office.issued(office.party(), **THREE)
    first = office.credit(document, [{"line": 1, "quantity": "1"}], idempotency_key="k")
    again = office.credit(document, [{"line": 1, "quantity": "1"}], idempotency_key="k")
    assert again.pk == first.pk
    assert office.json(document)["credited"] == first.total


def test_credits_at_once_take_no_more_than_there_is(office: Office) -> None:
    document = office.issued(office.party(), **THREE)
    failures = in_threads([lambda: office.credit(document, [{"line": 1, "quantity": "1"}])] * 6)  # type: ignore[list-item]
    assert {getattr(each, "code", repr(each)) for each in failures} == {"more_than_line"}
    assert len(failures) == 3
    assert office.json(document)["balance"] == 0


# --- Notes made by hand -------------------------------------------------------------------------------
@pytest.mark.parametrize(("kind", "sign"), [("credit_note", 1), ("credit_note", -1), ("adjustment_note", -1)])
def test_a_note_by_hand_takes_off_what_it_names(office: Office, kind: str, sign: int) -> None:
    act = office.party()
    document = office.issued(act)
    lines = [{"description": "Rebate", "unit_price": sign * 10000}]
    note = office.issued(act, kind=kind, credits=str(document.pk), lines=lines)
    assert office.json(document)["balance"] == 55000 - 11000
    assert office.json(note)["balance"] == 0
    over = office.draft(
        act, kind=kind, credits=str(document.pk), lines=[{"description": "More", "unit_price": sign * 40001}]
    )
    assert code(lambda: office.issue(over)) == "more_than_document"


def test_a_note_that_names_nothing_is_credit_to_be_used_or_paid_back(office: Office) -> None:
    act = office.party()
    document = office.issued(act)
    note = office.issued(act, kind="credit_note", lines=[{"description": "Rebate", "unit_price": 10000}])
    assert office.json(note)["balance"] == 11000
    with acting_as(office.identity):
        services.apply_credit(note.pk, document.pk, 1000)
    assert (office.json(note)["balance"], office.json(document)["credited"]) == (10000, 1000)
    office.pay(note, 4000)
    found = office.json(note)
    assert (found["paid"], found["credited"], found["balance"]) == (4000, 1000, 6000)
    assert code(lambda: office.pay(note, 6001)) == "more_than_credit"
    assert code(lambda: office.pay(note, -1)) == "more_than_credit"


def test_an_upward_adjustment_is_owed_like_an_invoice(office: Office) -> None:
    act = office.party()
    note = office.issued(act, kind="adjustment_note", lines=[{"description": "More", "unit_price": 1000}])
    office.pay(note, 1100)
    assert (office.json(note)["balance"], office.json(note)["payment_status"]) == (0, "paid")


def test_a_note_names_an_issued_document_of_the_same_party(office: Office) -> None:
    act = office.party()
    other = office.issued(office.party(name="Other"))
    for wrong in (office.draft(act), other, office.credit(other)):
        assert (
            code(lambda wrong=wrong: office.draft(act, kind="credit_note", credits=str(wrong.pk)))
            == "invalid"
        )


# --- Any document, any history ------------------------------------------------------------------------
QUANTITY = st.integers(1, 50_000).map(lambda n: f"{Decimal(n) / 1000:f}")
LINES = st.lists(
    st.fixed_dictionaries(
        {
            "description": st.just("Set"),
            "quantity": QUANTITY,
            "unit_price": st.integers(0, 500_000),
            "tax": st.sampled_from(["taxable", "gst_free", "input_taxed", "out_of_scope"]),
        }
    ),
    min_size=1,
    max_size=5,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(-300_000, 300_000)),
        st.tuples(st.just("credit"), st.tuples(st.integers(1, 5), QUANTITY)),
        st.tuples(st.just("use"), st.integers(1, 300_000)),
    ),
    max_size=6,
)


@settings(max_examples=20)
@given(
    lines=LINES,
    mode=st.sampled_from(["inclusive", "exclusive"]),
    rule=st.sampled_from(["per_line", "total"]),
    steps=STEPS,
)
def test_whatever_happens_the_balance_never_lies(
    office: Office, lines: list[Json], mode: str, rule: str, steps: list[tuple[str, Any]]
) -> None:
    with acting_as(office.identity):
        act = services.create_party(office.organisation_id, {"name": "Any", "abn": "51824753556"})
        data = document_data(act, lines=lines, price_mode=mode, rounding_rule=rule, issue_date="2026-11-27")
        document, other = services.create_documents(office.organisation_id, [data, document_data(act)])
        services.issue(office.organisation_id, [document.pk, other.pk], None, NOW)
    paid, notes, used = 0, 0, 0
    for what, value in steps:
        try:
            if what == "pay":
                office.pay(document, value)
                paid += value
            elif what == "credit":
                notes += office.credit(document, [{"line": value[0], "quantity": value[1]}]).total
            else:
                with acting_as(office.identity):
                    used += services.apply_credit(document.pk, other.pk, value)
        except HousecountError:
            pass  # refused, and nothing of it was done: the figures below say so
        found = office.json(document)
        assert (found["paid"], found["credited"]) == (paid - used, notes)
        assert found["balance"] == document.total - paid + used - notes
        assert office.json(other)["balance"] == 55000 - used
    with acting_as(office.identity):
        ended = None
        try:
            services.credit(document.pk, None, None, NOW)
        except HousecountError as refused:
            ended = refused.code
        assert ended in {None, "nothing_left"}
        rows = [
            queries.document_json(each)
            for each in Document.objects.filter(organisation_id=office.organisation_id, credits=document)
        ]
        printed = Line.objects.filter(
            organisation_id=office.organisation_id, document=here.document(document.pk)
        )
        sums = [
            sum(getattr(line, name) for line in printed)
            for name in ("net_amount", "tax_amount", "gross_amount")
        ]
    assert sums == [document.net_total, document.tax_total, document.total]
    for name, whole in zip(("net_total", "tax_total", "total"), sums, strict=True):
        assert sum(row[name] for row in rows) == whole, "credit of everything is the document"
    assert office.json(document)["balance"] == used - paid
