"""RCTIs: an agreement within the document, its objection; the register's answer; the adviser; copies in time."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import timezone

from housecount.core import gates
from housecount.invoices import agreements, copies, here, mail, services
from housecount.invoices.errors import Invalid, NotPossible, Refused
from housecount.invoices.models import Agreement, Document, Party
from housecount.invoices.payouts import payouts
from housecount.sync import alerts, letters
from housecount.sync.models import Alert
from housecount.tenancy.identity import acting_as
from housecount.tenancy.models import Organisation
from tests.invoices.office import Office

pytestmark = pytest.mark.usefixtures("plain_paper")
RCTI = {"kind": "rcti", "direction": "payable"}
#: It is Saturday 28 November where the show is.
SHOW = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)


@pytest.fixture
def office(database: str) -> Office:
    office = Office()
    office.ourselves()
    return office


def codes(office: Office, document: Document) -> list[str]:
    with pytest.raises(Refused) as refused:
        office.issue(document)
    return [each.code for each in refused.value.refusals]


def again(office: Office, document: Document) -> Document:
    with acting_as(office.identity):
        return here.document(document.pk)


def test_an_rcti_can_bear_its_agreement_and_the_supplier_object(office: Office) -> None:
    act = office.party(bank={"bsb": "633000", "account": "1"})
    assert codes(office, office.draft(act, **RCTI)) == ["agreement_missing"]
    with pytest.raises(Invalid, match="not both"):
        office.draft(act, embedded_agreement=True, agreement=office.agreement(office.party(name="B")), **RCTI)
    with pytest.raises(Invalid, match="rcti alone"):
        office.draft(act, embedded_agreement=True)
    issued = office.issued(act, embedded_agreement=True, **RCTI)
    with acting_as(office.identity):
        agreement = Agreement.objects.get(organisation_id=office.organisation_id, party=act)
        assert (agreement.embedded, agreement.supplies) == (True, "Headline set")
        assert agreement.starts_on == agreement.ends_on == issued.issue_date
        assert agreements.may_object_until(here.document(issued.pk)) == date(2026, 12, 18)
        with pytest.raises(Invalid, match="that one alone"):
            services.end_agreement(agreement.pk, date(2026, 12, 1))
    assert codes(office, office.draft(act, **RCTI)) == ["agreement_missing"], "it held for that one"
    with acting_as(office.identity), pytest.raises(NotPossible, match="was over on 2026-12-18"):
        agreements.object_to(here.document(issued.pk), "no", date(2026, 12, 19))
    with acting_as(office.identity):
        agreements.object_to(here.document(issued.pk), "I send my own.", date(2026, 12, 18))
    with acting_as(office.identity), pytest.raises(NotPossible, match="nothing to object to"):
        agreements.object_to(here.document(issued.pk), "again", date(2026, 12, 18))
    with acting_as(office.identity):
        [payout] = payouts(office.organisation_id)
    assert "objected" in payout.trouble
    assert codes(office, office.draft(act, embedded_agreement=True, **RCTI)) == ["agreement_objected"]
    office.agreement(act)
    office.issued(act, **RCTI)


def test_what_the_register_says_counts(office: Office) -> None:
    act = office.party()
    office.agreement(act)

    def says(**answer: Any) -> None:
        data = {"checked_on": "2026-11-20", "name": "MIRTH MACHINE", "active": True, **answer}
        with acting_as(office.identity):
            services.record_answer(act.pk, data, today=date(2026, 11, 27))

    office.issued(act, **RCTI)
    with acting_as(office.identity):
        services.set_policy(office.organisation_id, {"register_days": 30})
    assert codes(office, office.draft(act, **RCTI)) == ["register_not_asked"]
    says(checked_on="2026-10-01", registered_from="2020-07-01")
    assert codes(office, office.draft(act, **RCTI)) == ["register_answer_old"]
    says()
    assert codes(office, office.draft(act, **RCTI)) == ["supplier_not_in_register"]
    says(checked_on="2026-11-21", active=False, registered_from="2020-07-01")
    bill = {"kind": "invoice", "direction": "payable"}
    assert codes(office, office.draft(act, **RCTI)) == ["supplier_abn_not_active"]
    assert codes(office, office.draft(act, **bill)) == ["supplier_abn_not_active"], "no tax at all"
    says(checked_on="2026-11-22", registered_from="2020-07-01", answer={"Abn": "51824753556"})
    office.issued(act, **RCTI)
    with pytest.raises(Invalid, match="still to come"):
        says(checked_on="2026-11-28")


def test_an_adviser_can_be_waited_for(office: Office) -> None:
    act = office.party()
    office.agreement(act)
    with acting_as(office.identity):
        services.set_policy(office.organisation_id, {"rcti_waits": True})
    assert codes(office, office.draft(act, **RCTI)) == ["adviser_not_asked"]
    with acting_as(office.identity), pytest.raises(Invalid, match="rcti_confirmed_by"):
        services.set_policy(office.organisation_id, {"rcti_confirmed_on": "2026-11-01"})
    said = {"rcti_confirmed_on": "2026-11-01", "rcti_confirmed_by": "A. Ledger"}
    with acting_as(office.identity):
        services.set_policy(office.organisation_id, said)
    office.issued(act, **RCTI)


def late(office: Office, party: Party, **more: Any) -> Document:
    """A draft on 28 December of a show of 27 November, four weeks and three days before."""
    data = {"issue_date": "2026-12-28", "due_date": None, "show": office.show(SHOW), **RCTI}
    return office.draft(party, **data | more)


def test_a_copy_is_due_in_28_days_of_the_sale_or_of_its_value(office: Office) -> None:
    act = office.party()
    office.agreement(act)
    assert codes(office, late(office, act)) == ["rcti_too_late"]
    office.issue(late(office, act, issue_date="2026-12-25"))
    settled = office.issue(late(office, act, value_set_on="2026-12-20"))
    before = office.issue(late(office, act, issue_date="2026-11-20"))
    with acting_as(office.identity):
        due = copies.copies_due(office.organisation_id, date(2026, 12, 19))
    assert [(each.by, each.late, each.urgent) for each in due] == [
        (date(2026, 12, 18), True, True),
        (date(2026, 12, 25), False, True),
        (date(2027, 1, 17), False, False),
    ]
    with acting_as(office.identity):
        document = here.document(before.pk)
        delivery = mail.send(document, timezone.now())
        assert not copies.has_copy(document), "it waits"
        delivery.sent_at = timezone.now()
        delivery.save()
        assert copies.has_copy(document)
        mail.bounced(delivery, timezone.now(), None)
        assert not copies.has_copy(document), "it came back"
        with pytest.raises(NotPossible, match="between the day of issue"):
            copies.give_copy(document, date(2026, 11, 19), date(2026, 12, 19), None)
        copies.give_copy(document, date(2026, 12, 1), date(2026, 12, 19), None)
        mail.make_link(here.document(settled.pk), timezone.now(), None)
        left = copies.copies_due(office.organisation_id, date(2026, 12, 19))
    assert [each.by for each in left] == [date(2026, 12, 25)]
    with pytest.raises(Invalid, match="after issue_date"):
        late(office, act, value_set_on="2026-12-29")


def test_people_are_told_of_a_copy_whose_time_runs_out(office: Office) -> None:
    act = office.party()
    office.agreement(act)
    document = office.issued(act, **RCTI)
    with acting_as(office.identity):
        organisation = Organisation.objects.get(pk=office.organisation_id)

    def told(moment: datetime) -> tuple[alerts.Changes, list[str]]:
        changes = alerts.look(organisation, moment)
        with acting_as(office.identity):
            found = alerts.open_alerts(office.organisation_id)
        assert {each.subject for each in found} <= {str(document.pk)}
        assert {letters.page_of(each) for each in found} <= {f"/invoices/{document.pk}/"}
        return changes, sorted(f"{each.cause} {each.text}" for each in found)

    def late(verb: str) -> str:
        return f"rcti_copy_due Mirth Machine has no copy of RCTI-00001 yet: the last day for it {verb} Fri 25 Dec 2026."

    # Midnight in Melbourne, eleven hours before that of UTC.
    assert told(datetime(2026, 12, 17, 12, 59, tzinfo=UTC)) == ((0, 0), [])
    assert told(datetime(2026, 12, 17, 13, 0, tzinfo=UTC)) == ((1, 0), [late("is")])
    assert told(datetime(2026, 12, 25, 12, 59, tzinfo=UTC)) == ((0, 0), [late("is")])
    changes, texts = told(datetime(2026, 12, 25, 13, 0, tzinfo=UTC))
    assert (changes, texts[0]) == ((1, 0), late("was"))
    assert texts[1].startswith(
        "rcti_copy_late Mirth Machine has no copy of RCTI-00001 yet, and should have had it by Fri"
    )
    with acting_as(office.identity):
        copies.give_copy(here.document(document.pk), date(2026, 12, 26), date(2026, 12, 26), None)
    assert told(datetime(2026, 12, 26, tzinfo=UTC)) == ((0, 2), [])
    [letter] = [letters.letter(organisation, _closed(office), "https://house.example")]
    assert letter.subject.endswith("2 things are over")


def _closed(office: Office) -> list[Alert]:
    with acting_as(office.identity):
        return list(Alert.objects.filter(organisation_id=office.organisation_id, closed_at__isnull=False))


@pytest.mark.parametrize(
    ("issued", "show", "value", "since"),
    [
        (27, None, None, 27),
        (27, 20, None, 20),
        (20, 27, None, 20),
        (27, 1, 25, 25),
    ],
)
def test_the_day_from_which_a_copy_is_counted(
    issued: int, show: int | None, value: int | None, since: int
) -> None:
    day = lambda n: n and date(2026, 11, n)  # noqa: E731
    assert gates.copy_counted_from(date(2026, 11, issued), day(show), day(value)) == date(2026, 11, since)
