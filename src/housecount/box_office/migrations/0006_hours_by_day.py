"""Orders by the hour of the day become columns of the sums by day: one row to write where there were two, and the hours
of a room or a run without a look at each of its orders."""

from importlib import import_module

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

from housecount.tenancy.walls import DECLARATIONS

_before = import_module("housecount.box_office.migrations.0004_rollups")

NAMES = _before.NAMES
HOURS = tuple(f"placed_{hour:02}" for hour in range(24))
COLUMNS = ", ".join([*NAMES, *HOURS])
_PLACED = "nullif(sum(e.orders) FILTER (WHERE e.hour = {}), 0)::integer"
SUMS = ", ".join(
    [*(f"sum(e.{name})::bigint" for name in NAMES), *(_PLACED.format(hour) for hour in range(24))]
)
SIGNED_SUMS = ", ".join(
    [
        *(f"(sign * sum(e.{name}))::bigint" for name in NAMES),
        *(f"(sign * {_PLACED.format(hour)})::integer" for hour in range(24)),
    ]
)
NAMED_SUMS = ", ".join(
    [
        *(f"sum(e.{name})::bigint AS {name}" for name in NAMES),
        *(f"{_PLACED.format(hour)} AS {name}" for hour, name in enumerate(HOURS)),
    ]
)
SUMS_OF_SUMS = ", ".join(
    [*(f"sum(e.{name})::bigint" for name in NAMES), *(f"sum(e.{name})::integer" for name in HOURS)]
)
ADDED = ", ".join(
    [
        *(f"{name} = t.{name} + excluded.{name}" for name in NAMES),
        *(f"{name} = coalesce(t.{name} + excluded.{name}, t.{name}, excluded.{name})" for name in HOURS),
    ]
)
#: An entry on the clock of its listing: its own columns, `day`, and `hour` where it stands for an order.
ON_THE_CLOCK = f"""
    SELECT organisation_id, account_id, listing_id, currency, there, {", ".join(NAMES)}, local::date AS day,
           CASE WHEN orders <> 0 THEN date_part('hour', local)::integer END AS hour"""

