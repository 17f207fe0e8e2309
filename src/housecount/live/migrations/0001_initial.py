"""The tables of the change feed."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="Counter",
            fields=[
                (
                    "organisation",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        serialize=False,
                        to="tenancy.organisation",
                    ),
                ),
                ("last", models.BigIntegerField(default=0)),
                ("forgotten", models.BigIntegerField(default=0)),
            ],
            options={"db_table": "live_counter"},
        ),
        migrations.CreateModel(
            name="Changed",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "organisation_id",
                        "sequence",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("sequence", models.BigIntegerField()),
                ("kind", models.CharField(max_length=20)),
                (
                    "ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None),
                ),
                ("removed", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "organisation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="tenancy.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "live_change",
                "indexes": [models.Index(fields=["organisation", "at"], name="change_by_age")],
            },
        ),
    ]
