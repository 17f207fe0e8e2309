"""Makes the house that the browser visits: its people, its accounts, read once, and its parties.

Run as a program in the surroundings of the installation, with the platforms' keys as JSON on stdin; tells as JSON who
is who.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

PASSWORD = "correct horse battery staple"
OUR_ABN, ACT_ABN, VENUE_ABN = "53004085616", "51824753556", "47555222000"
#: Role, name and address of everybody who belongs to the house.
PEOPLE = {
    "admin": ("Pat Nightingale", "pat@laughing.example"),
    "promoter": ("Robin Marsh", "robin@laughing.example"),
    "bookkeeper": ("Bo Ledger", "bo@laughing.example"),
    "act": ("Dana Quick", "dana@quick.example"),
}


def main(credentials: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Makes everything; ids and addresses by what they are."""
    from housecount.installation import setup

    setup.set_up_django()
    from housecount.box_office.models import Account, Appearance, Show
    from housecount.sync import accounts, services
    from housecount.tenancy import services as tenancy
    from housecount.tenancy.crypto import Secret
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.models import Membership
    from tests.browser.season import TONIGHT

    house = tenancy.create_organisation(
        "Laughing Stock Comedy", slug="laughing-stock", timezone="Australia/Melbourne"
    )
    other = tenancy.create_organisation("Other People's Comedy", slug="other-people")
    system = Identity.system(house.pk)
    made: dict[str, Membership] = {}
    for role, (name, email) in PEOPLE.items():
        made[role] = _person(house, role, name, email)
    _person(other, "admin", "Carol Elsewhere", "carol@other.example")
    tenancy.set_operator(PEOPLE["admin"][1], operator=True)  # so that the operators' page is visited too
    keys: list[Account] = []
    for platform, given in credentials.items():
        for each in given:
            secret = Secret(each.get("token") or each["key"])
            regions = each.get("regions", [])
            connecting = accounts.connect(house.pk, platform, secret, name=each["name"], regions=regions)
            keys.append(asyncio.run(connecting))
    failed = [
        run
        for run in asyncio.run(services.read_accounts(keys, full=True, wait=60))
        if isinstance(run, BaseException) or run.error
    ]
    if failed:
        raise RuntimeError(f"the season could not be read: {failed}")
    with acting_as(system):
        tonight = Show.objects.get(organisation_id=house.pk, title=TONIGHT)
        Appearance.objects.create(organisation_id=house.pk, show=tonight, membership=made["act"])
        books = _books(house.pk)
    return {
        "organisation": str(house.pk),
        "show": str(tonight.pk),
        "people": {role: email for role, (_, email) in PEOPLE.items()} | {"stranger": "carol@other.example"},
        **books,
    }


def _person(organisation: Any, role: str, name: str, email: str) -> Any:
    """A member whose password is hashed quickly: it is hashed well when they first sign in."""
    from housecount.tenancy.identity import Identity, acting_as
    from housecount.tenancy.models import Membership, User
    from tests.world import QuickHasher

    with acting_as(Identity.system(organisation.pk)):
        user = User(email=email, name=name, password=QuickHasher().encode(PASSWORD, "salt"))
        user.save(force_insert=True)
        return Membership.objects.create(organisation=organisation, user=user, role=role)


def _books(organisation_id: Any) -> dict[str, Any]:
    """Ourselves, the act and a venue; a draft, and an invoice that was issued, with its link."""
    from housecount.invoices import mail, services

    now = datetime.now(UTC)

    def party(**data: Any) -> str:
        whole = {
            "kind": "company",
            "country": "AU",
            "gst_registered_from": "2020-07-01",
            "address": ["1 Laugh Lane", "Fitzroy VIC 3065"],
            **data,
        }
        return str(services.create_party(organisation_id, whole).pk)

    parties = {
        "self": party(name="Laughing Stock Comedy", abn=OUR_ABN, self=True),
        "act": party(
            name="Dana Quick",
            kind="individual",
            abn=ACT_ABN,
            email="dana@quick.example",
            user="dana@quick.example",
        ),
        "venue": party(name="The Velvet Room", abn=VENUE_ABN, email="bar@velvet.example"),
    }

    def document(to: str) -> Any:
        line = {"description": "Room hire", "unit_price": 40000, "tax": "taxable"}
        day = now.date().isoformat()
        data = {"kind": "invoice", "party": parties[to], "issue_date": day, "lines": [line]}
        return services.create_documents(organisation_id, data)[0]

    document("venue")
    issued = services.issue_one(document("act").pk, None, now)
    return {"parties": parties, "document": str(issued.pk), "link": mail.make_link(issued, now, None)}


if __name__ == "__main__":
    print(json.dumps(main(json.load(sys.stdin))))
