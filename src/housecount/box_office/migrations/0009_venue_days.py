"""What all listings of each venue come to by day, kept by triggers: a room's season without a look at each show.

Which venue an entry counts for is said by its listing and by that one's show. Both are locked while it is added up:
whoever moves one of them waits, and so finds it; or we wait, and see where it moved."""

from importlib import import_module

import django.db.models.deletion
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect

_hours = import_module("housecount.box_office.migrations.0006_hours_by_day")
_days = import_module("housecount.box_office.migrations.0004_rollups")

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
# Whoever may say which show a listing belongs to, and where a show is, changes what venues come to.
SELLERS = (Role.ADMIN, Role.PROMOTER)

COLUMNS, SUMS, SUMS_OF_SUMS, ADDED = _hours.COLUMNS, _hours.SUMS, _hours.SUMS_OF_SUMS, _hours.ADDED
NAMES, HOURS = _hours.NAMES, _hours.HOURS
BY_VENUE = "ON CONFLICT (organisation_id, venue_id, account_id, day, currency) DO UPDATE SET"
#: Everybody writes the rows in one order, so that no two wait for each other.
IN_ORDER = "GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"
SIGNED = ", ".join(
    [
        *(f"(sum(x.sign * d.{name}))::bigint" for name in NAMES),
        *(f"(sum(x.sign * d.{name}))::integer" for name in HOURS),
    ]
)
NOTHING = ", ".join([*("0" for _ in NAMES), *("NULL" for _ in HOURS)])
WRITTEN = ", ".join(f"{name} = excluded.{name}" for name in [*NAMES, *HOURS])

