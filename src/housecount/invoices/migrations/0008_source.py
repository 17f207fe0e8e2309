"""Which recurring document a document comes from, and from which document a recurring one was made."""

import django.db.models.deletion
from django.db import migrations, models

from housecount.tenancy.walls import tie


class Migration(migrations.Migration):
    dependencies = [("invoices", "0007_office_walls")]

    operations = [
        migrations.AddField(
            model_name="document",
            name="recurring",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="documents",
                to="invoices.recurring",
            ),
        ),
        migrations.AddField(
            model_name="recurring",
            name="made_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="repeated_by",
                to="invoices.document",
            ),
        ),
        *tie("invoices_document", "recurring_id", "invoices_recurring"),
        *tie("invoices_recurring", "made_from_id", "invoices_document"),
    ]
