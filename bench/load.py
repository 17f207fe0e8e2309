"""How quickly orders come into the ledger, beside a raw load of the same rows."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any
from uuid import UUID

from bench import ground, orders
from bench.raw import RawLoader, Rows
from bench.report import Line
from housecount.platforms.base.records import Order, Page

_EVENTS = 60
#: What stands for orders and tickets, and what the ledger writes besides.
_READ = ("box_office_raw_record", "box_office_order", "box_office_ticket")
_READ_AT = datetime(2026, 11, 1, tzinfo=UTC)


def run(*, quick: bool) -> list[Line]:
    """Pages of 50, 100 and 1,000 orders; each figure the median of several alternating runs."""
    amounts = {100: 1_500} if quick else {50: 2_000, 100: 4_000, 1_000: 4_000}
    return [line for size, count in amounts.items() for line in _measure(count, size, 3)]


def _measure(count: int, page_size: int, rounds: int) -> list[Line]:
    events = orders.event_ids(_EVENTS)
    answers = list(orders.pages(events, count, page_size))
    pages = [orders.neutral(answer) for answer in answers]
    records = sum(1 + len(order.tickets or ()) for page in pages for order in page)
    loader = RawLoader(ground.superuser_url(), _all_tables())
    seconds: dict[str, list[float]] = {
        name: [] for name in ("ledger", "again", "page", "json", "raw", "raw_all")
    }
    for _ in range(rounds):
        first = _Book(events)
        seconds["ledger"].append(first.store(pages))
        seconds["again"].append(first.store(pages))
        rows = first.rows(pages)
        seconds["raw"].append(loader.seconds([_only(page, _READ) for page in _elsewhere(rows)]))
        seconds["page"].append(_Book(events).store(pages, whole=True))
        seconds["raw_all"].append(loader.seconds(_elsewhere(rows)))
        seconds["json"].append(_Book(events).read(answers))
    loader.close()
    took = {name: median(values) for name, values in seconds.items()}
    title = f"{page_size:,} orders a page"

    def line(
        what: str, name: str, ratio: float | None = None, told: str = "", goal: float | None = None
    ) -> Line:
        return Line("load", f"{what}, {title}", records / took[name], "records/s", ratio, told, goal)

    return [
        line("raw COPY + upsert: raw, order and ticket rows", "raw"),
        line("raw COPY + upsert: every row the ledger writes", "raw_all"),
        line("ledger, first load", "ledger", took["raw_all"] / took["ledger"], "of raw, all rows", 0.5),
        line("ledger, first load", "ledger", took["raw"] / took["ledger"], "of raw, without entries"),
        line("ledger, unchanged again", "again", took["ledger"] / took["again"], "times the first", 5.0),
        line("reader's page, first load", "page", took["raw_all"] / took["page"], "of raw, all rows"),
        line("from JSON, first load", "json", took["raw_all"] / took["json"], "of raw, all rows"),
    ]


class _Book:
    """A new organisation with one account, whose ledger is empty."""

    def __init__(self, events: Sequence[str]) -> None:
        from housecount.box_office import catalogue
        from housecount.box_office.ledger import AccountKey
        from housecount.tenancy.identity import Identity, acting_as

        self.organisation_id, _ = ground.make_organisation()
        self.account = AccountKey(self.organisation_id, ground.make_account(self.organisation_id))
        self.identity = Identity.system(self.organisation_id)
        ground.make_shows(*self.account, list(events))
        with acting_as(self.identity):
            index = catalogue.listing_index(self.account, events)
        self.listings = {key: listing_id for key, (listing_id, _) in index.items()}

    def store(self, pages: Sequence[Sequence[Order]], *, whole: bool = False) -> float:
        """Seconds to store `pages`, one transaction each; `whole`: with what the reader does around it."""
        write = self._store_page if whole else self._store_records
        return _timed(write, pages)

    def read(self, answers: Sequence[bytes]) -> float:
        """Seconds to decode, map and store answers of the platform, one transaction each."""
        return _timed(lambda answer: self._store_records(orders.neutral(answer)), answers)

    def _store_records(self, page: Sequence[Order]) -> None:
        from housecount.box_office import ledger
        from housecount.tenancy.crypto import keyed_hash
        from housecount.tenancy.identity import acting_as

        with acting_as(self.identity):
            ledger.store_records(
                self.account,
                page,
                (),
                listing_of=lambda event_id, session_id: self.listings[event_id, session_id],
                buyer_hash=lambda key: keyed_hash(key, self.organisation_id) if key else b"",
                read_at=_READ_AT,
            )

    def _store_page(self, page: Sequence[Order]) -> None:
        from housecount.sync import store
        from housecount.tenancy.identity import acting_as

        with acting_as(self.identity):
            store.store_page(self.account, Page(orders=tuple(page)), _READ_AT)

    def rows(self, pages: Sequence[Sequence[Order]]) -> list[dict[str, list[tuple[Any, ...]]]]:
        """What the ledger holds after `pages` were stored, page by page."""
        from housecount.tenancy.identity import acting_as

        with acting_as(self.identity):
            by_order = {table.name: _by_order(table, self.account) for table in _all_tables()}
        return [
            {
                name: [row for order in page for row in rows.get(order.external_id, ())]
                for name, rows in by_order.items()
            }
            for page in pages
        ]


def _timed(work: Callable[[Any], None], pages: Sequence[Any]) -> float:
    started = time.perf_counter()
    for page in pages:
        work(page)
    return time.perf_counter() - started


def _all_tables() -> list[Any]:
    from housecount.box_office import tables

    return [tables.RAW_RECORDS, tables.ORDERS, tables.TICKETS, tables.ENTRIES]


def _by_order(table: Any, account: tuple[UUID, UUID]) -> Mapping[str, list[tuple[Any, ...]]]:
    from housecount.box_office import bulk

    key = "external_id" if table.name == "box_office_order" else "order_id"
    place = list(table.columns).index(key)
    found: dict[str, list[tuple[Any, ...]]] = {}
    for row in bulk.fetch(
        f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE organisation_id = %s AND account_id = %s",
        list(account),
    ):
        found.setdefault(row[place], []).append(row)
    return found


def _elsewhere(pages: Sequence[Mapping[str, Rows]]) -> list[dict[str, Rows]]:
    """The same rows for an organisation that has none yet."""
    organisation_id, _ = ground.make_organisation()
    return [
        {name: [(organisation_id, *row[1:]) for row in rows] for name, rows in page.items()} for page in pages
    ]


def _only(page: Mapping[str, Rows], names: Sequence[str]) -> dict[str, Rows]:
    return {name: rows if name in names else () for name, rows in page.items()}
