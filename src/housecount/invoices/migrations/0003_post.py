"""Links, deliveries, reminders, and documents that come again; with their walls."""

import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)


class Migration(migrations.Migration):
    dependencies = [
        ("invoices", "0002_walls"),
        ("tenancy", "0002_walls"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Link",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("token_hash", models.BinaryField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
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
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="links",
                        to="invoices.document",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_link",
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(choices=[("mail", "Mail"), ("link", "Link")], max_length=10)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("document", "Document"),
                            ("reminder", "Reminder"),
                            ("remittance", "Remittance"),
                        ],
                        default="document",
                        max_length=10,
                    ),
                ),
                ("recipients", models.JSONField(default=list)),
                ("subject", models.CharField(blank=True, max_length=300)),
                ("words", models.TextField(blank=True)),
                ("message_id", models.CharField(blank=True, max_length=200)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(blank=True, null=True)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("trouble", models.TextField(blank=True)),
                ("bounced_at", models.DateTimeField(blank=True, null=True)),
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
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="invoices.document",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
                (
                    "link",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="deliveries",
                        to="invoices.link",
                    ),
                ),
            ],
            options={
                "db_table": "invoices_delivery",
            },
        ),
        migrations.CreateModel(
            name="Recurring",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200)),
                ("collects", models.BooleanField(default=False)),
                ("template", models.JSONField(default=dict)),
                ("due_days", models.PositiveIntegerField(default=14)),
                (
                    "rhythm",
                    models.CharField(choices=[("weekly", "Weekly"), ("monthly", "Monthly")], max_length=10),
                ),
                ("first_on", models.DateField()),
                ("next_on", models.DateField()),
                ("ends_on", models.DateField(blank=True, null=True)),
                ("active", models.BooleanField(default=True)),
                ("trouble", models.TextField(blank=True)),
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
                        related_name="recurring",
                        to="invoices.party",
                    ),
                ),
            ],
            options={
                "db_table": "invoices_recurring",
            },
        ),
        migrations.CreateModel(
            name="Reminder",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("rule", models.CharField(max_length=20)),
                ("sent_at", models.DateTimeField()),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="invoices.delivery"
                    ),
                ),
                (
                    "document",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reminders",
                        to="invoices.document",
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="tenancy.organisation"),
                ),
            ],
            options={
                "db_table": "invoices_reminder",
            },
        ),
        migrations.AddConstraint(
            model_name="link",
            constraint=models.UniqueConstraint(fields=("organisation", "token_hash"), name="link_by_token"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(fields=["document", "-created_at"], name="delivery_by_document"),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("next_try_at__isnull", False)),
                fields=["organisation", "next_try_at"],
                name="delivery_that_waits",
            ),
        ),
        migrations.AddIndex(
            model_name="recurring",
            index=models.Index(fields=["organisation", "active", "next_on"], name="recurring_by_day"),
        ),
        migrations.AddConstraint(
            model_name="reminder",
            constraint=models.UniqueConstraint(fields=("document", "rule"), name="reminded_once"),
        ),
        *protect(
            "invoices_link",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            delete=False,
            secret_columns=("token_hash",),
        ),
        *protect(
            "invoices_delivery",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            delete=False,
            unaudited_columns=("attempts", "next_try_at", "trouble"),
        ),
        *protect("invoices_recurring", read=OFFICE, write=OFFICE, audit=True, delete=False),
        *protect("invoices_reminder", read=OFFICE, audit=False, append_only=True),
        *tie("invoices_link", "document_id", "invoices_document"),
        *tie("invoices_delivery", "document_id", "invoices_document"),
        *tie("invoices_delivery", "link_id", "invoices_link"),
        *tie("invoices_recurring", "party_id", "invoices_party"),
        *tie("invoices_reminder", "document_id", "invoices_document"),
        *tie("invoices_reminder", "delivery_id", "invoices_delivery"),
    ]
