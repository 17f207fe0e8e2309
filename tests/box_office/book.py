"""An account's ledger with one event, to which tests feed records as a read would."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import msgspec

from housecount.box_office import catalogue, ledger, rebuild
from housecount.box_office.ledger import AccountKey, Stored
from housecount.box_office.models import ListingTotal, SalesEntry
from housecount.box_office.rebuild import Difference
from housecount.core.counting import Figures
from housecount.platforms.base.records import Order, Ticket
from housecount.platforms.base.source import TicketSource
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_event, make_organisation

NOW = datetime(2026, 4, 1, tzinfo=UTC)


class Restoring:
    """The one thing of a platform that a rebuild needs, for records made by `tests.factories`."""

    def restore(self, kind: str, raw: bytes) -> Order | Ticket:
        record: Order | Ticket
        record = msgspec.json.decode(raw, type=Order if kind == "order" else Ticket)
        return msgspec.structs.replace(record, raw=raw)


class Book:
    """One account's ledger, with one event `e1` of the given sessions."""

    def __init__(self, *sessions: str, organisation_id: UUID | None = None) -> None:
        organisation_id = organisation_id or make_organisation()
        self.key = AccountKey(organisation_id, make_account(organisation_id))
        self.identity = Identity.system(organisation_id)
        self.clock = NOW
        with acting_as(self.identity):
            catalogue.store_events(self.key, [make_event(sessions=sessions or ("",))], NOW)
            self.listings = catalogue.listing_index(self.key, ["e1"])

    def read(self, *orders: Order, tickets: Iterable[Ticket] = ()) -> Stored:
        self.clock += timedelta(minutes=1)
        with acting_as(self.identity):
            return ledger.store_records(
                self.key,
                orders,
                list(tickets),
                listing_of=self.listing_of,
                buyer_hash=lambda key: key.encode(),
                read_at=self.clock,
            )

    def gone(self, orders: Iterable[str], tickets: Mapping[str, str]) -> Stored:
        self.clock += timedelta(minutes=1)
        with acting_as(self.identity):
            return ledger.mark_gone(self.key, orders, tickets, self.clock)

    def listing_of(self, event_id: str, session_id: str) -> UUID:
        return self.listings[event_id, session_id][0]

    def total(self, session: str = "") -> Figures:
        with acting_as(self.identity):
            row = ListingTotal.objects.filter(listing_id=self.listing_of("e1", session)).first()
            return Figures(*(getattr(row, name) for name in Figures._fields)) if row else Figures()

    def entries(self) -> list[SalesEntry]:
        with acting_as(self.identity):
            mine = SalesEntry.objects.filter(
                organisation_id=self.key.organisation_id, account_id=self.key.account_id
            )
            return list(mine.order_by("sequence"))

    def known(self) -> tuple[set[str], dict[str, str]]:
        """Orders, and tickets with their order, that are not gone."""
        from housecount.sync import store

        with acting_as(self.identity):
            return store.order_ids(self.key, "e1"), store.missing_tickets(self.key, "e1", ())

    def sums_hold(self) -> bool:
        with acting_as(self.identity):
            return not list(rebuild.check_sums(self.key))

    def differences(self) -> list[Difference]:
        """What a rebuild from the raw records finds."""
        with acting_as(self.identity):
            return list(rebuild.compare(self.key, cast("TicketSource", Restoring())))

    def states(self) -> dict[str, Any]:
        """Every order with its tickets, without when they were read."""
        orders, tickets = self.known()
        with acting_as(self.identity):
            loaded = ledger.load_orders(self.key, orders | set(tickets.values()))
        return {
            key: (
                state.order and state.order._replace(read_at=NOW, record_hash=b"", listing_id=UUID(int=0)),
                {
                    name: ticket._replace(read_at=NOW, record_hash=b"")
                    for name, ticket in state.tickets.items()
                },
            )
            for key, state in loaded.items()
        }
