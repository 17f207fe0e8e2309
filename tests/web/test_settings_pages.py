"""The pages of Settings: the organisation, its people, what each is mailed about, and the audit log."""

import smtplib
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection

from housecount.invoices import services as books
from housecount.sync import notices
from housecount.sync.models import Notice
from housecount.sync.troubles import OF_THE_BOOKS, Cause
from housecount.tenancy import services
from housecount.tenancy.identity import Role, acting_as
from housecount.tenancy.models import Invitation, Organisation
from housecount.web import audit
from tests.web.stage import Look, Stage, look
from tests.world import House, make_house, make_person

GIVEN = {"name": " The  Cellar ", "timezone": "Pacific/Auckland", "currency": "nzd", "country": "nz"}


@pytest.fixture
def house(database: str) -> House:
    return make_house()


def organisation(house: House) -> Organisation:
    with acting_as(house.system):
        return Organisation.objects.get(pk=house.organisation.pk)


# --- The organisation ---------------------------------------------------------------------------------
def test_an_admin_changes_the_organisation(house: House) -> None:
    for person in (house.promoter, house.bookkeeper):
        assert "admins change this" in look(person, "/settings/").text
        assert person.signed_in().post("/settings/", GIVEN).status_code == 403
    assert "Time zone" not in look(house.act, "/settings/", 403).text
    assert organisation(house).timezone == "Australia/Sydney"
    client = house.admin.signed_in()
    look(house.admin, "/settings/")
    assert client.post("/settings/", GIVEN).status_code == 302
    found = organisation(house)
    assert (found.name, found.timezone, found.currency, found.country, found.slug) == (
        "The Cellar", "Pacific/Auckland", "NZD", "NZ", house.organisation.slug,
    )  # fmt: skip
    for wrong, said in (
        ({"timezone": "Sydney"}, "is not a time zone"),
        ({"currency": "DOL1"}, "at most 3 characters"),
        ({"currency": "A1"}, "three capital letters"),
        ({"name": "  "}, "This field is required"),
    ):
        refused = client.post("/settings/", GIVEN | wrong)
        assert refused.status_code == 422
        page = Look(refused.content.decode())
        page.check()
        assert said in page.text, wrong
    assert organisation(house).name == "The Cellar"


def test_currency_and_country_are_fixed_with_the_first_document(house: House) -> None:
    with acting_as(house.system):
        party = books.create_party(
            house.organisation.pk, {"name": "The Venue", "kind": "company", "country": "AU"}
        )
        line = {"description": "Hire", "unit_price": 50000, "tax": "taxable"}
        books.create_documents(
            house.organisation.pk,
            {"kind": "invoice", "party": str(party.pk), "issue_date": "2026-11-27", "lines": [line]},
        )
    assert "Currency and country are fixed" in look(house.admin, "/settings/").text
    assert house.admin.signed_in().post("/settings/", GIVEN).status_code == 302
    found = organisation(house)
    assert (found.timezone, found.currency, found.country) == ("Pacific/Auckland", "AUD", "AU")


