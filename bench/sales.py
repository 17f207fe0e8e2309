"""How long the count takes as the ledger grows: the same shows, ever more tickets sold."""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from uuid import UUID

import psycopg

from bench import ground, orders
from bench.report import Line

_SHOWS = 120
_CALLS = 20
_TICKETS_PER_ORDER = 2
_MOST_TIMES = 1.5

# Rows as the ledger writes them, made inside the database: nobody waits for two million to come through a socket.
_FILL = """
CREATE TEMPORARY TABLE shows ON COMMIT DROP AS
    SELECT row_number() OVER (ORDER BY starts_at) - 1 AS place, id, event_id FROM box_office_listing
     WHERE organisation_id = %(organisation)s;
INSERT INTO box_office_order (
        organisation_id, account_id, external_id, listing_id, event_id, session_id, status, channel, currency,
        completed, nothing_paid, gone, own_gross, own_discounts, own_refunds, own_absorbed_fees,
        own_passed_on_fees, own_tax, own_rebates, own_extras, placed_at, changed_at, read_at, record_hash, buyer_hash,
        orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax, rebates, extras)
    SELECT %(organisation)s, %(account)s, (1000000000 + n)::text, shows.id, shows.event_id, '', 'placed', 'online',
           'AUD', true, false, false, 0, 0, 0, 0, 0, 0, 0, 0, at, at, at, int8send(n), int8send(n),
           1, %(per_order)s, 0, 0, 3000 * %(per_order)s, 0, 0, 0, 150 * %(per_order)s, 0, 0, 0
      FROM generate_series(1, %(orders)s::bigint) AS n
      JOIN shows ON shows.place = n %% %(shows)s
     CROSS JOIN LATERAL (SELECT %(start)s + n * interval '3 seconds' AS at) AS moment;
INSERT INTO box_office_ticket (
        organisation_id, account_id, external_id, order_id, event_id, session_id, type_id, type_name, currency,
        category, validity, paid, gone, gross, peak_gross, absorbed_fees, passed_on_fees, tax, in_order,
        created_at, changed_at, read_at, record_hash)
    SELECT organisation_id, account_id, external_id || 't' || t, external_id, event_id, '', event_id || '1',
           'General admission', currency, 'admission', 'valid', true, false, 3000, 3000, 0, 150, 0, 0,
           placed_at, placed_at, placed_at, ''
      FROM box_office_order, generate_series(1, %(per_order)s) AS t WHERE organisation_id = %(organisation)s;
INSERT INTO box_office_sales_entry (
        organisation_id, sequence, account_id, listing_id, order_id, ticket_id, kind, net, currency, happened_at,
        seen_at, orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax,
        rebates, extras)
    SELECT %(organisation)s, n * (%(per_order)s + 1) + t, %(account)s, shows.id, (1000000000 + n)::text,
           CASE WHEN t = 0 THEN '' ELSE (1000000000 + n)::text || 't' || t END, 'sale', (t > 0)::int * 3000, 'AUD',
           at, at, (t = 0)::int, (t > 0)::int, 0, 0, (t > 0)::int * 3000, 0, 0, 0, (t > 0)::int * 150, 0, 0, 0
      FROM generate_series(1, %(orders)s::bigint) AS n
      JOIN shows ON shows.place = n %% %(shows)s
     CROSS JOIN generate_series(0, %(per_order)s) AS t
     CROSS JOIN LATERAL (SELECT %(start)s + n * interval '3 seconds' AS at) AS moment;
INSERT INTO box_office_listing_total (
        organisation_id, listing_id, currency,
        orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax, rebates, extras)
    SELECT organisation_id, listing_id, currency, count(*), sum(sold), 0, 0, sum(gross), 0, 0, 0, sum(passed_on_fees),
           0, 0, 0
      FROM box_office_order WHERE organisation_id = %(organisation)s GROUP BY organisation_id, listing_id, currency;
"""
_TABLES = ("order", "ticket", "sales_entry", "listing_total")


def run(*, quick: bool) -> list[Line]:
    """One organisation of each size, asked in turn, so that whatever else the machine does hits all alike."""
    sizes = (10_000, 50_000) if quick else (10_000, 200_000, 2_000_000)
    questions = {size: _questions(_organisation(size)) for size in sizes}
    took: dict[tuple[str, int], list[float]] = {}
    for _ in range(_CALLS):
        for size in sizes:
            for what, ask in questions[size].items():
                started = time.perf_counter()
                ask()
                took.setdefault((what, size), []).append((time.perf_counter() - started) * 1000)
    lines = []
    for (what, size), values in sorted(took.items()):
        lines.append(
            Line(
                "sales", f"{what}, {_SHOWS} shows, {size:,} tickets", median(values), "ms",
                median(values) / median(took[what, sizes[0]]), f"times that at {sizes[0]:,}",
                None if size == sizes[0] else _MOST_TIMES, at_most=True,
            )
        )  # fmt: skip
    return lines


def _organisation(tickets: int) -> UUID:
    """A new organisation whose shows sold so many."""
    organisation_id, _ = ground.make_organisation()
    account_id = ground.make_account(organisation_id)
    ground.make_shows(organisation_id, account_id, orders.event_ids(_SHOWS))
    _fill(organisation_id, account_id, tickets)
    return organisation_id


def _fill(organisation_id: UUID, account_id: UUID, tickets: int) -> None:
    values = {
        "organisation": organisation_id,
        "account": account_id,
        "orders": tickets // _TICKETS_PER_ORDER,
        "per_order": _TICKETS_PER_ORDER,
        "shows": _SHOWS,
        "start": ground.FIRST_SHOW - timedelta(days=80),
    }
    with psycopg.connect(ground.superuser_url()) as connection, psycopg.ClientCursor(connection) as cursor:
        cursor.execute(_FILL, values)
    with psycopg.connect(ground.superuser_url(), autocommit=True) as connection:
        for table in _TABLES:
            connection.execute(f"ANALYZE box_office_{table}".encode())


def _questions(organisation_id: UUID) -> dict[str, Callable[[], object]]:
    """What people ask for, by name; each call in a transaction of its own."""
    from housecount.box_office.models import Listing
    from housecount.sync.queries import count_shows, sales_document
    from housecount.tenancy.identity import Identity, acting_as

    now = ground.FIRST_SHOW
    identity = Identity.system(organisation_id)
    with acting_as(identity):
        show_id = Listing.objects.filter(organisation_id=organisation_id).values_list("show_id", flat=True)[0]

    def asked(question: Callable[[], object]) -> Callable[[], object]:
        def ask() -> object:
            with acting_as(identity):
                return question()

        return ask

    return {
        "all shows as a document": asked(lambda: sales_document(organisation_id, "bench", now)),
        "all shows": asked(lambda: count_shows(organisation_id, now)),
        "one show": asked(lambda: count_shows(organisation_id, now, [show_id])),
    }
