"""Years of shows with their sales, as the ledger has them, made inside the database."""

from datetime import datetime
from uuid import UUID

import psycopg

from bench import ground

#: As many tickets to a show as a room of its size sells.
TICKETS_PER_SHOW = 286
#: Shows follow each other so closely: 7,000 in four years.
_APART = "5 hours"
_VENUES = 12
_PLATFORMS = ("eventbrite", "humanitix", "trybooking")

_SHOWS = """
INSERT INTO box_office_venue (id, organisation_id, name, city, country, timezone)
    SELECT gen_random_uuid(), %(organisation)s, 'Room ' || n, 'Melbourne', 'AU', 'Australia/Melbourne'
      FROM generate_series(1, %(venues)s) AS n;
CREATE TEMPORARY TABLE made AS
    SELECT n, gen_random_uuid() AS show_id, venue.id AS venue_id, venue.name,
           -- The last of them are still to come.
           date_trunc('hour', %(now)s + interval '60 days' - (%(shows)s - n) * interval %(apart)s) AS starts_at
      FROM generate_series(1, %(shows)s) AS n
      JOIN (SELECT id, name, row_number() OVER (ORDER BY name) - 1 AS place FROM box_office_venue
             WHERE organisation_id = %(organisation)s) venue ON venue.place = n %% %(venues)s;
INSERT INTO box_office_show (
        id, organisation_id, title, venue_id, room, starts_at, capacity, currency, cancelled, created_at)
    SELECT show_id, %(organisation)s, to_char(starts_at, 'FMDay') || ' laughs', venue_id, '', starts_at, 320, 'AUD',
           false, %(now)s
      FROM made;
INSERT INTO box_office_listing (
        id, organisation_id, account_id, event_id, session_id, region, title, venue_name, venue_city, venue_country,
        timezone, starts_at, ends_at, currency, capacity, url, state, cancelled, record_hash, show_id, linked_by,
        reasons, created_at)
    SELECT gen_random_uuid(), %(organisation)s, account, (700000000 + n)::text, '', '',
           to_char(starts_at, 'FMDay') || ' laughs', name, 'Melbourne', 'AU', 'Australia/Melbourne', starts_at,
           starts_at + interval '2 hours', 'AUD', 320, '', 'live', false, '', show_id, 'machine', '[]', %(now)s
      FROM made, unnest(%(accounts)s::uuid[]) AS account;
INSERT INTO sync_freshness (organisation_id, account_id, event_id, as_of, swept_at, reason_code, reason)
    SELECT %(organisation)s, account, event_id, %(now)s, %(now)s, '', ''
      FROM unnest(%(accounts)s::uuid[]) AS account
     CROSS JOIN (SELECT '' AS event_id UNION ALL SELECT (700000000 + n)::text FROM made) AS events;
INSERT INTO sync_agenda (organisation_id, account_id, event_id, next_at, every, why, sweep_at)
    SELECT %(organisation)s, account, event_id, %(now)s + interval '1 hour', 600, 'soon',
           CASE event_id WHEN '' THEN %(now)s + interval '1 day' END
      FROM unnest(%(accounts)s::uuid[]) AS account
     CROSS JOIN (SELECT '' AS event_id UNION ALL SELECT (700000000 + n)::text FROM made WHERE starts_at > %(now)s)
           AS events;
"""
# Two tickets to an order; sales grow towards the evening of the show, and what would be sold later is not yet. In the
# order of time, as they came in: then they lie in the tables, and in their indexes, as they would.
_SALES = """
CREATE TEMPORARY TABLE placed AS
    SELECT to_char(row_number() OVER (ORDER BY at), 'FM000000000') AS number, l.account_id,
           l.id AS listing_id, l.event_id, at, n %% 25 = 0 AS refunded
      FROM box_office_listing l
     CROSS JOIN generate_series(1, %(orders_per_listing)s) AS n
     CROSS JOIN LATERAL (
        SELECT l.starts_at - interval '60 days'
                 * power((hashint8(n * 7919 + hashtext(l.event_id)) & 65535) / 65536.0, 3) AS at) AS moment
     WHERE l.organisation_id = %(organisation)s AND at < %(now)s;
ANALYZE placed;
INSERT INTO box_office_order (
        organisation_id, account_id, external_id, listing_id, event_id, session_id, status, channel, currency,
        completed, nothing_paid, gone, own_gross, own_discounts, own_refunds, own_absorbed_fees,
        own_passed_on_fees, own_tax, own_rebates, own_extras, placed_at, changed_at, read_at, record_hash, buyer_hash,
        orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax, rebates, extras)
    SELECT %(organisation)s, account_id, number, listing_id, event_id, '', 'placed', 'online', 'AUD', true,
           false, false, 0, 0, 0, 0, 0, 0, 0, 0, at, at, at, convert_to(number, 'UTF8'), convert_to(number, 'UTF8'),
           1, CASE WHEN refunded THEN 0 ELSE 2 END, 0, CASE WHEN refunded THEN 2 ELSE 0 END,
           CASE WHEN refunded THEN 0 ELSE 6000 END, 0, CASE WHEN refunded THEN 6000 ELSE 0 END, 200, 300, 0, 0, 0
      FROM placed ORDER BY number;
INSERT INTO box_office_ticket (
        organisation_id, account_id, external_id, order_id, event_id, session_id, type_id, type_name, currency,
        category, validity, paid, gone, gross, peak_gross, absorbed_fees, passed_on_fees, tax, in_order,
        created_at, changed_at, read_at, record_hash)
    SELECT %(organisation)s, account_id, number || 't' || t, number, event_id, '', event_id || '1',
           'General admission', 'AUD', 'admission', CASE WHEN refunded THEN 'refunded' ELSE 'valid' END, true, false,
           3000, 3000, 100, 150, 0, 0, at, at, at, ''
      FROM placed, generate_series(1, 2) AS t ORDER BY number;
INSERT INTO box_office_sales_entry (
        organisation_id, sequence, account_id, listing_id, order_id, ticket_id, kind, net, currency, happened_at,
        seen_at, orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax,
        rebates, extras)
    SELECT %(organisation)s, row_number() OVER (ORDER BY happened_at), account_id, listing_id, number,
           CASE WHEN part > 0 THEN number || 't' || part ELSE '' END, kind, gross - absorbed, 'AUD', happened_at,
           happened_at, orders, sold, 0, cancelled, gross, 0, refunds, absorbed, passed_on, 0, 0, 0
      FROM (
        SELECT account_id, listing_id, number, 0 AS part, 'sale' AS kind, at AS happened_at, 1 AS orders, 0 AS sold,
               0 AS cancelled, 0 AS gross, 0 AS refunds, 0 AS absorbed, 0 AS passed_on
          FROM placed
        UNION ALL SELECT account_id, listing_id, number, t, 'sale', at, 0, 1, 0, 3000, 0, 100, 150
                    FROM placed, generate_series(1, 2) AS t
        UNION ALL SELECT account_id, listing_id, number, t, 'refund', at + interval '1 hour', 0, -1, 1, -3000, 3000, 0,
                         0
                    FROM placed, generate_series(1, 2) AS t WHERE refunded) AS lines;
INSERT INTO box_office_listing_total (
        organisation_id, listing_id, currency,
        orders, sold, comps, cancelled, gross, discounts, refunds, absorbed_fees, passed_on_fees, tax, rebates, extras)
    SELECT organisation_id, listing_id, currency, sum(orders), sum(sold), 0, sum(cancelled), sum(gross), 0,
           sum(refunds), sum(absorbed_fees), sum(passed_on_fees), 0, 0, 0
      FROM box_office_sales_entry WHERE organisation_id = %(organisation)s GROUP BY 1, 2, 3;
INSERT INTO box_office_ledger_sequence (organisation_id, last)
    SELECT %(organisation)s, max(sequence) FROM box_office_sales_entry WHERE organisation_id = %(organisation)s;
DROP TABLE made, placed;
"""