KEEP = f"""
-- The sum of bigint is numeric, and takes long to be bigint again for each of thousands of groups. This one stays
-- bigint; what is too large for it is an error.
CREATE AGGREGATE app.exact_sum(bigint) (SFUNC = int8pl, STYPE = bigint, COMBINEFUNC = int8pl, PARALLEL = SAFE);

-- Puts the days of listings into the sums of venues (sign 1), or takes them out (sign -1).
CREATE FUNCTION app.add_to_venues(organisation uuid, venues uuid[], listings uuid[], signs integer[]) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO box_office_venue_daily_total AS t (organisation_id, venue_id, account_id, day, currency, {COLUMNS})
    SELECT organisation, x.venue, l.account_id, d.day, d.currency, {SIGNED}
      FROM unnest(venues, listings, signs) x(venue, listing, sign)
      JOIN box_office_listing l ON l.organisation_id = organisation AND l.id = x.listing
      JOIN box_office_daily_total d ON d.organisation_id = organisation AND d.listing_id = x.listing
     {IN_ORDER}
    {BY_VENUE} {ADDED}
$$;

-- The venue of a show, which stays where it is until the transaction ends.
CREATE FUNCTION app.held_venue(organisation uuid, show uuid) RETURNS uuid LANGUAGE sql AS $$
    SELECT venue_id FROM box_office_show WHERE organisation_id = organisation AND id = show FOR NO KEY UPDATE
$$;

CREATE OR REPLACE FUNCTION app.roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- First, and by itself: what the next statement sees is where they are then.
    PERFORM FROM box_office_listing l
      WHERE (l.organisation_id, l.id) IN (SELECT DISTINCT e.organisation_id, e.listing_id FROM added e) FOR SHARE;
    WITH placed AS MATERIALIZED (
        SELECT l.organisation_id, l.id, app.known_zone(l.timezone) AS zone, l.gone_at IS NULL AS there, s.venue_id
          FROM box_office_listing l
          JOIN box_office_show s ON s.organisation_id = l.organisation_id AND s.id = l.show_id
         WHERE (l.organisation_id, l.id) IN (SELECT DISTINCT e.organisation_id, e.listing_id FROM added e)
           FOR SHARE OF s),
    days AS MATERIALIZED (
        SELECT e.organisation_id, e.account_id, e.listing_id, e.day, e.currency, e.there, e.venue_id,
               {_hours.NAMED_SUMS}
          FROM ({_hours.ON_THE_CLOCK}, venue_id
                  FROM (SELECT a.*, p.there, p.venue_id, a.happened_at AT TIME ZONE p.zone AS local
                          FROM added a JOIN placed p ON p.organisation_id = a.organisation_id AND p.id = a.listing_id
                       ) timed) e
         GROUP BY 1, 2, 3, 4, 5, 6, 7),
    by_listing AS (
        INSERT INTO box_office_daily_total AS t (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT organisation_id, listing_id, day, currency, {COLUMNS} FROM days
        {_days.BY_LISTING} {ADDED}),
    by_account AS (
        INSERT INTO box_office_account_daily_total AS t (organisation_id, account_id, day, currency, {COLUMNS})
        SELECT e.organisation_id, e.account_id, e.day, e.currency, {SUMS_OF_SUMS} FROM days e WHERE e.there
         GROUP BY 1, 2, 3, 4
        {_days.BY_ACCOUNT} {ADDED})
    INSERT INTO box_office_venue_daily_total AS t (organisation_id, venue_id, account_id, day, currency, {COLUMNS})
    SELECT e.organisation_id, e.venue_id, e.account_id, e.day, e.currency, {SUMS_OF_SUMS} FROM days e WHERE e.there
     {IN_ORDER}
    {BY_VENUE} {ADDED};
    RETURN NULL;
END $$;

-- The listing is gone, is there again, was moved to another zone, or belongs to another show.
CREATE OR REPLACE FUNCTION app.roll_over() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before uuid := app.held_venue(OLD.organisation_id, OLD.show_id);
    after uuid := before;
BEGIN
    IF NEW.show_id <> OLD.show_id THEN
        after := app.held_venue(NEW.organisation_id, NEW.show_id);
    END IF;
    IF NEW.timezone = OLD.timezone AND (NEW.gone_at IS NULL) = (OLD.gone_at IS NULL) THEN
        IF NEW.gone_at IS NULL AND before <> after THEN
            PERFORM app.add_to_venues(
                NEW.organisation_id, ARRAY[before, after], ARRAY[NEW.id, NEW.id], ARRAY[-1, 1]);
        END IF;
        RETURN NULL;
    END IF;
    -- The ledger's own lock: no entry of this account is on its way that we do not see and that does not see us.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.account_id::text, 1));
    IF OLD.gone_at IS NULL THEN
        PERFORM app.add_to_account(OLD.organisation_id, OLD.id, OLD.timezone, -1);
        PERFORM app.add_to_venues(OLD.organisation_id, ARRAY[before], ARRAY[OLD.id], ARRAY[-1]);
    END IF;
    IF NEW.timezone <> OLD.timezone THEN
        DELETE FROM box_office_daily_total
         WHERE organisation_id = OLD.organisation_id AND listing_id = OLD.id;
        INSERT INTO box_office_daily_total (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT e.organisation_id, e.listing_id, e.day, e.currency, {SUMS}
          FROM ({_hours.ON_THE_CLOCK}
                  FROM (SELECT a.*, true AS there, a.happened_at AT TIME ZONE z.known AS local
                          FROM (SELECT app.known_zone(NEW.timezone) AS known OFFSET 0) z, box_office_sales_entry a
                         WHERE a.organisation_id = NEW.organisation_id AND a.listing_id = NEW.id) timed) e
         GROUP BY 1, 2, 3, 4;
    END IF;
    IF NEW.gone_at IS NULL THEN
        PERFORM app.add_to_account(NEW.organisation_id, NEW.id, NEW.timezone, 1);
        PERFORM app.add_to_venues(NEW.organisation_id, ARRAY[after], ARRAY[NEW.id], ARRAY[1]);
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER roll_over AFTER UPDATE OF timezone, gone_at, show_id ON box_office_listing FOR EACH ROW
    WHEN (OLD.timezone <> NEW.timezone OR (OLD.gone_at IS NULL) <> (NEW.gone_at IS NULL)
          OR OLD.show_id <> NEW.show_id)
    EXECUTE FUNCTION app.roll_over();

CREATE FUNCTION app.roll_to_venue() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE moved uuid[] := ARRAY(
    SELECT l.id FROM box_office_listing l
     WHERE l.organisation_id = NEW.organisation_id AND l.show_id = NEW.id AND l.gone_at IS NULL);
BEGIN
    PERFORM app.add_to_venues(
        NEW.organisation_id,
        array_fill(OLD.venue_id, ARRAY[cardinality(moved)]) || array_fill(NEW.venue_id, ARRAY[cardinality(moved)]),
        moved || moved,
        array_fill(-1, ARRAY[cardinality(moved)]) || array_fill(1, ARRAY[cardinality(moved)]));
    RETURN NULL;
END $$;
CREATE TRIGGER roll_to_venue AFTER UPDATE OF venue_id ON box_office_show FOR EACH ROW
    WHEN (OLD.venue_id <> NEW.venue_id) EXECUTE FUNCTION app.roll_to_venue();

-- Writes an account's sums by venue anew from its sums by listing. Who may move listings may not take rows away: a row
-- that comes to nothing is left. No nested loops, as in roll_up_again.
CREATE FUNCTION app.sum_venues(organisation uuid, account uuid) RETURNS void LANGUAGE plpgsql
SET enable_nestloop = off AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 1));
    PERFORM FROM box_office_listing WHERE organisation_id = organisation AND account_id = account FOR SHARE;
    PERFORM FROM box_office_show s WHERE s.organisation_id = organisation AND s.id IN (
        SELECT l.show_id FROM box_office_listing l
         WHERE l.organisation_id = organisation AND l.account_id = account) FOR SHARE;
    INSERT INTO box_office_venue_daily_total AS t (organisation_id, venue_id, account_id, day, currency, {COLUMNS})
    SELECT organisation, e.venue_id, account, e.day, e.currency, {SUMS_OF_SUMS}
      FROM (SELECT s.venue_id, d.day, d.currency, {", ".join(f"d.{name}" for name in [*NAMES, *HOURS])}
              FROM box_office_listing l
              JOIN box_office_show s ON s.organisation_id = organisation AND s.id = l.show_id
              JOIN box_office_daily_total d ON d.organisation_id = organisation AND d.listing_id = l.id
             WHERE l.organisation_id = organisation AND l.account_id = account AND l.gone_at IS NULL
            UNION ALL
            SELECT venue_id, day, currency, {NOTHING} FROM box_office_venue_daily_total
             WHERE organisation_id = organisation AND account_id = account) e
     {IN_ORDER}
    {BY_VENUE} {WRITTEN};
END $$;
"""  # noqa: S608 - no value from outside


def _owner(to: str) -> "models.ForeignKey[models.Model, models.Model]":
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to=to
    )


class Migration(migrations.Migration):
    dependencies = [("box_office", "0008_show_totals")]

    operations = [
        migrations.CreateModel(
            name="VenueDailyTotal",
            fields=[
                *((name, models.BigIntegerField(default=0)) for name in NAMES),
                *((name, models.IntegerField(null=True)) for name in HOURS),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id",
                        "venue_id",
                        "account_id",
                        "day",
                        "currency",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organisation", _owner("tenancy.organisation")),
                ("venue", _owner("box_office.venue")),
                ("account", _owner("box_office.account")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
            ],
            options={"db_table": "box_office_venue_daily_total"},
        ),
        *protect("box_office_venue_daily_total", read=OFFICE, write=SELLERS, audit=False, delete=False),
        migrations.RunSQL(KEEP),
    ]
