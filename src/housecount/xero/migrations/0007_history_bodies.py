from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0004_sessions"),
        ("xero", "0006_coming_back_walls"),
    ]

    operations = [
        migrations.AddField(
            model_name="history",
            name="sent",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddField(
            model_name="history",
            name="received",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AlterField(
            model_name="history",
            name="step",
            field=models.CharField(max_length=160),
        ),
        migrations.AddIndex(
            model_name="history",
            index=models.Index(
                condition=models.Q(("sent", ""), ("received", ""), _negated=True),
                fields=["organisation", "at"],
                name="xero_history_bodies",
            ),
        ),
    ]
