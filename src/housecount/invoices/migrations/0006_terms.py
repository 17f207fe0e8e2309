"""What is agreed about deposits, RCTIs and withholding; and what an office keeps beside its documents."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0005_member_leaves"),
        ("tenancy", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="agreement",
            name="embedded",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="agreement",
            name="objected_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="agreement",
            name="objection",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="document",
            name="deposit_terms",
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="document",
            name="embedded_agreement",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="document",
            name="value_set_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="line",
            name="ote",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="party",
            name="schedular_exemption",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certificate", "Certificate"),
                    ("special_rate_zero", "Special Rate Zero"),
                    ("not_an_entertainer", "Not An Entertainer"),
                ],
                db_default="",
                default="",
                max_length=20,
            ),
        ),
        migrations.AddField(
            model_name="party",
            name="schedular_on",
            field=models.DateField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="party",
            name="schedular_rate",
            field=models.PositiveIntegerField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_batch",
            },
        ),
        migrations.CreateModel(
            name="BatchItem",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("position", models.PositiveIntegerField()),
                ("even_so", models.BooleanField(default=False)),
                ("done_at", models.DateTimeField(blank=True, null=True)),
                ("trouble", models.TextField(blank=True)),
                (
                    "batch",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="items", to="invoices.batch"
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="invoices.document"
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_batch_item",
            },
        ),
        migrations.CreateModel(
            name="Logo",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(choices=[("png", "PNG"), ("jpeg", "JPEG")], max_length=4)),
                ("sha256", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
                ("made_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_logo",
            },
        ),
        migrations.CreateModel(
            name="Policy",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("rcti_confirmed_on", models.DateField(blank=True, null=True)),
                ("rcti_confirmed_by", models.CharField(blank=True, max_length=200)),
                ("rcti_waits", models.BooleanField(default=False)),
                ("register_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("drop_cents", models.BooleanField(default=False)),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_policy",
            },
        ),
        migrations.CreateModel(
            name="RegisterAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("checked_on", models.DateField()),
                ("name", models.CharField(max_length=200)),
                ("active", models.BooleanField()),
                ("registered_from", models.DateField(blank=True, null=True)),
                ("registered_to", models.DateField(blank=True, null=True)),
                ("answer", models.JSONField(blank=True, null=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="register_answers",
                        to="invoices.party",
                    ),
                ),
            ],
            options={
                "db_table": "invoices_register_answer",
            },
        ),
        migrations.CreateModel(
            name="Sums",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "direction",
                    models.CharField(
                        choices=[("receivable", "Receivable"), ("payable", "Payable")], max_length=10
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
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
                ("state", models.CharField(max_length=12)),
                ("documents", models.BigIntegerField()),
                ("total", models.BigIntegerField()),
                ("balance", models.BigIntegerField()),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
                (
                    "party",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="invoices.party"
                    ),
                ),
            ],
            options={
                "db_table": "invoices_sums",
            },
        ),
        migrations.CreateModel(
            name="Answered",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("key", models.CharField(max_length=100)),
                ("what", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=64)),
                ("documents", models.JSONField()),
                (
                    "at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_answered",
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "key"), name="documents_made_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="batch",
            index=models.Index(fields=["organisation", "-created_at"], name="batch_by_time"),
        ),
        migrations.AddConstraint(
            model_name="batchitem",
            constraint=models.UniqueConstraint(fields=("batch", "position"), name="batch_item_position_once"),
        ),
        migrations.AddConstraint(
            model_name="batchitem",
            constraint=models.UniqueConstraint(fields=("batch", "document"), name="batch_item_once"),
        ),
        migrations.AddConstraint(
            model_name="logo",
            constraint=models.UniqueConstraint(fields=("organisation",), name="one_logo"),
        ),
        migrations.AddConstraint(
            model_name="policy",
            constraint=models.UniqueConstraint(fields=("organisation",), name="one_policy"),
        ),
        migrations.AddIndex(
            model_name="registeranswer",
            index=models.Index(
                fields=["party", "-checked_on", "-created_at"], name="register_answer_by_party"
            ),
        ),
        migrations.AddIndex(
            model_name="sums",
            index=models.Index(fields=["organisation", "party"], name="sums_by_party"),
        ),
    ]
