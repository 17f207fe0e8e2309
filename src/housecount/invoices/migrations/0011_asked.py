"""Tax invoices that recipients asked for; the VAT number that an agreement was made with."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)

# What is on file now is the best that is known of the agreements there are. The owner is bound by the policies: one
# organisation after the other.
NUMBERS = """
DO $$
DECLARE organisation uuid;
BEGIN
    PERFORM set_config('app.role', 'system', true), set_config('app.organisation_id', '', true);
    FOR organisation IN SELECT id FROM tenancy_organisation LOOP
        PERFORM set_config('app.organisation_id', organisation::text, true);
        UPDATE invoices_agreement SET vat_number = p.vat_number FROM invoices_party p
         WHERE p.organisation_id = organisation AND p.id = invoices_agreement.party_id AND p.vat_number <> ''
           AND invoices_agreement.organisation_id = organisation;
    END LOOP;
    PERFORM set_config('app.role', '', true), set_config('app.organisation_id', '', true);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0010_listed_walls"),
        ("tenancy", "0005_second_factor"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="agreement",
            name="vat_number",
            field=models.CharField(blank=True, db_default="", default="", editable=False, max_length=20),
        ),
        migrations.CreateModel(
            name="Asked",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("at", models.DateTimeField()),
                ("words", models.TextField(blank=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="asked",
                        to="invoices.document",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_asked",
                "indexes": [models.Index(fields=["organisation", "-at"], name="asked_by_time")],
            },
        ),
        *protect("invoices_asked", read=OFFICE, write=OFFICE, audit=True),
        *tie("invoices_asked", "document_id", "invoices_document"),
        migrations.RunSQL(NUMBERS, migrations.RunSQL.noop),
    ]
