"""Sums by venue and day of what is in the ledger already, one account after the other."""

from importlib import import_module

from django.apps.registry import Apps
from django.db import migrations, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

ACT = import_module("housecount.box_office.migrations.0005_fill_rollups").ACT


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
                    cursor.execute("SELECT app.sum_venues(%s, %s)", [organisation, account])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("box_office", "0010_runs")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
