"""The ledger's sums by day and by hour, kept by triggers: whoever adds entries keeps them, also a program of the
version before that is still running while this one is put in its place."""

import django.db.models.deletion
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
OF_OWN_LISTING = "listing_id IN (SELECT l.id FROM box_office_listing l)"

NAMES = (
    "orders", "sold", "comps", "cancelled", "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees",
    "tax", "rebates", "extras",
)  # fmt: skip
COLUMNS = ", ".join(NAMES)
SUMS = ", ".join(f"sum(e.{name})::bigint" for name in NAMES)
SIGNED_SUMS = ", ".join(f"(sign * sum(e.{name}))::bigint" for name in NAMES)
NAMED_SUMS = ", ".join(f"sum(e.{name})::bigint AS {name}" for name in NAMES)
ADDED = ", ".join(f"{name} = t.{name} + excluded.{name}" for name in NAMES)
BY_LISTING = "ON CONFLICT (organisation_id, listing_id, day, currency) DO UPDATE SET"
BY_ACCOUNT = "ON CONFLICT (organisation_id, account_id, day, currency) DO UPDATE SET"
BY_HOUR = "ON CONFLICT (organisation_id, account_id, day, hour, currency) DO UPDATE SET"
OF_HOURS = "orders, sold"
SUMS_OF_HOURS = "sum(e.orders)::bigint, sum(e.sold)::bigint"
SIGNED_SUMS_OF_HOURS = "(sign * sum(e.orders))::bigint, (sign * sum(e.sold))::bigint"
ADDED_TO_HOURS = "orders = t.orders + excluded.orders, sold = t.sold + excluded.sold"

KEEP = f"""
-- A time zone that this server does not know must not stop a sale from being stored.
CREATE FUNCTION app.known_zone(name text) RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    PERFORM now() AT TIME ZONE name;
    RETURN name;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN 'UTC';
END $$;

CREATE FUNCTION app.roll_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH placed AS MATERIALIZED (
        SELECT l.organisation_id, l.id, app.known_zone(l.timezone) AS zone, l.gone_at IS NULL AS there
          FROM box_office_listing l
         WHERE (l.organisation_id, l.id) IN (SELECT DISTINCT e.organisation_id, e.listing_id FROM added e)),
    days AS MATERIALIZED (
        SELECT e.organisation_id, e.account_id, e.listing_id, (e.happened_at AT TIME ZONE p.zone)::date AS day,
               e.currency, p.there, {NAMED_SUMS}
          FROM added e JOIN placed p ON p.organisation_id = e.organisation_id AND p.id = e.listing_id
         GROUP BY 1, 2, 3, 4, 5, 6),
    by_listing AS (
        INSERT INTO box_office_daily_total AS t (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT organisation_id, listing_id, day, currency, {COLUMNS} FROM days
        {BY_LISTING} {ADDED}),
    by_account AS (
        INSERT INTO box_office_account_daily_total AS t (organisation_id, account_id, day, currency, {COLUMNS})
        SELECT e.organisation_id, e.account_id, e.day, e.currency, {SUMS} FROM days e WHERE e.there GROUP BY 1, 2, 3, 4
        {BY_ACCOUNT} {ADDED})
    INSERT INTO box_office_hourly_total AS t (organisation_id, account_id, day, hour, currency, {OF_HOURS})
    SELECT e.organisation_id, e.account_id, (e.happened_at AT TIME ZONE p.zone)::date,
           extract(hour FROM e.happened_at AT TIME ZONE p.zone)::smallint, e.currency, {SUMS_OF_HOURS}
      FROM added e JOIN placed p ON p.organisation_id = e.organisation_id AND p.id = e.listing_id
     WHERE p.there AND (e.orders <> 0 OR e.sold <> 0)
     GROUP BY 1, 2, 3, 4, 5
    {BY_HOUR} {ADDED_TO_HOURS};
    RETURN NULL;
END $$;
CREATE TRIGGER roll_up AFTER INSERT ON box_office_sales_entry REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION app.roll_up();

-- Puts a listing's entries (sign 1) into the sums of its account, or takes them out (sign -1).
CREATE FUNCTION app.add_to_account(organisation uuid, listing uuid, zone text, sign integer) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE known text := app.known_zone(zone);
BEGIN
    INSERT INTO box_office_account_daily_total AS t (organisation_id, account_id, day, currency, {COLUMNS})
    SELECT e.organisation_id, e.account_id, (e.happened_at AT TIME ZONE known)::date, e.currency, {SIGNED_SUMS}
      FROM box_office_sales_entry e WHERE e.organisation_id = organisation AND e.listing_id = listing
     GROUP BY 1, 2, 3, 4
    {BY_ACCOUNT} {ADDED};
    INSERT INTO box_office_hourly_total AS t (organisation_id, account_id, day, hour, currency, {OF_HOURS})
    SELECT e.organisation_id, e.account_id, (e.happened_at AT TIME ZONE known)::date,
           extract(hour FROM e.happened_at AT TIME ZONE known)::smallint, e.currency, {SIGNED_SUMS_OF_HOURS}
      FROM box_office_sales_entry e WHERE e.organisation_id = organisation AND e.listing_id = listing
       AND (e.orders <> 0 OR e.sold <> 0)
     GROUP BY 1, 2, 3, 4, 5
    {BY_HOUR} {ADDED_TO_HOURS};
END $$;

-- The listing is gone, is there again, or was moved to another zone.
CREATE FUNCTION app.roll_over() RETURNS trigger LANGUAGE plpgsql AS $$
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
        SELECT e.organisation_id, e.listing_id, (e.happened_at AT TIME ZONE z.known)::date, e.currency, {SUMS}
          FROM (SELECT app.known_zone(NEW.timezone) AS known OFFSET 0) z, box_office_sales_entry e
         WHERE e.organisation_id = NEW.organisation_id AND e.listing_id = NEW.id
         GROUP BY 1, 2, 3, 4;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER roll_over AFTER UPDATE OF timezone, gone_at ON box_office_listing FOR EACH ROW
    WHEN (OLD.timezone <> NEW.timezone OR (OLD.gone_at IS NULL) <> (NEW.gone_at IS NULL))
    EXECUTE FUNCTION app.roll_over();

-- Writes an account's sums anew from its entries. OFFSET 0: each listing's zone is looked up once.
CREATE FUNCTION app.roll_up_again(organisation uuid, account uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(account::text, 1));
    DELETE FROM box_office_daily_total WHERE organisation_id = organisation AND listing_id IN (
        SELECT l.id FROM box_office_listing l WHERE l.organisation_id = organisation AND l.account_id = account);
    DELETE FROM box_office_account_daily_total WHERE organisation_id = organisation AND account_id = account;
    DELETE FROM box_office_hourly_total WHERE organisation_id = organisation AND account_id = account;
    WITH hours AS MATERIALIZED (
        SELECT e.listing_id, (e.happened_at AT TIME ZONE l.zone)::date AS day,
               extract(hour FROM e.happened_at AT TIME ZONE l.zone)::smallint AS hour, e.currency, l.there,
               {NAMED_SUMS}
          FROM box_office_sales_entry e
          JOIN (SELECT id, app.known_zone(timezone) AS zone, gone_at IS NULL AS there FROM box_office_listing
                 WHERE organisation_id = organisation AND account_id = account OFFSET 0) l ON l.id = e.listing_id
         WHERE e.organisation_id = organisation AND e.account_id = account
         GROUP BY 1, 2, 3, 4, 5),
    by_listing AS (
        INSERT INTO box_office_daily_total (organisation_id, listing_id, day, currency, {COLUMNS})
        SELECT organisation, e.listing_id, e.day, e.currency, {SUMS} FROM hours e GROUP BY 2, 3, 4),
    by_account AS (
        INSERT INTO box_office_account_daily_total (organisation_id, account_id, day, currency, {COLUMNS})
        SELECT organisation, account, e.day, e.currency, {SUMS} FROM hours e WHERE e.there GROUP BY 3, 4)
    INSERT INTO box_office_hourly_total (organisation_id, account_id, day, hour, currency, {OF_HOURS})
    SELECT organisation, account, e.day, e.hour, e.currency, {SUMS_OF_HOURS} FROM hours e WHERE e.there
     GROUP BY 3, 4, 5;
END $$;
"""  # noqa: S608 - no value from outside
KEEP_NO_MORE = """
DROP FUNCTION app.roll_up_again(uuid, uuid);
DROP TRIGGER roll_over ON box_office_listing;
DROP FUNCTION app.roll_over();
DROP FUNCTION app.add_to_account(uuid, uuid, text, integer);
DROP TRIGGER roll_up ON box_office_sales_entry;
DROP FUNCTION app.roll_up();
DROP FUNCTION app.known_zone(text);
"""


