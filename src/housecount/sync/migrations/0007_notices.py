"""Who wants mail about what, and reads by time across an organisation's accounts."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)


class Migration(migrations.Migration):
    dependencies = [("sync", "0006_watching"), ("box_office", "0002_walls"), ("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("cause", models.CharField(max_length=40)),
                ("mail", models.BooleanField()),
                (
                    "membership",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="tenancy.membership"),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "sync_notice",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organisation", "membership", "cause"), name="one_notice_per_cause"
                    )
                ],
            },
        ),
        *protect("sync_notice", read=OFFICE, write=OFFICE, audit=True),
        *tie("sync_notice", "membership_id", "tenancy_membership"),
        migrations.AddIndex(
            "readrun", models.Index(fields=["organisation", "-started_at", "-id"], name="run_by_time")
        ),
        migrations.AddIndex(
            "gap", models.Index(fields=["organisation", "-found_at", "-id"], name="gap_by_time")
        ),
    ]