# --- People -------------------------------------------------------------------------------------------
def test_invitations_are_sent_again_and_withdrawn(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = house.admin.signed_in()
    client.post("/people/invite/", {"email": "new.act@example.com", "role": "act"})
    [first] = mail.outbox
    with acting_as(house.system):
        Invitation.objects.update(expires_at=datetime.now(UTC) - timedelta(hours=1))
        [before] = Invitation.objects.filter(organisation_id=house.organisation.pk)
    text = look(house.admin, "/people/").text
    assert "new.act@example.com Act Expired" in text
    answer = client.post(f"/people/invitations/{before.pk}/resend/", follow=True).content.decode()
    assert "An invitation is on its way to new.act@example.com." in answer
    with acting_as(house.system):
        [after] = Invitation.objects.filter(organisation_id=house.organisation.pk)
    assert after.pk != before.pk
    assert after.expires_at > datetime.now(UTC) + timedelta(days=6)
    assert mail.outbox[1].body != first.body, "a link of its own"

    def refuse(_: EmailMessage) -> None:
        raise smtplib.SMTPServerDisconnected

    with monkeypatch.context() as patch:
        patch.setattr(EmailMessage, "send", refuse)
        for path, data in (
            (f"/people/invitations/{after.pk}/resend/", {}),
            ("/people/invite/", {"email": "new.act@example.com", "role": "act"}),
        ):
            assert "The mail server did not take" in client.post(path, data, follow=True).content.decode()
    with acting_as(house.system):
        assert [each.pk for each in Invitation.objects.filter(organisation_id=house.organisation.pk)] == [
            after.pk
        ], "what was sent before still opens the door"
    for person, status in ((house.promoter, 403), (make_house().admin, 404)):
        for what in ("resend", "revoke"):
            assert person.signed_in().post(f"/people/invitations/{after.pk}/{what}/").status_code == status
    assert (
        "is withdrawn" in client.post(f"/people/invitations/{after.pk}/revoke/", follow=True).content.decode()
    )
    assert "Nobody is invited at the moment." in look(house.admin, "/people/").text


# --- Notifications ------------------------------------------------------------------------------------
def test_everybody_chooses_what_they_are_mailed_about(house: House) -> None:
    def told(cause: Cause) -> set[str]:
        with acting_as(house.system):
            return set(notices.receivers(house.organisation.pk)[cause.value])

    admin, promoter, bookkeeper = (
        each.user.email for each in (house.admin, house.promoter, house.bookkeeper)
    )
    assert told(Cause.OVERSELL) == told(Cause.DEAD_HOOKS) == {admin, promoter}
    assert told(Cause.RCTI_COPY_DUE) == told(Cause.RCTI_COPY_LATE) == {admin, promoter, bookkeeper}
    page = house.promoter.signed_in().get("/settings/notifications/")
    assert page.content.count(b" checked") == len(Cause)
    assert b"sends no mail yet" in page.content
    saved = house.promoter.signed_in().post(
        "/settings/notifications/", {"cause": ["oversell", "listing_stale"]}, follow=True
    )
    Look(saved.content.decode()).check()
    assert saved.content.count(b" checked") == 2
    house.bookkeeper.signed_in().post("/settings/notifications/", {"cause": ["account_stopped", "nonsense"]})
    assert told(Cause.OVERSELL) == {admin, promoter}
    assert told(Cause.DEAD_HOOKS) == {admin}
    assert told(Cause.ACCOUNT_STOPPED) == {admin, bookkeeper}
    assert house.act.signed_in().post("/settings/notifications/", {"cause": ["oversell"]}).status_code == 403
    with acting_as(house.system):
        rows = Notice.objects.filter(organisation_id=house.organisation.pk)
        assert rows.count() == (len(Cause) - 2) + (1 + len(OF_THE_BOOKS)), (
            "only what differs from the usual is kept"
        )
        # Who becomes an act hears no more, whatever was chosen before.
        services.change_role(house.bookkeeper.membership, "act")
        assert bookkeeper not in notices.receivers(house.organisation.pk)["account_stopped"]
        services.remove_member(house.promoter.membership)
        assert rows.filter(membership_id=house.promoter.membership.pk).count() == 0
    assert told(Cause.OVERSELL) == {admin}


# --- The audit log ------------------------------------------------------------------------------------
def test_the_audit_log_says_who_changed_what(house: House) -> None:
    someone = make_person(house.organisation, Role.PROMOTER)
    with acting_as(house.admin.identity):
        services.change_role(someone.membership, "bookkeeper")
    house.admin.signed_in().post("/settings/", GIVEN)
    text = look(house.admin, "/settings/audit/").text
    name = someone.user.email
    assert f"Member {name} changed" in text
    assert "Role before: promoter → after: bookkeeper" in text
    assert "Organisation “The Cellar” changed" in text
    assert "Timezone before: Australia/Sydney → after: Pacific/Auckland" in text
    assert f"· {house.admin.user.email}" in text
    assert "· Housecount itself, or a command" in text
    assert "Password" not in text
    today = datetime.now(UTC).date()
    for query, there in (
        (f"person={house.admin.user.pk}", True),
        ("person=machine", False),
        (f"person={house.promoter.user.pk}", False),
        ("table=tenancy_membership", True),
        ("table=box_office_show", False),
        ("table=nonsense&person=nobody&since=never&before=x", True),
        (f"since={today - timedelta(days=1)}&until={today + timedelta(days=1)}", True),
        (f"since={today + timedelta(days=2)}", False),
        (f"until={today - timedelta(days=2)}", False),
        ("since=0001-01-01&until=9999-12-31", True),
        ("before=1", False),
    ):
        found = look(house.admin, f"/settings/audit/?{query}").text
        assert ("Role before: promoter" in found) == there, query
    for person in (house.promoter, house.bookkeeper, house.act):
        look(person, "/settings/audit/", 403)
    assert name not in look(make_house().admin, "/settings/audit/").text


def test_the_audit_log_goes_on_page_by_page(house: House) -> None:
    with acting_as(house.system), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO box_office_venue (id, organisation_id, name, city, country, timezone)"
            " SELECT gen_random_uuid(), %s, 'Room number ' || n, '', '', 'UTC' FROM generate_series(1, 60) n",
            [house.organisation.pk],
        )
    page = look(house.admin, "/settings/audit/?table=box_office_venue")
    assert page.text.count("Venue “Room number") == 50
    [older] = [link for link in page.links if "before=" in link]
    rest = look(house.admin, older)
    assert rest.text.count("Venue “Room number") == 10
    assert "/settings/audit/?table=box_office_venue" in rest.links


