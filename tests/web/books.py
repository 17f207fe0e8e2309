"""Books to write in by hand, for the tests of the pages about documents and parties."""

from datetime import datetime
from typing import Any

from django.test import Client
from django.utils import timezone

from housecount.invoices import mail, reminders
from housecount.invoices.models import Document, Party
from housecount.tenancy.identity import acting_as
from tests.invoices.office import Office
from tests.web.stage import Look
from tests.world import House, make_house


class Books:
    """A house with its own identity, a venue that owes it and an act that it owes."""

    def __init__(self) -> None:
        self.house: House = make_house()
        self.office = Office(self.house.organisation.pk)
        self.own = self.office.ourselves()
        self.venue = self.office.party(name="The Attic Bar", email="bar@attic.example", abn="47555222000")
        self.act = self.office.party(name="Mirth Machine", user=self.house.act.user.email)
        self.client = self.house.bookkeeper.signed_in()

    def post(self, to: str, status: int = 302, /, client: Client | None = None, **data: Any) -> Look:
        """What one sees after a form was sent."""
        response = (client or self.client).post(to, data)
        assert response.status_code == status, (response.status_code, response.content.decode()[:2000])
        if status == 302:
            response = (client or self.client).get(response["Location"])
        return checked(response, 200 if status == 302 else status)

    def document(self, document: Document | str) -> Document:
        with acting_as(self.house.system):
            return Document.objects.select_related("party", "organisation").get(
                organisation_id=self.house.organisation.pk, pk=getattr(document, "pk", document)
            )

    def post_mails(self, now: datetime | None = None) -> None:
        """Hand over this house's mails; other tests leave theirs in the same database."""
        now = now or timezone.now()
        for delivery_id in mail.waiting(self.house.organisation.pk, now):
            mail.post(self.house.organisation.pk, delivery_id, now)

    def remind(self, now: datetime) -> int:
        """How many reminders are due and written down."""
        organisation_id = self.house.organisation.pk
        found = reminders.due_now(organisation_id, now)
        return sum(reminders.remind(organisation_id, each, now) is not None for each in found)

    def newest(self) -> Document:
        with acting_as(self.house.system):
            found = Document.objects.filter(organisation_id=self.house.organisation.pk).order_by(
                "-created_at"
            )
            return found.select_related("party", "organisation")[0]


def checked(response: Any, status: int = 200) -> Look:
    assert response.status_code == status
    page = Look(response.content.decode())
    page.check()
    return page


def form(whom: Party, lines: list[tuple[str, str, str]] | None = None, **more: str) -> dict[str, str]:
    """The fields of a document's form; a line is what for, how many, at what price."""
    lines = lines if lines is not None else [("Headline set", "1", "500.00")]
    fields = {
        "kind": "invoice",
        "direction": "receivable",
        "party": str(whom.pk),
        "issue_date": timezone.now().date().isoformat(),
        "terms_kind": "days",
        "terms_days": "14",
        "currency": "AUD",
        "price_mode": "exclusive",
        "lines": str(len(lines)),
        "do": "save",
    }
    for n, (what, quantity, price) in enumerate(lines):
        fields |= {
            f"line-{n}-description": what,
            f"line-{n}-quantity": quantity,
            f"line-{n}-unit_price": price,
            f"line-{n}-tax": "taxable",
        }
    return fields | more
