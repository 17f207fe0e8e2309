"""Which contact in Xero a party is: by our number, by its ABN, by its mail, and else a person says. Never by name."""

import re
import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from housecount.invoices.models import Party
from housecount.platforms.base.errors import PlatformError
from housecount.sync.database import DatabaseThread
from housecount.xero import wire
from housecount.xero.client import Xero
from housecount.xero.errors import Blocked
from housecount.xero.keys import key_of
from housecount.xero.models import PartyContact


class Contacts:
    """The contacts of one organisation in Xero, read once when they are first needed."""

    def __init__(self, xero: Xero, database: DatabaseThread, organisation_id: UUID, tenant_id: str) -> None:
        self._xero = xero
        self._database = database
        self._organisation_id = organisation_id
        self._tenant_id = tenant_id
        self._rows: list[wire.Contact] | None = None

    async def of(self, party: Party) -> str:
        """The id of the contact, found or made. Raises `Blocked` where a person has to say."""
        known = await self._database.run(self._known, party.pk)
        if known is not None:
            return known
        if self._rows is None:
            self._rows = await self._xero.contacts()
        found, by = self._match(party)
        if found is None:
            found, by = await self._create(party), "made"
            self._rows.append(found)
        await self._database.run(
            settle, self._organisation_id, self._tenant_id, party.pk, found.contact_id, by
        )
        return found.contact_id

    async def check(self, party: Party, contact_id: str) -> None:
        """Whether a contact we wrote to is still one that can be used; where it was merged into another, that one is
        remembered instead. Raises `Blocked` when it is not."""
        self._rows = await self._xero.contacts()
        found = next((each for each in self._rows if each.contact_id == contact_id), None)
        alive = self._alive([found]) if found is not None else []
        if alive and alive[0].contact_id == contact_id:
            return
        if alive:
            await self._database.run(
                settle, self._organisation_id, self._tenant_id, party.pk, alive[0].contact_id, "merged"
            )
            raise Blocked(
                f"The contact for {party.name} was merged into {alive[0].name} in Xero. It goes there from now on: "
                "it is tried again by itself, or at once by a push."
            )
        raise Blocked(
            f"The contact for {party.name} is archived in Xero, or not there any more. Restore it there and push "
            f"again. {_say(party)}"
        )

    def _known(self, party_id: UUID) -> str | None:
        row = PartyContact.objects.filter(
            organisation_id=self._organisation_id, tenant_id=self._tenant_id, party_id=party_id
        ).first()
        return row.contact_id if row else None

    def _match(self, party: Party) -> tuple[wire.Contact | None, str]:
        rows = self._rows or []
        number, digits, mail = number_of(party), tax_number(party), party.email.casefold()
        rules = (
            ("number", [each for each in rows if each.contact_number == number]),
            ("tax number", [each for each in rows if digits and _digits(each.tax_number) == _digits(digits)]),
            ("mail", [each for each in rows if mail and (each.email_address or "").casefold() == mail]),
        )
        for by, found in rules:
            alive = self._alive(found)
            if len(alive) > 1:
                names = ", ".join(f"{each.name} ({each.contact_id})" for each in alive)
                raise Blocked(
                    f"Several contacts in Xero could be {party.name} by {by}: {names}. {_say(party)}"
                )
            if alive:
                return alive[0], by
            if found and by == "number":
                raise Blocked(
                    f"The contact for {party.name} is archived in Xero. Restore it there and push again. "
                    f"{_say(party)}"
                )
        same = [each for each in self._alive(rows) if each.name.casefold() == party.name.casefold()]
        if same:
            raise Blocked(
                f"Xero has a contact called {same[0].name} ({same[0].contact_id}), and only the name says that "
                f"it could be ours. {_say(party)}"
            )
        return None, ""

    def _alive(self, rows: Sequence[wire.Contact]) -> list[wire.Contact]:
        """The active ones; those that were merged count as what they became."""
        by_id = {each.contact_id: each for each in self._rows or []}
        found: dict[str, wire.Contact] = {}
        for each in rows:
            one: wire.Contact | None = each
            for _ in range(10):
                if one is None or not one.merged_to_contact_id:
                    break
                one = by_id.get(one.merged_to_contact_id)
            if one is not None and one.contact_status == "ACTIVE":
                found[one.contact_id] = one
        return list(found.values())

    async def _create(self, party: Party) -> wire.Contact:
        fields = {"Name": party.name[:255], "ContactNumber": number_of(party)}
        if party.email:
            fields["EmailAddress"] = party.email
        if number := tax_number(party):
            fields["TaxNumber"] = number
        try:
            return await self._xero.create_contact(fields, new_key(self._tenant_id, party, fields))
        except PlatformError:
            # It may be there by now: whoever tries again looks first.
            self._rows = None
            raise


def settle(organisation_id: UUID, tenant_id: str, party_id: UUID, contact_id: str, by: str) -> None:
    """Remember which contact a party is."""
    PartyContact.objects.update_or_create(
        organisation_id=organisation_id,
        tenant_id=tenant_id,
        party_id=party_id,
        defaults={"contact_id": contact_id, "found_by": by},
    )


def new_key(tenant_id: str, party: Party, fields: Mapping[str, str]) -> str:
    """A key for one attempt to make a contact. Another for the next: Xero would repeat a failure for minutes, and what
    keeps a contact from being made twice is that it is looked for first, and that Xero takes a number only once."""
    return key_of(tenant_id, "contact", party.pk, secrets.randbits(60), fields)


def number_of(party: Party) -> str:
    """Our number for a party at Xero, at most 50 characters."""
    return f"hc-{party.pk}"


def tax_number(party: Party) -> str:
    """What Xero calls its tax number: the ABN, or the VAT number."""
    return party.abn or party.vat_number


def _digits(text: str | None) -> str:
    return re.sub(r"\W", "", text or "").upper()


def _say(party: Party) -> str:
    return (
        f"Say which it is: housecount xero contact --party {party.pk} --contact ID, or --new for another one."
    )