def organisation(tickets: int, now: datetime) -> UUID:
    """A new organisation with three platforms and twelve rooms, that sold about so many tickets by `now`; those of its
    shows that are to come are sold in part."""
    organisation_id, _ = ground.make_organisation()
    accounts = [ground.make_account(organisation_id, platform) for platform in _PLATFORMS]
    values = {
        "organisation": organisation_id,
        "accounts": accounts,
        "venues": _VENUES,
        "shows": max(tickets // TICKETS_PER_SHOW, 1),
        "apart": _APART,
        "orders_per_listing": TICKETS_PER_SHOW // len(_PLATFORMS) // 2 + 1,
        "now": now,
    }
    with psycopg.connect(ground.superuser_url()) as connection, psycopg.ClientCursor(connection) as cursor:
        # Past the triggers of whoever follows changes: nobody follows these. The sums are written as an upgrade does,
        # by a server that knows what is in its tables.
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute(_SHOWS.encode(), values)
        cursor.execute(b"ANALYZE box_office_listing")
        cursor.execute(_SALES.encode(), values)
        cursor.execute(b"ANALYZE box_office_sales_entry")
        for account in accounts:
            cursor.execute("SELECT app.roll_up_again(%s, %s)", [organisation_id, account])
            cursor.execute("SELECT app.sum_venues(%s, %s)", [organisation_id, account])
    with psycopg.connect(ground.superuser_url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return organisation_id