def test_what_the_log_holds_is_put_in_words(stage: Stage) -> None:
    house = stage.house
    with acting_as(house.system):
        entry = audit.find(stage.organisation_id, audit.Wanted(table="box_office_account"), "UTC")[0]
        entry.before = {"name": "A" * 500, "total": 12345, "currency": "AUD", "closed_at": None, "open": True}
        entry.after = {
            "name": "Short", "total": 0, "currency": "AUD", "closed_at": "2026-11-27T08:30:00+00:00", "open": False,
            "user_id": str(house.admin.user.pk), "list": ["a", "b"],
            "sender": {"name": "Dana Quick", "vat_number": "", "address": ["1 Laugh Lane", "Fitzroy"]},
        }  # fmt: skip
        entry.actor_user_id = house.act.user.pk
    row = audit.row(entry, {house.admin.user.pk: "Ada"}, "Australia/Sydney")
    assert row.what == "Account “Short” added"
    assert row.who == "somebody who is not a member any more"
    changes = {change.field: (change.before, change.after) for change in row.changes}
    assert len(changes["Name"][0]) < 300
    assert changes["Total"] == ("A$123.45", "A$0.00")
    assert changes["Closed at"] == ("", "27 Nov 2026, 7:30 pm AEDT")
    assert changes["Open"] == ("yes", "no")
    assert changes["User"] == ("", "Ada")
    assert changes["List"] == ("", "a, b")
    assert changes["Sender"] == ("", "name Dana Quick, address 1 Laugh Lane, Fitzroy")
    assert "Currency" not in changes


def test_every_table_that_is_audited_has_a_word(house: House) -> None:
    with acting_as(house.system), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'audit' AND NOT tgisinternal"
        )
        audited = {str(name) for (name,) in cursor.fetchall()}
    assert len(audited) > 10
    # A person's own, in no organisation: no log of one shows it.
    assert audited - set(audit.THINGS) == {"mfa_authenticator"}
    assert set(audit.THINGS) - audited == set()
