"""What a person says where nothing but a name would: which contact in Xero a party is."""

from uuid import UUID

from housecount.invoices import here
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.xero import connecting
from housecount.xero.client import opened, renewing
from housecount.xero.contacts import new_key, number_of, settle, tax_number
from housecount.xero.errors import Blocked


async def say_contact(organisation_id: UUID, party_id: UUID | str, contact_id: str | None) -> str:
    """The party is the contact `contact_id`; with None it is another one, made under its name and our number.

    Answers with the contact's id. Raises `Blocked` for one that Xero does not have, `NotConnected`, a `PlatformError`.
    """
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        party = await database.run(here.party, party_id)
        async with opened(
            organisation_id,
            renewing(database, organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
        ) as xero:
            rows = await xero.contacts()
            mine = next((each for each in rows if each.contact_number == number_of(party)), None)
            if contact_id is not None:
                found = next((each for each in rows if each.contact_id == contact_id), None)
                if found is None or found.contact_status != "ACTIVE":
                    raise Blocked(f"Xero has no active contact {contact_id}.")
            elif mine is not None:
                found = mine
            else:
                fields = {
                    "Name": f"{party.name[:200]} ({number_of(party)[:11]})",
                    "ContactNumber": number_of(party),
                }
                if party.email:
                    fields["EmailAddress"] = party.email
                if number := tax_number(party):
                    fields["TaxNumber"] = number
                found = await xero.create_contact(fields, new_key(row.tenant_id, party, fields))
        await database.run(settle, organisation_id, row.tenant_id, party.pk, found.contact_id, "person")
    return found.contact_id
