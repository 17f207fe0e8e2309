"""Documents as the lists find them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("box_office", "0008_show_totals"),
        ("invoices", "0008_source"),
        ("tenancy", "0005_second_factor"),
    ]

    operations = [
        migrations.CreateModel(
            name="Listed",
            fields=[
                (
                    "document",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="listed",
                        serialize=False,
                        to="invoices.document",
                    ),
                ),
                (
                    "direction",
                    models.CharField(
                        choices=[("receivable", "Receivable"), ("payable", "Payable")], max_length=10
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("invoice", "Invoice"),
                            ("rcti", "Rcti"),
                            ("deposit_invoice", "Deposit Invoice"),
                            ("credit_note", "Credit Note"),
                            ("adjustment_note", "Adjustment Note"),
                            ("payment_statement", "Payment Statement"),
                        ],
                        max_length=20,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("state", models.CharField(max_length=12)),
                ("credited", models.BooleanField()),
                (
                    "payment",
                    models.CharField(
                        choices=[
                            ("unpaid", "Unpaid"),
                            ("part_paid", "Part Paid"),
                            ("paid", "Paid"),
                            ("overpaid", "Overpaid"),
                        ],
                        max_length=10,
                    ),
                ),
                ("issue_date", models.DateField()),
                ("due_date", models.DateField(null=True)),
                ("created_at", models.DateTimeField()),
                ("number", models.TextField()),
                ("reference", models.TextField()),
                ("total", models.BigIntegerField()),
                ("balance", models.BigIntegerField()),
                (
                    "organisation",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"
                    ),
                ),
                (
                    "party",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="invoices.party",
                    ),
                ),
                (
                    "show",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="box_office.show",
                    ),
                ),
            ],
            options={
                "db_table": "invoices_listed",
                "indexes": [
                    models.Index(
                        fields=["organisation", "-issue_date", "-created_at", "-document"],
                        name="listed_by_date",
                    ),
                    models.Index(
                        fields=["organisation", "state", "-issue_date", "-created_at"], name="listed_by_state"
                    ),
                    models.Index(
                        fields=["organisation", "payment", "-issue_date", "-created_at"],
                        name="listed_by_payment",
                    ),
                    models.Index(
                        fields=["organisation", "party", "-issue_date", "-created_at"], name="listed_by_party"
                    ),
                    models.Index(
                        condition=models.Q(("show__isnull", False)),
                        fields=["organisation", "show"],
                        name="listed_by_show",
                    ),
                    models.Index(
                        condition=models.Q(("balance__gt", 0)),
                        fields=["organisation", "due_date"],
                        name="listed_that_is_owed",
                    ),
                ],
            },
        ),
    ]
