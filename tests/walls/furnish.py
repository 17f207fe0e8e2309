"""One of everything an organisation can hold, each with the organisation's marker in its words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db import connection

from housecount.box_office.models import Account, Appearance, Listing, Show, Venue
from housecount.tenancy import services
from housecount.tenancy.identity import acting_as
from tests.walls.bare import TENANT_TABLES
from tests.world import House


def furnish(house: House) -> None:
    """Give the house a venue, a show with its act on the bill, an account, a listing and an invitation."""
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


def ids_of(house: House) -> list[UUID]:
    """The id of everything the house holds, itself included, from every tenant table that has one."""
    found = [house.organisation.pk, *(person.user.pk for person in (house.admin, house.act))]
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
                    f'SELECT id FROM "{table}" WHERE organisation_id = %s LIMIT 1', [house.organisation.pk]
                )
                found += [id_ for (id_,) in cursor.fetchall()]
    return found
