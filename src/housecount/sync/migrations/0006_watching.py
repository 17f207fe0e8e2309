"""What watching needs: ages and breakers across organisations, and marks of what was sent about an alert."""

from importlib import import_module

from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import DECLARATIONS, IN_ORGANISATION, Declaration, acting_across, role_is

# Declared there first; what is declared here is to last.
import_module("housecount.sync.migrations.0002_walls")

READERS = frozenset({Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER, Role.SYSTEM})
WITHIN = f"({IN_ORGANISATION} AND {role_is(READERS)})"


def seen_across(table: str) -> migrations.RunSQL:
    """Lets `system` without an organisation read the rows of all, too: they hold ids and times, no names."""
    DECLARATIONS[table] = Declaration(
        table,
        read=READERS,
        write=frozenset({Role.SYSTEM}),
        append_only=False,
        delete=True,
        audit=False,
        across=frozenset({Role.SYSTEM}),
    )
    return migrations.RunSQL(
        f'ALTER POLICY seen ON "{table}" USING ({WITHIN} OR {acting_across([Role.SYSTEM])})',
        f'ALTER POLICY seen ON "{table}" USING ({WITHIN})',
    )


# Counters must never fall: what an account did stays its platform's, after it was disconnected too.
PLATFORM_OF_TALLY = """
CREATE FUNCTION app.platform_of_tally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.platform := coalesce(
        (SELECT platform FROM box_office_account
         WHERE organisation_id = NEW.organisation_id AND id = NEW.account_id), '');
    RETURN NEW;
END $$;
CREATE TRIGGER platform BEFORE INSERT ON sync_tally
    FOR EACH ROW EXECUTE FUNCTION app.platform_of_tally();
"""
NO_PLATFORM_OF_TALLY = "DROP TRIGGER platform ON sync_tally; DROP FUNCTION app.platform_of_tally();"


class Migration(migrations.Migration):
    dependencies = [("sync", "0005_sharing")]

    operations = [
        seen_across("sync_freshness"),
        seen_across("sync_circuit_breaker"),
        migrations.AddField("tally", "platform", models.CharField(max_length=40, blank=True, default="")),
        migrations.RunSQL(PLATFORM_OF_TALLY, NO_PLATFORM_OF_TALLY),
        migrations.AddIndex(
            "freshness",
            models.Index(
                fields=["organisation", "account"],
                name="freshness_failing",
                condition=~models.Q(reason_code=""),
            ),
        ),
        migrations.AddIndex(
            "freshness",
            models.Index(fields=["account"], name="freshness_of_accounts", condition=models.Q(event_id="")),
        ),
        migrations.AddField(
            "credentialbudget", "platform", models.CharField(max_length=40, blank=True, db_default="")
        ),
        migrations.AddField("alert", "closing_mailed_at", models.DateTimeField(null=True)),
        migrations.AddField("alert", "closing_posted_at", models.DateTimeField(null=True)),
        migrations.AddField("alert", "mail_attempts", models.PositiveSmallIntegerField(default=0)),
        migrations.AddField("alert", "mail_next_try_at", models.DateTimeField(null=True)),
        migrations.AddIndex("alert", models.Index(fields=["closed_at"], name="alert_by_end")),
    ]