def _figures() -> "list[tuple[str, models.Field[int, int]]]":
    return [(name, models.BigIntegerField(default=0)) for name in NAMES]


def _owner(to: str) -> "models.ForeignKey[models.Model, models.Model]":
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to=to
    )


class Migration(migrations.Migration):
    dependencies = [("box_office", "0003_remove_account_hook_token_hash"), ("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="DailyTotal",
            fields=[
                *_figures(),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id", "listing_id", "day", "currency",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("organisation", _owner("tenancy.organisation")),
                ("listing", _owner("box_office.listing")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
            ],
            options={
                "db_table": "box_office_daily_total",
                "indexes": [models.Index(fields=["organisation", "day"], name="daily_total_by_day")],
            },
        ),
        migrations.CreateModel(
            name="AccountDailyTotal",
            fields=[
                *_figures(),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id", "account_id", "day", "currency",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("organisation", _owner("tenancy.organisation")),
                ("account", _owner("box_office.account")),
                ("day", models.DateField()),
                ("currency", models.CharField(max_length=3)),
            ],
            options={"db_table": "box_office_account_daily_total"},
        ),
        migrations.CreateModel(
            name="HourlyTotal",
            fields=[
                ("orders", models.BigIntegerField(default=0)),
                ("sold", models.BigIntegerField(default=0)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id", "account_id", "day", "hour", "currency",
                        blank=True, editable=False, primary_key=True, serialize=False,
                    ),
                ),
                ("organisation", _owner("tenancy.organisation")),
                ("account", _owner("box_office.account")),
                ("day", models.DateField()),
                ("hour", models.SmallIntegerField()),
                ("currency", models.CharField(max_length=3)),
            ],
            options={"db_table": "box_office_hourly_total"},
        ),
        migrations.AddIndex(
            model_name="show",
            index=models.Index(fields=["organisation", "venue", "starts_at"], name="show_by_venue"),
        ),
        *protect("box_office_daily_total", read=OFFICE, audit=False, read_also=OF_OWN_LISTING),
        *protect("box_office_account_daily_total", read=OFFICE, audit=False),
        *protect("box_office_hourly_total", read=OFFICE, audit=False),
        migrations.RunSQL(KEEP, KEEP_NO_MORE),
    ]  # fmt: skip
