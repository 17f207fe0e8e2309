"""The hours of what is in the ledger already: its sums are written anew, as they were when they came."""

from importlib import import_module

from django.db import migrations

fill = import_module("housecount.box_office.migrations.0005_fill_rollups").fill


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("box_office", "0006_hours_by_day")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
