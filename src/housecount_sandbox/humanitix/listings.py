"""What hosts put up on Humanitix: accounts, listings, dates, ticket types and packages, and their changes."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from housecount_sandbox.clock import whole_millis
from housecount_sandbox.humanitix.model import (
    Account,
    Event,
    EventDate,
    Order,
    Package,
    Tag,
    Ticket,
    TicketType,
)
from housecount_sandbox.stage import ObjectIds, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from housecount_sandbox.venues import Room

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


class Listings:
    """All accounts and listings, and where their orders are kept. Every method that changes something begins a new
    revision."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.accounts: list[Account] = []
        self.events: dict[str, Event] = {}
        self.gone_events: dict[str, Event] = {}
        self.orders: dict[str, Order] = {}
        self.tickets: dict[str, Ticket] = {}
        self._random = Random(stage.seed ^ 0x4178)
        self._ids = ObjectIds(stage.seed)

    def add_account(self, name: str, *, home: str = "AU", regions: Sequence[str] = ("AU", "NZ")) -> Account:
        """A promoter's account with an invented key of the right form (96 hex digits)."""
        random = self._random
        account = Account(
            name=name,
            key=f"{random.getrandbits(384):096x}",
            user_id="".join(random.choices(_LETTERS, k=28)),
            organiser_id=self._ids.next(self.stage.now()),
            home=home,
            regions=list(regions),
        )
        self.accounts.append(account)
        return account

    def add_tag(self, account: Account, name: str) -> Tag:
        """A label of the account's own."""
        moment = whole_millis(self.stage.now())
        tag = Tag(self._ids.next(moment), name, moment)
        account.tags.append(tag)
        return tag

    def add_event(
        self,
        account: Account,
        name: str,
        *,
        room: Room | None = None,
        currency: str = "AUD",
        location: str | None = None,
        timezone: str | None = None,
        fee_mode: str = "passed_on",
        tax_rate: int = 0,
        rebate: int = 0,
        published: bool = True,
        total_capacity: int = 0,
        created: datetime | None = None,
        old_style: bool = False,
    ) -> Event:
        """A listing without dates or ticket types. `fee_mode`: passed_on, absorbed or split."""
        made = whole_millis(created or self.stage.now())
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "event"
        event = Event(
            id=self._ids.next(made),
            account=account,
            name=name,
            slug=slug,
            currency=currency,
            timezone=timezone or (room.timezone if room else "Australia/Melbourne"),
            location=location or account.home,
            room=room,
            created=made,
            updated=made,
            fee_mode=fee_mode,
            tax_rate=tax_rate,
            rebate=rebate,
            published=published,
            total_capacity=total_capacity,
            old_style=old_style,
        )
        account.events.append(event)
        self.events[event.id] = event
        self.stage.step()
        return event

    def add_date(
        self, event: Event, start: datetime, *, end: datetime | None = None, show: str | None = None
    ) -> EventDate:
        """One occurrence of the event."""
        identity = self._ids.next(event.created)
        date = EventDate(
            identity,
            whole_millis(start),
            whole_millis(end or start + timedelta(hours=2)),
            show or f"humanitix:{identity}",
        )
        event.dates.append(date)
        self.stage.step()
        return date

    def add_ticket_type(
        self,
        event: Event,
        name: str,
        price: int,
        *,
        quantity: int = 100,
        is_donation: bool = False,
        disabled: bool = False,
        deleted: bool = False,
        hidden: bool = False,
        price_range: tuple[int | None, int | None] | None = None,
        price_options: tuple[int, ...] | None = None,
    ) -> TicketType:
        """Something to sell, `price` in minor units."""
        ticket_type = TicketType(
            self._ids.next(event.created),
            name,
            price,
            quantity,
            is_donation,
            disabled,
            deleted,
            hidden,
            price_range,
            price_options,
        )
        event.ticket_types.append(ticket_type)
        self.stage.step()
        return ticket_type

    def add_package(
        self,
        event: Event,
        name: str,
        price: int,
        contents: Sequence[tuple[TicketType, int]],
        *,
        quantity: int = 50,
        shown: int | None = None,
    ) -> Package:
        """Several tickets at one price. `shown`: the inner quantity the API shows in place of the true one."""
        identity = self._ids.next(event.created)
        package = Package(identity, name, price, quantity, list(contents), shown)
        event.packages.append(package)
        self.stage.step()
        return package

    def delete_date(self, event: Event, date: EventDate) -> None:
        """The date is flagged deleted; it stays in `dates` and keeps its orders."""
        date.deleted = True
        self.touch_event(event)

    def move_date(self, event: Event, date: EventDate, start: datetime) -> None:
        """The occurrence gets another start; its length stays."""
        length = date.end - date.start
        date.start = whole_millis(start)
        date.end = date.start + length
        self.touch_event(event)

    def touch_event(self, event: Event) -> None:
        """The listing changed: its `updatedAt` moves."""
        self.stage.step()
        event.updated = max(whole_millis(self.stage.now()), event.updated + timedelta(milliseconds=1))
