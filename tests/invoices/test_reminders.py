"""Reminders: when they go, when they do not, and that they go once."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.core import mail as outbox
from hypothesis import given
from hypothesis import strategies as st

from housecount.invoices import links, mail, reminders, services, tasks
from housecount.invoices.models import Document, Reminder
from housecount.invoices.reminders import RULES, quiet, rule_for
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office

DUE = date(2026, 12, 11)  # a Friday
ISSUED = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def sydney(month: int, day: int, hour: int = 10) -> datetime:
    """That hour in Sydney, in summer."""
    return datetime(2026, month, day, hour, tzinfo=UTC) - timedelta(hours=11)


@pytest.fixture(autouse=True)
def _empty_outbox() -> None:
    outbox.outbox = []


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def mailed(office: Office, **changes: object) -> Document:
    """An invoice of 550.00, due on DUE, that was mailed when it was issued."""
    party = office.party(**changes)
    document = office.issue(office.draft(party, issue_date="2026-11-20", due_date=DUE.isoformat()), ISSUED)
    with acting_as(office.identity):
        delivery = mail.send(document, ISSUED)
    assert mail.post(office.organisation_id, delivery.pk, ISSUED)
    outbox.outbox = []
    return document


def reminded(office: Office, now: datetime) -> list[str]:
    """The rules by which somebody was reminded at `now`, and the mails posted."""
    made = [
        reminders.remind(office.organisation_id, document_id, now)
        for document_id in reminders.due_now(office.organisation_id, now)
    ]
    for delivery_id in mail.waiting(office.organisation_id, now):
        mail.post(office.organisation_id, delivery_id, now)
    return [each.rule for each in made if each is not None]


def test_the_whole_way(office: Office) -> None:
    mailed(office)
    went = {}
    for day in range(-10, 40):
        now = sydney(12, 11) + timedelta(days=day)
        for rule in reminded(office, now):
            went[rule] = day
    assert went == {"before_3": -3, "on_due": 0, "after_7": 7, "after_14": 14}
    subjects = [each.subject for each in outbox.outbox]
    assert subjects == ["Reminder: Invoice INV-00001"] * 4
    assert ["is due on Friday 11 December 2026" in each.body for each in outbox.outbox] == [
        True,
        True,
        False,
        False,
    ]
    assert ["Perhaps it slipped through" in each.body for each in outbox.outbox] == [False, False, True, True]


def test_quiet_hours_are_the_recipients(office: Office) -> None:
    mailed(office, timezone="Europe/London", country="GB", abn=None, address=["1 Row", "London"])
    assert reminded(office, datetime(2026, 12, 8, 8, 59, tzinfo=UTC)) == []
    assert reminded(office, datetime(2026, 12, 8, 9, 0, tzinfo=UTC)) == ["before_3"]
    assert reminded(office, datetime(2026, 12, 12, 12, 0, tzinfo=UTC)) == []  # a Saturday
    assert reminded(office, datetime(2026, 12, 14, 18, 0, tzinfo=UTC)) == []
    assert reminded(office, datetime(2026, 12, 14, 17, 59, tzinfo=UTC)) == ["on_due"]


@given(st.datetimes(timezones=st.just(UTC)))
def test_never_at_night_and_never_at_weekends(local: datetime) -> None:
    assert quiet(local) == (local.weekday() in {5, 6} or not 9 <= local.hour <= 17)


@given(st.integers(-40, 40), st.sets(st.sampled_from([rule.name for rule in RULES])))
def test_a_rule_is_used_once_and_in_its_days(late: int, sent: set[str]) -> None:
    rule = rule_for(DUE, DUE + timedelta(days=late), sent)
    if rule is not None:
        assert rule.name not in sent
        assert rule.days <= late <= rule.days_until
    else:
        assert not [each for each in RULES if each.days <= late <= each.days_until and each.name not in sent]


@pytest.mark.parametrize("what", ["dispute", "promise", "pay", "void", "credit", "off", "write_off"])
def test_what_stops_it(office: Office, what: str) -> None:
    document = mailed(office)
    with acting_as(office.identity):
        document = Document.objects.select_related("party", "organisation").get(pk=document.pk)
        match what:
            case "dispute":
                links.dispute(document, "wrong")
            case "promise":
                links.promise(document, date(2026, 12, 15), date(2026, 12, 1))
            case "pay":
                services.pay(document.pk, 55000, date(2026, 12, 1))
            case "void":
                services.void(document.pk, "mistake")
            case "credit":
                services.credit(document.pk)
            case "off":
                reminders.switch(document, on=False, by=None)
            case "write_off":
                services.write_off(document.pk, "gone")
    assert reminded(office, sydney(12, 8)) == []
    assert reminded(office, sydney(12, 11)) == []
    assert outbox.outbox == []


def test_it_goes_on_after_a_promise_was_broken_and_a_dispute_settled(office: Office) -> None:
    document = mailed(office)
    with acting_as(office.identity):
        links.promise(document, date(2026, 12, 15), date(2026, 12, 1))
        links.dispute(document, "wrong")
    assert reminded(office, sydney(12, 16)) == []
    with acting_as(office.identity):
        links.settle_dispute(document, None)
    assert reminded(office, sydney(12, 15)) == []
    assert reminded(office, sydney(12, 16)) == ["on_due"]


def test_a_part_payment_is_thanked_for(office: Office) -> None:
    document = mailed(office)
    office.pay(document, 15000)
    assert reminded(office, sydney(12, 21)) == ["after_7"]
    [message] = outbox.outbox
    assert "A$400.00 is still open" in message.body
    assert "We have received A$150.00 so far, thank you." in message.body


def test_who_was_never_sent_it_is_not_reminded(office: Office) -> None:
    document = office.issued(office.party(), issue_date="2026-11-20", due_date=DUE.isoformat())
    assert document.pk not in reminders.due_now(office.organisation_id, sydney(12, 11))


def test_what_we_owe_and_credits_are_nobodys_debt(office: Office) -> None:
    act = office.party()
    bill = office.issued(
        act, kind="rcti", direction="payable", agreement=office.agreement(act), due_date=DUE.isoformat()
    )
    with acting_as(office.identity):
        delivery = mail.send(bill, ISSUED)
    mail.post(office.organisation_id, delivery.pk, ISSUED)
    assert reminded(office, sydney(12, 11)) == []


def test_not_within_two_days_of_the_last_mail(office: Office) -> None:
    document = mailed(office)
    now = sydney(12, 10)
    with acting_as(office.identity):
        mail.send(document, now)
    assert reminded(office, sydney(12, 11)) == []
    assert reminded(office, sydney(12, 14)) == ["on_due"]


def test_one_that_waited_is_dropped_when_it_was_paid_meanwhile(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = mailed(office)
    now = sydney(12, 11)
    assert reminders.remind(office.organisation_id, document.pk, now) is not None
    office.pay(document, 55000)
    for delivery_id in mail.waiting(office.organisation_id, now):
        assert not mail.post(office.organisation_id, delivery_id, now)
    assert outbox.outbox == []
    assert mail.waiting(office.organisation_id, now + timedelta(days=9)) == []


def test_a_second_worker_does_not_remind_again(office: Office) -> None:
    document = mailed(office)
    for _ in range(3):
        reminders.remind(office.organisation_id, document.pk, sydney(12, 11))
    with acting_as(office.identity):
        assert Reminder.objects.filter(organisation_id=office.organisation_id).count() == 1


def test_one_that_fails_keeps_back_none_of_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = mailed(office), mailed(office, name="Other", abn=None)
    real = reminders.stopped_by

    def breaks(document: Document, *rest: object) -> str:
        if document.pk == first.pk:
            raise KeyError
        return real(document, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(reminders, "stopped_by", breaks)
    tasks.remind_all(sydney(12, 11))
    with acting_as(office.identity):
        found: list[UUID] = list(
            Reminder.objects.filter(organisation_id=office.organisation_id).values_list(
                "document_id", flat=True
            )
        )
    assert found == [second.pk]
