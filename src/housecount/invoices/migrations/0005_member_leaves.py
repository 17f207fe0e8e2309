"""A member who leaves the organisation signs in as nobody any more; the party stays."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("invoices", "0004_deposits")]

    operations = [
        migrations.AlterField(
            model_name="party",
            name="membership",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="tenancy.membership",
            ),
        ),
    ]
