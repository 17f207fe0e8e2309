"""One of everything an organisation can hold, each with the organisation's marker in its words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from housecount.box_office.models import Account, Appearance, Listing, SetAside, Show, Venue
from housecount.intake.models import Hook
from housecount.invoices import asked, batches, links, mail, recurring, reminders
from housecount.invoices import services as books
from housecount.invoices.models import Document, Logo, Reminder
from housecount.sync.models import Alert, Gap, Notice, ReadRun
from housecount.tenancy import services, tokens
from housecount.tenancy.identity import acting_as
from housecount.xero.models import Connection as XeroConnection
from housecount.xero.models import Copy, Cursor, History, Intent, PartyContact, XeroPayment
from tests.walls.bare import TENANT_TABLES
from tests.world import House

#: A PNG of one dot; what follows it is not looked at.
_PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63e8"
    "92b10600021500e2c3d7d0d70000000049454e44ae426082"
)


def furnish(house: House) -> None:
    """Give the house a venue, a show with its act on the bill, an account, a listing, an invitation, and books."""
    starts_at = datetime(2026, 12, 1, 9, tzinfo=UTC)
    organisation = house.organisation
    with acting_as(house.system):
        venue = Venue.objects.create(
            organisation=organisation, name=f"Room {house.marker}", timezone="Australia/Sydney"
        )
        show = Show.objects.create(
            organisation=organisation,
            title=f"Night {house.marker}",
            venue=venue,
            starts_at=starts_at,
            currency="AUD",
        )
        Appearance.objects.create(organisation=organisation, show=show, membership=house.act.membership)
        account = Account.objects.create(
            organisation=organisation, platform="humanitix", name=f"Account {house.marker}"
        )
        Listing.objects.create(
            organisation=organisation,
            account=account,
            event_id=house.marker,
            title=f"Listing {house.marker}",
            timezone="Australia/Sydney",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=2),
            currency="AUD",
            show=show,
            linked_by="machine",
        )
        _watch(house, account, starts_at)
        services.invite(organisation.pk, f"guest.{house.marker}@example.com", "act", None)
        tokens.create(
            organisation.pk,
            house.admin.membership,
            name=f"Till {house.marker}",
            role="admin",
            scopes=["sales:read"],
        )
        _keep_books(house, str(show.pk))


def _watch(house: House, account: Account, at: datetime) -> None:
    """What the engine knows of the account: a read, a gap, an alert, a record set aside, a hook that was given up."""
    here = {"organisation_id": house.organisation.pk, "account_id": account.pk}
    ReadRun.objects.create(
        **here, full=False, started_at=at, finished_at=at, complete=False, requests=1, orders_read=0,
        orders_changed=0, tickets_changed=0, error=f"failed {house.marker}",
    )  # fmt: skip
    Gap.objects.create(
        **here, event_id="e", kind="order", external_id=f"gap {house.marker}", changed_at=at, covered_until=at,
        found_at=at,
    )  # fmt: skip
    SetAside.objects.create(
        **here, kind="order", external_id="o", notice=False, reason=f"odd {house.marker}", first_seen=at
    )
    Alert.objects.create(
        organisation_id=house.organisation.pk, cause="oversell", text=f"alert {house.marker}", opened_at=at
    )
    Notice.objects.create(
        organisation_id=house.organisation.pk, membership=house.admin.membership, cause="oversell", mail=False
    )
    Hook.objects.create(
        **here, platform="humanitix", body=house.marker.encode(), action=f"hook {house.marker}",
        verdict="understood", status="dead", explanation=f"dead {house.marker}",
    )  # fmt: skip


def _keep_books(house: House, show_id: str) -> None:
    """The house's own identity; a party the act signs in as, and another; for both, documents in every state.

    What the act may see of all that bears no marker but in what was issued to it.
    """
    organisation_id, now = house.organisation.pk, datetime(2026, 11, 27, 1, tzinfo=UTC)
    own = {"name": f"Own {house.marker}", "kind": "company", "abn": "53004085616", "self": True}
    registered = {"gst_registered_from": "2020-07-01", "country": "AU", "address": ["1 Laugh Lane"]}
    books.create_party(organisation_id, own | registered)
    act = books.create_party(
        organisation_id,
        {
            "name": f"Act {house.marker}",
            "kind": "individual",
            "abn": "51824753556",
            "email": f"act.{house.marker}@example.com",
            "user": house.act.user.email,
            "bank": {"bsb": "062000", "account": "12345678"},
            "contacts": [{"email": f"manager.{house.marker}@example.com", "copy": "cc"}],
        }
        | registered,
    )
    venue = books.create_party(
        organisation_id,
        {"name": f"Venue {house.marker}", "kind": "company", "email": f"bar.{house.marker}@example.com"}
        | registered,
    )
    agreement = books.create_agreement(
        organisation_id,
        {"kind": "rcti", "party": str(act.pk), "from": "2026-01-01", "supplies": f"sets {house.marker}"},
    )

    def document(kind: str, party: str, **more: object) -> Document:
        line = {"description": f"Set {house.marker}", "unit_price": 50000, "tax": "taxable"}
        data = {
            "kind": kind,
            "party": party,
            "show": show_id,
            "issue_date": "2026-11-27",
            "lines": [line],
            **more,
        }
        return books.create_documents(organisation_id, data)[0]

    draft = document("invoice", str(venue.pk), reference=f"draft {house.marker}")
    batches.create_batch(organisation_id, [draft.pk])
    books.set_policy(organisation_id, {"rcti_confirmed_by": f"adviser {house.marker}"})
    said = {"checked_on": "2026-11-01", "name": f"REGISTER {house.marker}", "active": True}
    books.record_answer(act.pk, said | {"registered_from": "2020-07-01"}, today=now.date())
    books.create_documents(
        organisation_id,
        {"kind": "invoice", "party": str(venue.pk), "lines": [{"description": "x", "unit_price": 1}]},
        None,
        f"key {house.marker}",
    )
    books.issue_one(document("rcti", str(act.pk), agreement=str(agreement.pk)).pk, None, now)
    sold = books.issue_one(document("invoice", str(venue.pk)).pk, None, now)
    books.pay(sold.pk, 10000, now.date(), reference=f"paid {house.marker}", now=now)
    asked.ask(sold, now.date(), now, None, f"asked {house.marker}")
    links.dispute(sold, f"wrong {house.marker}")
    mail.make_link(sold, now, None)
    delivery = mail.send(sold, now)
    Reminder.objects.create(
        organisation_id=organisation_id,
        document=sold,
        rule=reminders.RULES[0].name,
        sent_at=now,
        delivery=delivery,
    )
    recurring.create(
        venue,
        None,
        name=f"Weekly {house.marker}",
        rhythm="weekly",
        first_on=now.date(),
        like=sold,
    )
    Logo.objects.create(
        organisation_id=organisation_id, kind="png", sha256="0" * 64, content=_PICTURE + house.marker.encode()
    )
    _connect_xero(house, sold)


def _connect_xero(house: House, sold: Document) -> None:
    """A connection to books in Xero, and a document that is to be written there."""
    common = {"organisation_id": house.organisation.pk, "tenant_id": f"tenant {house.marker}"}
    XeroConnection.objects.create(
        **common,
        custom=True,
        client_id=f"client {house.marker}",
        client_secret=b"sealed",
        tenant_name=f"Books {house.marker}",
        country="AU",
        currency="AUD",
        read_at=datetime(2026, 11, 27, 1, tzinfo=UTC),
    )
    PartyContact.objects.create(**common, party_id=sold.party_id, contact_id=house.marker, found_by="number")
    intent = Intent.objects.create(**common, what="document", target=sold.pk, document=sold, rank=1)
    seen_at = datetime(2026, 11, 27, 2, tzinfo=UTC)
    Cursor.objects.create(**common, resource="Invoices", since=seen_at, read_at=seen_at)
    Copy.objects.create(**common, document=sold, fields={"number": house.marker}, read_at=seen_at)
    XeroPayment.objects.create(
        **common, payment_id=house.marker, document=sold, state="taken", amount=100, currency="AUD",
        paid_on=seen_at.date(), status="AUTHORISED", seen_at=seen_at,
    )  # fmt: skip
    History.objects.create(
        organisation_id=house.organisation.pk, intent=intent, step="GET /Invoices", outcome=house.marker
    )


def ids_of(house: House) -> dict[str, list[UUID | int]]:
    """Ids of everything the house holds, itself included, by table, from every tenant table that has one; those of
    its hooks, which are numbered, as `numbered_hook`."""
    found: dict[str, list[UUID | int]] = {
        "tenancy_organisation": [house.organisation.pk],
        "tenancy_user": [person.user.pk for person in (house.admin, house.act)],
    }
    with acting_as(house.system), connection.cursor() as cursor:
        cursor.execute(TENANT_TABLES)
        tables = [name for (name,) in cursor.fetchall()]
        for table in tables:
            cursor.execute(
                "SELECT FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'id'"
                " AND atttypid = 'uuid'::regtype",
                [f'"{table}"'],
            )
            if cursor.rowcount:
                cursor.execute(
                    f'SELECT id FROM "{table}" WHERE organisation_id = %s LIMIT 4', [house.organisation.pk]
                )
                found[table] = [id_ for (id_,) in cursor.fetchall()]
        hooks = Hook.objects.filter(organisation_id=house.organisation.pk)
        found["numbered_hook"] = list(hooks.values_list("pk", flat=True))
    return found
