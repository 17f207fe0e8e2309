"""Sums by day and by hour of what is in the ledger already, one account after the other, so that each waits for its
own sums and no longer. What was counted by a run that was broken off is counted again, from nothing."""

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ACT = (
    "SELECT set_config('app.role', 'system', true), set_config('app.organisation_id', %s, true),"
    " set_config('TimeZone', 'UTC', true)"
)


def fill(_: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        with transaction.atomic(using=connection.alias):
            cursor.execute(ACT, [""])
            cursor.execute("SELECT id FROM tenancy_organisation ORDER BY id")
            organisations = [organisation for (organisation,) in cursor.fetchall()]
        for organisation in organisations:
            with transaction.atomic(using=connection.alias):
                cursor.execute(ACT, [str(organisation)])
                cursor.execute(
                    "SELECT id FROM box_office_account WHERE organisation_id = %s ORDER BY id", [organisation]
                )
                accounts = [account for (account,) in cursor.fetchall()]
            for account in accounts:
                with transaction.atomic(using=connection.alias):
                    cursor.execute(ACT, [str(organisation)])
                    cursor.execute("SELECT app.roll_up_again(%s, %s)", [organisation, account])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("box_office", "0004_rollups")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
