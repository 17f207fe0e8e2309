"""Row-level security and grants of the engine's tables, and the doors of the accounts there are."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)

# The owner is bound by the policies: one organisation after the other.
OPEN_DOORS = """
DO $$
DECLARE organisation uuid;
BEGIN
    PERFORM set_config('app.role', 'system', true), set_config('app.organisation_id', '', true);
    FOR organisation IN SELECT id FROM tenancy_organisation LOOP
        PERFORM set_config('app.organisation_id', organisation::text, true);
        INSERT INTO sync_hook_door (account_id, organisation_id, platform, token_hash, webhook_ids, trouble)
        SELECT id, organisation_id, platform, hook_token_hash, '[]', '' FROM box_office_account
        WHERE organisation_id = organisation AND hook_token_hash <> '';
    END LOOP;
    PERFORM set_config('app.role', '', true), set_config('app.organisation_id', '', true);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_engine"), ("box_office", "0002_walls")]

    operations = [
        *protect(
            "sync_hook_door",
            read=(Role.ADMIN,),
            audit=True,
            secret_columns=("token_hash",),
            unaudited_columns=("checked_at",),
            across=(Role.INTAKE, Role.SYSTEM),
        ),
        *protect("sync_agenda", read=OFFICE, audit=False, across=(Role.SYSTEM,)),
        *protect("sync_gap", read=OFFICE, audit=False),
        *protect("sync_tally", read=(), audit=False, across=(Role.SYSTEM,)),
        *protect("sync_alert", read=OFFICE, audit=False, across=(Role.SYSTEM,)),
        *tie("sync_hook_door", "account_id", "box_office_account"),
        *tie("sync_gap", "account_id", "box_office_account"),
        migrations.RunSQL(OPEN_DOORS, migrations.RunSQL.noop),
    ]
