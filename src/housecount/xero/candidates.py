"""Which contacts in Xero a party could be: shown to the person who has to say."""

from typing import NamedTuple
from uuid import UUID

from housecount.invoices import here
from housecount.platforms.http.client import Limits
from housecount.sync.database import DatabaseThread
from housecount.tenancy.identity import Identity
from housecount.xero import connecting
from housecount.xero.client import opened, renewing
from housecount.xero.contacts import number_of, tax_number
from housecount.xero.wire import Contact

#: Somebody waits for the page.
_HASTY = Limits(attempts=2, connect=5.0, total=20.0, patience=5.0)
_MOST = 30


class Candidate(NamedTuple):
    """A contact in Xero. `why` says what speaks for it, the strongest first; empty: only what was searched for."""

    id: str
    name: str
    email: str
    tax_number: str
    why: tuple[str, ...]


async def candidates(organisation_id: UUID, party_id: UUID | str, search: str = "") -> list[Candidate]:
    """At most 30 active contacts that share something with the party, or whose name holds `search`; what shares most
    comes first. Raises `NotConnected`, a `PlatformError`, and as `here.party` for a party that is not there."""
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        row = await database.run(connecting.connected, organisation_id)
        party = await database.run(here.party, party_id)
        async with opened(
            organisation_id,
            renewing(database, organisation_id),
            tenant_id=None if row.custom else row.tenant_id,
            credential=row.tenant_id,
            limits=_HASTY,
        ) as xero:
            rows = await xero.contacts()
    wanted = search.casefold().strip()
    found = []
    for each in rows:
        if each.contact_status != "ACTIVE":
            continue
        why = _why(each, number_of(party), tax_number(party), party.email, party.name)
        if why or (wanted and wanted in each.name.casefold()):
            found.append(
                Candidate(each.contact_id, each.name, each.email_address or "", each.tax_number or "", why)
            )
    return sorted(found, key=lambda each: (-len(each.why), each.name.casefold()))[:_MOST]


def _why(found: Contact, number: str, tax: str, mail: str, name: str) -> tuple[str, ...]:
    def digits(text: str | None) -> str:
        return "".join(character for character in text or "" if character.isalnum()).upper()

    # Words that many names share, such as “the” and “pty”, say nothing.
    ours, theirs = (
        {word for word in text.casefold().split() if len(word) > 3} for text in (name, found.name)
    )
    reasons = (
        (found.contact_number == number, "our number"),
        (bool(tax) and digits(found.tax_number) == digits(tax), "the same tax number"),
        (bool(mail) and (found.email_address or "").casefold() == mail.casefold(), "the same e-mail address"),
        (found.name.casefold() == name.casefold(), "the same name"),
        (found.name.casefold() != name.casefold() and bool(ours & theirs), "a similar name"),
    )
    return tuple(words for holds, words in reasons if holds)
