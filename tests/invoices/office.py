"""An organisation with an identity, parties and a show: what documents are made of in tests. All invented."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from housecount.box_office.models import Show, Venue
from housecount.invoices import queries, services
from housecount.invoices.models import Document, Party
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_organisation

NOW = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)
DAY = "2026-11-27"
#: Numbers of the reference sheets and of nobody's business.
OUR_ABN, ACT_ABN, OTHER_ABN = "53004085616", "51824753556", "47555222000"

Json = dict[str, Any]


def party_data(**changes: Any) -> Json:
    """A registered Australian act."""
    return {
        "name": "Mirth Machine",
        "legal_name": "Mirth Machine Pty Ltd",
        "kind": "company",
        "email": "accounts@mirth.example",
        "abn": ACT_ABN,
        "gst_registered_from": "2020-07-01",
        "country": "AU",
        "address": ["1 Laugh Lane", "Fitzroy VIC 3065"],
        **changes,
    }


def document_data(party: Party | UUID | str, /, **changes: Any) -> Json:
    """An invoice of one line at 500.00 exclusive."""
    return {
        "kind": "invoice",
        "direction": "receivable",
        "currency": "AUD",
        "issue_date": DAY,
        "due_date": "2026-12-11",
        "price_mode": "exclusive",
        "party": str(getattr(party, "pk", party)),
        "lines": [{"description": "Headline set", "quantity": "1", "unit_price": 50000, "tax": "taxable"}],
        **changes,
    }


@dataclass
class Office:
    """What a promoter's office does; each call is a transaction of its own, as a command's is."""

    organisation_id: UUID = field(default_factory=make_organisation)

    @property
    def identity(self) -> Identity:
        return Identity.system(self.organisation_id)

    def ourselves(self, **changes: Any) -> Party:
        """The organisation's own identity: registered, with an ABN and an address."""
        own = {"name": "Laughing Stock", "legal_name": "Laughing Stock Pty Ltd", "abn": OUR_ABN, "self": True}
        return self.add(party_data(**{**own, **changes}))

    def party(self, **changes: Any) -> Party:
        return self.add(party_data(**changes))

    def add(self, data: Json) -> Party:
        with acting_as(self.identity):
            return services.create_party(self.organisation_id, data)

    def agreement(self, party: Party, **changes: Any) -> str:
        data = {
            "kind": "rcti",
            "party": str(party.pk),
            "from": "2026-01-01",
            "supplies": "performances",
            **changes,
        }
        with acting_as(self.identity):
            return str(services.create_agreement(self.organisation_id, data).pk)

    def show(self, starts_at: datetime = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)) -> str:
        with acting_as(self.identity):
            venue, _ = Venue.objects.get_or_create(
                organisation_id=self.organisation_id, name="The Velvet Room", timezone="Australia/Melbourne"
            )
            return str(
                Show.objects.create(
                    organisation_id=self.organisation_id,
                    title="Friday Night Laughs",
                    venue=venue,
                    starts_at=starts_at,
                    currency="AUD",
                ).pk
            )

    def draft(self, party: Party, /, **changes: Any) -> Document:
        with acting_as(self.identity):
            [made] = services.create_documents(self.organisation_id, document_data(party, **changes))
        return made

    def issue(self, document: Document, now: datetime = NOW) -> Document:
        with acting_as(self.identity):
            return services.issue_one(document.pk, None, now)

    def issued(self, party: Party, /, **changes: Any) -> Document:
        return self.issue(self.draft(party, **changes))

    def pay(self, document: Document, amount: int, **more: Any) -> None:
        with acting_as(self.identity):
            services.pay(document.pk, amount, date(2026, 12, 1), now=NOW, **more)

    def credit(self, document: Document, lines: list[Json] | None = None, **more: Any) -> Document:
        with acting_as(self.identity):
            return services.credit(document.pk, lines, None, NOW, **more)

    def json(self, document: Document | UUID | str) -> Json:
        from housecount.invoices import here

        with acting_as(self.identity):
            return queries.document_json(
                here.document(getattr(document, "pk", document)), today=date(2026, 11, 28)
            )
