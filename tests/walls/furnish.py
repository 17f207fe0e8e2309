"""One of everything an organisation can hold, each with the organisation's marker in its words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from housecount.box_office.models import Account, Appearance, Listing, Show, Venue
from housecount.invoices import links, mail, recurring, reminders
from housecount.invoices import services as books
from housecount.invoices.models import Document, Reminder
from housecount.tenancy import services
from housecount.tenancy.identity import acting_as
from tests.walls.bare import TENANT_TABLES
from tests.world import House


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
        services.invite(organisation.pk, f"guest.{house.marker}@example.com", "act", None)
        _keep_books(house, str(show.pk))


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

    document("invoice", str(venue.pk), reference=f"draft {house.marker}")
    books.issue_one(document("rcti", str(act.pk), agreement=str(agreement.pk)).pk, None, now)
    sold = books.issue_one(document("invoice", str(venue.pk)).pk, None, now)
    books.pay(sold.pk, 10000, now.date(), reference=f"paid {house.marker}")
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
        template={"kind": "invoice"},
    )


def ids_of(house: House) -> dict[str, list[UUID]]:
    """Ids of everything the house holds, itself included, by table, from every tenant table that has one."""
    found = {
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
    return found