KEEP = f"""
CREATE OR REPLACE FUNCTION app.roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH placed AS MATERIALIZED (
        SELECT l.organisation_id, l.id, app.known_zone(l.timezone) AS zone, l.gone_at IS NULL AS there
          FROM box_office_listing l
         WHERE (l.organisation_id, l.id) IN (SELECT DISTINCT e.organisation_id, e.listing_id FROM added e)),
    days AS MATERIALIZED (
        SELECT e.organisation_id, e.account_id, e.listing_id, e.day, e.currency, e.there, {NAMED_SUMS}
          FROM ({ON_THE_CLOCK}
                  FROM (SELECT a.*, p.there, a.happened_at AT TIME ZONE p.zone AS local
                          FROM added a JOIN placed p ON p.organisation_id = a.organisation_id AND p.id = a.listing_id
                       ) timed) e
         GROUP BY 1, 2, 3, 4, 5, 6),
    by_listing AS (
        INSERT INTO box_office_daily_total AS t (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT organisation_id, listing_id, day, currency, {COLUMNS} FROM days
        {_before.BY_LISTING} {ADDED})
    INSERT INTO box_office_account_daily_total AS t (organisation_id, account_id, day, currency, {COLUMNS})
    SELECT e.organisation_id, e.account_id, e.day, e.currency, {SUMS_OF_SUMS} FROM days e WHERE e.there
     GROUP BY 1, 2, 3, 4
    {_before.BY_ACCOUNT} {ADDED};
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION app.add_to_account(organisation uuid, listing uuid, zone text, sign integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE known text := app.known_zone(zone);
BEGIN
    INSERT INTO box_office_account_daily_total AS t (organisation_id, account_id, day, currency, {COLUMNS})
    SELECT e.organisation_id, e.account_id, e.day, e.currency, {SIGNED_SUMS}
      FROM ({ON_THE_CLOCK}
              FROM (SELECT a.*, true AS there, a.happened_at AT TIME ZONE known AS local FROM box_office_sales_entry a
                     WHERE a.organisation_id = organisation AND a.listing_id = listing) timed) e
     GROUP BY 1, 2, 3, 4
    {_before.BY_ACCOUNT} {ADDED};
END $$;

CREATE OR REPLACE FUNCTION app.roll_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The ledger's own lock: no entry of this account is on its way that we do not see and that does not see us.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.account_id::text, 1));
    IF OLD.gone_at IS NULL THEN
        PERFORM app.add_to_account(OLD.organisation_id, OLD.id, OLD.timezone, -1);
    END IF;
    IF NEW.gone_at IS NULL THEN
        PERFORM app.add_to_account(NEW.organisation_id, NEW.id, NEW.timezone, 1);
    END IF;
    IF NEW.timezone <> OLD.timezone THEN
        DELETE FROM box_office_daily_total
         WHERE organisation_id = OLD.organisation_id AND listing_id = OLD.id;
        INSERT INTO box_office_daily_total (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT e.organisation_id, e.listing_id, e.day, e.currency, {SUMS}
          FROM ({ON_THE_CLOCK}
                  FROM (SELECT a.*, true AS there, a.happened_at AT TIME ZONE z.known AS local
                          FROM (SELECT app.known_zone(NEW.timezone) AS known OFFSET 0) z, box_office_sales_entry a
                         WHERE a.organisation_id = NEW.organisation_id AND a.listing_id = NEW.id) timed) e
         GROUP BY 1, 2, 3, 4;
    END IF;
    RETURN NULL;
END $$;

-- OFFSET 0: each listing's zone is looked up once. No nested loops: right after many entries were added the server does
-- not know how many there are, and would go through all listings for each of them.
CREATE OR REPLACE FUNCTION app.roll_up_again(organisation uuid, account uuid) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = off AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 1));
    DELETE FROM box_office_daily_total WHERE organisation_id = organisation AND listing_id IN (
        SELECT l.id FROM box_office_listing l WHERE l.organisation_id = organisation AND l.account_id = account);
    DELETE FROM box_office_account_daily_total WHERE organisation_id = organisation AND account_id = account;
    WITH days AS MATERIALIZED (
        SELECT e.listing_id, e.day, e.currency, e.there, {NAMED_SUMS}
          FROM ({ON_THE_CLOCK}
                  FROM (SELECT a.*, l.there, a.happened_at AT TIME ZONE l.zone AS local
                          FROM box_office_sales_entry a
                          JOIN (SELECT id, app.known_zone(timezone) AS zone, gone_at IS NULL AS there
                                  FROM box_office_listing
                                 WHERE organisation_id = organisation AND account_id = account OFFSET 0) l
                            ON l.id = a.listing_id
                         WHERE a.organisation_id = organisation AND a.account_id = account) timed) e
         GROUP BY 1, 2, 3, 4),
    by_listing AS (
        INSERT INTO box_office_daily_total (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT organisation, e.listing_id, e.day, e.currency, {COLUMNS} FROM days e)
    INSERT INTO box_office_account_daily_total (organisation_id, account_id, day, currency, {COLUMNS})
    SELECT organisation, account, e.day, e.currency, {SUMS_OF_SUMS} FROM days e WHERE e.there GROUP BY 3, 4;
END $$;
"""  # noqa: S608 - no value from outside


def _columns(model: str) -> list[Operation]:
    return [migrations.AddField(model, name, models.IntegerField(null=True)) for name in HOURS]


class Migration(migrations.Migration):
    dependencies = [("box_office", "0005_fill_rollups")]

    operations = [
        *_columns("dailytotal"),
        *_columns("accountdailytotal"),
        migrations.RunSQL(KEEP),
        migrations.DeleteModel("HourlyTotal"),
    ]


DECLARATIONS.pop("box_office_hourly_total", None)
