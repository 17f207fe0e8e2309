"""Documents that come again, and the one document a week for an act."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.invoices import batches, drafts, here, recurring, services, tasks
from housecount.invoices.duplicates import duplicates_of
from housecount.invoices.models import Document, Party, Recurring, Rhythm
from housecount.invoices.recurring import day_number, next_after
from housecount.tenancy.identity import acting_as
from tests.invoices.office import DAY, Office

FRIDAY = date(2026, 11, 27)


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def noon(day: date) -> datetime:
    """Midday in Sydney, in summer."""
    return datetime(day.year, day.month, day.day, 1, tzinfo=UTC)


def again(office: Office, party: Party, **more: object) -> Recurring:
    document = office.draft(party, reference="Residency", due_date="2026-12-11")
    with acting_as(office.identity):
        fields = {"name": "Residency", "rhythm": "weekly", "first_on": FRIDAY} | more
        return recurring.create(party, None, like=document, **fields)  # type: ignore[arg-type]


def made(office: Office) -> list[Document]:
    with acting_as(office.identity):
        found = Document.objects.filter(organisation_id=office.organisation_id).order_by(
            "issue_date", "created_at"
        )
        return list(found)


@given(st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.sampled_from(list(Rhythm)), st.integers(0, 900))
def test_the_days_follow_one_another_without_a_gap(first_on: date, rhythm: Rhythm, later: int) -> None:
    day = first_on + timedelta(days=later)
    found = next_after(first_on, rhythm, day)
    assert found > day
    days = [day_number(first_on, rhythm, number) for number in range(140)]
    assert days == sorted(set(days))
    assert found == next(each for each in days if each > day)


def test_the_31st_falls_on_the_last_day_of_short_months() -> None:
    days = [day_number(date(2027, 1, 31), Rhythm.MONTHLY, number) for number in range(4)]
    assert days == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


def test_a_draft_is_made_on_each_day_and_once(office: Office) -> None:
    again(office, office.party())
    # Each looks at every organisation there is.
    for day in (-1, 0, 0, 6, 7, 7, 13, 14):
        tasks.make_all(noon(FRIDAY + timedelta(days=day)))
    documents = made(office)[1:]
    assert [each.issue_date for each in documents] == [FRIDAY + timedelta(weeks=n) for n in range(3)]
    assert {each.step for each in documents} == {"draft"}
    assert documents[-1].due_date == documents[-1].issue_date + timedelta(days=14)
    assert documents[-1].total == 55000


def test_days_that_were_missed_are_made_up_for_and_the_end_is_the_end(office: Office) -> None:
    each = again(office, office.party(), ends_on=FRIDAY + timedelta(days=21))
    assert recurring.make(office.organisation_id, each.pk, noon(FRIDAY + timedelta(days=100))) == 4
    with acting_as(office.identity):
        each.refresh_from_db()
        assert not each.active
    assert recurring.make(office.organisation_id, each.pk, noon(FRIDAY + timedelta(days=200))) == 0


def test_what_comes_again_is_the_same_in_all_but_its_occasion(office: Office) -> None:
    act = office.party()
    lines = [{"description": "Set", "unit_price": 1245, "ote": True}] * 7
    rcti = {"kind": "rcti", "direction": "payable", "embedded_agreement": True, "value_set_on": DAY}
    one = office.draft(act, rounding_rule="total", lines=lines, show=office.show(), **rcti)
    two = office.draft(act, kind="deposit_invoice", deposit_kind="security", notes="Key to the room")
    for document in (one, two):
        with acting_as(office.identity):
            of = here.document(document.pk)
            again = recurring.create(act, None, name="R", rhythm="weekly", first_on=FRIDAY, like=of)
        assert recurring.make(office.organisation_id, again.pk, noon(FRIDAY)) == 1
        with acting_as(office.identity):
            copy = Document.objects.exclude(pk=document.pk).order_by("created_at").last()
            assert copy is not None
            before, after = drafts.as_given(of), drafts.as_given(here.document(copy.pk))
        changed = {name for name in before if before[name] != after[name]}
        assert changed <= {"due_date", "show", "value_set_on"}
        assert (copy.total, copy.tax_total) == (document.total, document.tax_total)
    note = office.credit(office.issued(act))
    with acting_as(office.identity), pytest.raises(recurring.NotRecurring, match="does not come again"):
        recurring.create(act, None, name="R", rhythm="weekly", first_on=FRIDAY, like=note)


def test_a_day_begins_at_midnight_here_in_summer_and_in_winter(office: Office) -> None:
    """Clocks go forward in Sydney on 4 October 2026: its midnight before is that of +10:00, the one after of +11:00."""
    each = again(office, office.party(), first_on=date(2026, 10, 4))
    for early, on_time in (
        (datetime(2026, 10, 3, 13, 59, tzinfo=UTC), datetime(2026, 10, 3, 14, 0, tzinfo=UTC)),
        (datetime(2026, 10, 10, 12, 59, tzinfo=UTC), datetime(2026, 10, 10, 13, 0, tzinfo=UTC)),
    ):
        assert each.pk not in recurring.due_now(office.organisation_id, early)
        assert recurring.make(office.organisation_id, each.pk, early) == 0
        assert each.pk in recurring.due_now(office.organisation_id, on_time)
        assert recurring.make(office.organisation_id, each.pk, on_time) == 1


def test_what_is_refused_is_kept_in_words_and_no_day_is_lost(office: Office) -> None:
    each = again(office, office.party())
    with acting_as(office.identity):
        Recurring.objects.filter(pk=each.pk).update(template={**each.template, "lines": []})
    assert recurring.make(office.organisation_id, each.pk, noon(FRIDAY)) == 0
    with acting_as(office.identity):
        stuck = Recurring.objects.get(pk=each.pk)
        assert "1 to" in stuck.trouble
        assert stuck.next_on == FRIDAY
        Recurring.objects.filter(pk=each.pk).update(template=each.template)
    assert recurring.make(office.organisation_id, each.pk, noon(FRIDAY)) == 1
    with acting_as(office.identity):
        assert Recurring.objects.get(pk=each.pk).trouble == ""


@pytest.mark.parametrize(
    "wrong",
    [{"rhythm": "daily"}, {"name": " "}, {"ends_on": date(2020, 1, 1)}, {"due_days": 400}],
)
def test_what_cannot_come_again(office: Office, wrong: dict[str, object]) -> None:
    with pytest.raises(recurring.NotRecurring):
        again(office, office.party(), **wrong)


def test_an_acts_week_becomes_one_approved_document(office: Office) -> None:
    act = office.party()
    agreement = office.agreement(act)
    show = office.show()
    data = {"kind": "rcti", "direction": "payable", "agreement": agreement, "issue_date": "2026-11-25"}
    documents = [
        office.draft(
            act, **data, show=show, lines=[{"description": "Set", "unit_price": 3333, "tax": "taxable"}]
        ),
        office.draft(
            act,
            **data,
            lines=[{"description": "MC", "unit_price": 3333}, {"description": "Car", "unit_price": 1}],
        ),
    ]
    left = office.draft(act, **data, reference="only a draft")
    later = office.draft(act, **{**data, "issue_date": "2026-12-03"})
    other = office.draft(act, **{**data, "currency": "NZD"})
    with acting_as(office.identity):
        for each in (*documents, later, other):
            services.approve(each.pk)
        weekly = recurring.create(act, None, name="Weekly", rhythm="weekly", first_on=FRIDAY)
    assert recurring.make(office.organisation_id, weekly.pk, noon(FRIDAY)) == 1
    found = {each.pk: each for each in made(office)}
    assert set(found) >= {left.pk, later.pk, other.pk}
    assert not set(found) & {each.pk for each in documents}
    [joined] = [each for each in found.values() if each.pk not in {left.pk, later.pk, other.pk}]
    assert (joined.step, joined.total) == ("approved", sum(each.total for each in documents))
    assert str(joined.agreement_id) == agreement
    facts = office.json(joined)
    assert [line["description"] for line in facts["lines"]] == [
        "Set (Friday Night Laughs, 27 Nov 2026)", "MC", "Car",
    ]  # fmt: skip
    assert services.rcti_copy_by(joined) == date(2026, 12, 23), "as of the first of them"
    assert office.issue(joined).number == "RCTI-00001"
    assert recurring.make(office.organisation_id, weekly.pk, noon(FRIDAY + timedelta(days=7))) == 0


def test_what_comes_again_is_no_duplicate_but_what_else_is_like_it_is(office: Office) -> None:
    act = office.party()
    like = office.issued(act, reference="Residency")
    with acting_as(office.identity):
        [weekly, set_up_twice] = [
            recurring.create(act, None, name=name, rhythm="weekly", first_on=FRIDAY, like=like)
            for name in ("Residency", "Residency once more")
        ]
    assert recurring.make(office.organisation_id, weekly.pk, noon(FRIDAY + timedelta(days=7))) == 2
    of_weekly = made(office)[1:]
    with acting_as(office.identity):
        for document in of_weekly:
            services.approve(document.pk)
        batch = batches.create_batch(office.organisation_id, [each.pk for each in of_weekly], None)
    assert batches.work(office.organisation_id, batch.pk) == (2, 2, 0)
    assert recurring.make(office.organisation_id, set_up_twice.pk, noon(FRIDAY)) == 1
    by_hand = office.draft(act, reference="Residency")
    with acting_as(office.identity):
        [twice] = Document.objects.filter(recurring=set_up_twice)
        assert set(duplicates_of(here.document(by_hand.pk))) == {like, *of_weekly}
        assert set(duplicates_of(twice)) == set(of_weekly)
        assert duplicates_of(here.document(like.pk)) == []
        services.approve(by_hand.pk)
        assert duplicates_of(here.document(like.pk)) == [by_hand]
        services.reopen(by_hand.pk)
        recurring.create(act, None, name="R", rhythm="weekly", first_on=FRIDAY, like=by_hand)
        services.delete(by_hand.pk)
        assert Recurring.objects.get(name="R").made_from is None
