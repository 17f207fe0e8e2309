"""Whose a consent is, and the choice among several organisations."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("xero", "0002_walls")]

    operations = [
        migrations.AddField("consent", "by", models.UUIDField(null=True)),
        migrations.AddField("consent", "tokens", models.BinaryField(default=b"")),
        migrations.AddField("consent", "tenants", models.JSONField(default=list)),
    ]
