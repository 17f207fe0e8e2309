"""What each show comes to, all its listings together, kept by triggers: lists and sums over thousands of shows need not
look at the listings of each."""

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
# Whoever may say which show a listing belongs to changes what shows come to.
SELLERS = (Role.ADMIN, Role.PROMOTER)
OF_OWN_SHOW = "show_id IN (SELECT s.id FROM box_office_show s)"

NAMES = (
    "orders", "sold", "comps", "cancelled", "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees",
    "tax", "rebates", "extras",
)  # fmt: skip
COLUMNS = f"listings, told_capacity, {', '.join(NAMES)}"
SUMS = ", ".join(f"coalesce(sum(t.{name}), 0)::bigint AS {name}" for name in NAMES)

KEEP = f"""
-- Shows are locked first, in one order for everybody, and looked at by a statement of its own: it sees what those have
-- committed that we waited for.
CREATE FUNCTION app.sum_shows(organisation uuid, shows uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE locked integer;
BEGIN
    PERFORM FROM box_office_show_total k WHERE k.organisation_id = organisation AND k.show_id = ANY (shows)
      ORDER BY k.show_id FOR UPDATE;
    GET DIAGNOSTICS locked = ROW_COUNT;
    IF locked < cardinality(shows) THEN
        INSERT INTO box_office_show_total (organisation_id, show_id, listings, {", ".join(NAMES)})
        SELECT organisation, s.id, 0, {", ".join("0" for _ in NAMES)}
          FROM (SELECT DISTINCT unnest(shows) AS id) s WHERE s.id IS NOT NULL ORDER BY s.id
        ON CONFLICT DO NOTHING;
        PERFORM FROM box_office_show_total k WHERE k.organisation_id = organisation AND k.show_id = ANY (shows)
          ORDER BY k.show_id FOR UPDATE;
    END IF;
    UPDATE box_office_show_total k SET ({COLUMNS}) = (
        SELECT count(*), max(l.capacity), {SUMS}
          FROM box_office_listing l
          LEFT JOIN box_office_listing_total t ON t.organisation_id = l.organisation_id AND t.listing_id = l.id
         WHERE l.organisation_id = k.organisation_id AND l.show_id = k.show_id AND l.gone_at IS NULL)
     WHERE k.organisation_id = organisation AND k.show_id = ANY (shows);
END $$;

CREATE FUNCTION app.sum_shows_of_totals() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An upsert fires for what it added and for what it changed, also where that is nothing.
    IF EXISTS (SELECT FROM changed) THEN
        PERFORM app.sum_shows(found.organisation_id, found.shows)
           FROM (SELECT l.organisation_id, array_agg(DISTINCT l.show_id) AS shows FROM box_office_listing l
                  WHERE (l.organisation_id, l.id) IN (SELECT c.organisation_id, c.listing_id FROM changed c)
                  GROUP BY 1) found;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sum_shows_added AFTER INSERT ON box_office_listing_total REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.sum_shows_of_totals();
CREATE TRIGGER sum_shows_changed AFTER UPDATE ON box_office_listing_total REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.sum_shows_of_totals();

CREATE FUNCTION app.sum_shows_of_listings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.sum_shows(found.organisation_id, found.shows)
       FROM (SELECT c.organisation_id, array_agg(DISTINCT c.show_id) AS shows FROM changed c GROUP BY 1) found;
    RETURN NULL;
END $$;
CREATE TRIGGER sum_shows_added AFTER INSERT ON box_office_listing REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION app.sum_shows_of_listings();

CREATE FUNCTION app.sum_shows_of_listing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.sum_shows(NEW.organisation_id, ARRAY[OLD.show_id, NEW.show_id]);
    RETURN NULL;
END $$;
CREATE TRIGGER sum_shows_changed AFTER UPDATE OF show_id, gone_at, capacity ON box_office_listing FOR EACH ROW
    WHEN ((OLD.show_id, OLD.gone_at IS NULL, OLD.capacity) IS DISTINCT FROM
          (NEW.show_id, NEW.gone_at IS NULL, NEW.capacity))
    EXECUTE FUNCTION app.sum_shows_of_listing();
"""  # noqa: S608 - no value from outside
KEEP_NO_MORE = """
DROP TRIGGER sum_shows_changed ON box_office_listing;
DROP FUNCTION app.sum_shows_of_listing();
DROP TRIGGER sum_shows_added ON box_office_listing;
DROP FUNCTION app.sum_shows_of_listings();
DROP TRIGGER sum_shows_changed ON box_office_listing_total;
DROP TRIGGER sum_shows_added ON box_office_listing_total;
DROP FUNCTION app.sum_shows_of_totals();
DROP FUNCTION app.sum_shows(uuid, uuid[]);
"""
ACT = (
    "SELECT set_config('app.role', 'system', true), set_config('app.organisation_id', %s, true),"
    " set_config('TimeZone', 'UTC', true)"
)


def fill(_: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Sums up the shows that are there already, one organisation after the other."""
    connection = schema_editor.connection
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute(ACT, [""])
        cursor.execute("SELECT id FROM tenancy_organisation ORDER BY id")
        for (organisation,) in cursor.fetchall():
            cursor.execute(ACT, [str(organisation)])
            cursor.execute(
                "SELECT app.sum_shows(organisation_id, array_agg(id)) FROM box_office_show"
                " WHERE organisation_id = %s GROUP BY organisation_id",
                [organisation],
            )


def _owner(to: str) -> "models.ForeignKey[models.Model, models.Model]":
    return models.ForeignKey(
        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, to=to
    )


class Migration(migrations.Migration):
    dependencies = [("box_office", "0007_fill_hours")]

    operations = [
        migrations.CreateModel(
            name="ShowTotal",
            fields=[
                *((name, models.BigIntegerField(default=0)) for name in NAMES),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id",
                        "show_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("organisation", _owner("tenancy.organisation")),
                ("show", _owner("box_office.show")),
                ("listings", models.IntegerField(default=0)),
                ("told_capacity", models.IntegerField(null=True)),
            ],
            options={"db_table": "box_office_show_total"},
        ),
        *protect(
            "box_office_show_total",
            read=OFFICE,
            write=SELLERS,
            audit=False,
            delete=False,
            read_also=OF_OWN_SHOW,
        ),
        migrations.RunSQL(KEEP, KEEP_NO_MORE),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
