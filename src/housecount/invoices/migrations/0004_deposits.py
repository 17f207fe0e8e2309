"""Deposits that a final document is reduced by, and the lines that a credit note takes back."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
OF_OWN_DOCUMENT = "document_id IN (SELECT d.id FROM invoices_document d)"

FREEZE = """
CREATE TRIGGER keep_issued BEFORE INSERT OR UPDATE OR DELETE ON invoices_deduction
    FOR EACH ROW EXECUTE FUNCTION app.keep_issued_line();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON invoices_deduction
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse();
"""
THAW = """
DROP TRIGGER keep_all ON invoices_deduction;
DROP TRIGGER keep_issued ON invoices_deduction;
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_post")]

    operations = [
        migrations.AddField(
            model_name="line",
            name="credits_line",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="credited_by",
                to="invoices.line",
            ),
        ),
        migrations.CreateModel(
            name="Deduction",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("amount", models.BigIntegerField(default=0)),
                ("tax_amount", models.BigIntegerField(default=0)),
                (
                    "deposit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deducted_by",
                        to="invoices.document",
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="deductions",
                        to="invoices.document",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={"db_table": "invoices_deduction"},
        ),
        migrations.AddConstraint(
            model_name="deduction",
            constraint=models.UniqueConstraint(fields=("document", "deposit"), name="deposit_deducted_once"),
        ),
        *protect("invoices_deduction", read=OFFICE, write=OFFICE, audit=True, read_also=OF_OWN_DOCUMENT),
        *tie("invoices_deduction", "document_id", "invoices_document"),
        *tie("invoices_deduction", "deposit_id", "invoices_document"),
        *tie("invoices_line", "credits_line_id", "invoices_line"),
        migrations.RunSQL(FREEZE, THAW),
    ]
