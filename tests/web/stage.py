"""A house with accounts, shows and sales, for the tests of pages and API; and a strict look at HTML."""

import itertools
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

from django.utils import timezone
from msgspec.structs import replace

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Appearance, Listing, Show
from housecount.platforms.base.errors import PlatformError
from housecount.platforms.base.records import Order, Page
from housecount.sync import store
from housecount.sync.queries import sales_document
from housecount.tenancy.identity import acting_as
from tests.factories import make_account, make_event, make_order, make_ticket
from tests.world import House, Person, make_house

_numbers = itertools.count(1)
_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


class Stage:
    """One house with an Eventbrite and a Humanitix account, and whatever a test puts on."""

    def __init__(self) -> None:
        self.house: House = make_house()
        self.organisation_id = self.house.organisation.pk
        self.now = timezone.now()
        self.accounts = {
            platform: AccountKey(self.organisation_id, make_account(self.organisation_id, platform))
            for platform in ("eventbrite", "humanitix")
        }

    def put_on(
        self,
        title: str = "Friday Night Laughs",
        *,
        platform: str = "eventbrite",
        days: float = 10,
        sold: int = 0,
        fresh: bool = True,
        **event: Any,
    ) -> Listing:
        """A listing `days` from now with `sold` tickets sold at 30.00, one per order; its show comes by matching."""
        account = self.accounts[platform]
        event_id = f"event-{next(_numbers)}"
        starts_at = (self.now + timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        record = make_event(event_id, title=title, starts_at=starts_at, **event)
        with acting_as(self.house.system):
            store.store_catalogue(account, Page(events=(record,)), self.now)
            if fresh:
                store.mark_fresh(account, [event_id, store.WHOLE_ACCOUNT], self.now, swept=True)
        listing = self.listing(event_id)
        self.sell(listing, *(self.order(listing) for _ in range(sold)))
        return listing

    def order(self, listing: Listing, **ticket: Any) -> Order:
        """An order of one ticket, not stored yet."""
        order_id = f"order-{next(_numbers)}"
        made = make_ticket(f"{order_id}-1", order_id, event_id=listing.event_id, **ticket)
        made = replace(made, currency=listing.currency)
        return make_order(order_id, [made], event_id=listing.event_id, currency=listing.currency)

    def sell(self, listing: Listing, *orders: Order) -> None:
        """Stores orders as read now."""
        account = AccountKey(self.organisation_id, listing.account_id)
        with acting_as(self.house.system):
            store.store_page(account, Page(orders=orders), self.now)

    def fail(self, listing: Listing, error: PlatformError) -> None:
        """The listing's event could not be read."""
        account = AccountKey(self.organisation_id, listing.account_id)
        with acting_as(self.house.system):
            store.mark_failing(account, [listing.event_id], error, self.now)

    def listing(self, event_id: str) -> Listing:
        """The listing as it stands, with its show and account."""
        with acting_as(self.house.system):
            return Listing.objects.select_related("show", "account").get(
                organisation_id=self.organisation_id, event_id=event_id
            )

    def show(self, show_id: UUID) -> Show:
        """The show as it stands."""
        with acting_as(self.house.system):
            return Show.objects.get(organisation_id=self.organisation_id, pk=show_id)

    def bill(self, show_id: UUID, act: Person) -> None:
        """Puts an act on the bill."""
        with acting_as(self.house.system):
            Appearance.objects.create(
                organisation_id=self.organisation_id, show_id=show_id, membership=act.membership
            )

    def document(self, show_id: UUID | None = None) -> dict[str, Any]:
        """The sales document, as the commands give it."""
        with acting_as(self.house.system):
            return sales_document(self.organisation_id, self.house.organisation.slug, self.now, show_id)


class Look(HTMLParser):
    """A page that was read strictly: elements closed in order, ids once, nothing inline that is forbidden."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.labels: set[str] = set()
        self.controls: list[dict[str, str | None]] = []
        self.headings: list[str] = []
        self.pieces: list[str] = []
        self.faults: list[str] = []
        self.feed(html)
        self.close()
        if self.open:
            self.faults.append(f"never closed: {self.open}")

    @property
    def text(self) -> str:
        """The words on the page, with single spaces."""
        return " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag not in _VOID:
            self.open.append(tag)
        if tag in {"h1", "h2", "h3", "h4"}:
            self.headings.append(tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").startswith("javascript:"):
                self.faults.append(f"<{tag} {name}> would be blocked")
        if tag in {"style", "script"} and "src" not in found and found.get("type") != "application/json":
            self.faults.append(f"inline <{tag}>")
        if (id_ := found.get("id")) is not None:
            if id_ in self.ids:
                self.faults.append(f"id {id_} twice")
            self.ids.add(id_)
        if tag == "a":
            self.links.append(found.get("href") or "")
        if tag == "label":
            self.labels.add(found.get("for") or "")
        if tag in {"input", "select", "textarea"} and found.get("type") != "hidden":
            self.controls.append(found)
        for reference in (found.get("aria-labelledby") or "").split():
            self.pieces.append("")
            self.links.append(f"#{reference}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open[-1] != tag:
            self.faults.append(f"</{tag}> closes {self.open[-3:]}")
        else:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)

    def check(self) -> None:
        """Fails with everything that is wrong with the page."""
        faults = list(self.faults)
        faults += [
            f"no such id: {link}" for link in self.links if link.startswith("#") and link[1:] not in self.ids
        ]
        faults += [
            f"a field without a label: {control}"
            for control in self.controls
            if control.get("id") not in self.labels and "aria-label" not in control
        ]
        if self.headings.count("h1") != 1 or self.headings[0] != "h1":
            faults.append(f"headings: {self.headings}")
        levels = [int(heading[1]) for heading in self.headings]
        faults += [f"h{a} then h{b}" for a, b in itertools.pairwise(levels) if b > a + 1]
        assert not faults, "\n".join(faults)


def look(person: Person, path: str, status: int = 200) -> Look:
    """The page at `path` as `person` sees it, checked."""
    response = person.signed_in().get(path)
    assert response.status_code == status, f"{path}: {response.status_code}"
    page = Look(response.content.decode())
    page.check()
    return page


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """A moment."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
