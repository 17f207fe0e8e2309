"""Who uses a credential's calls, so that nobody takes all of them; and the sweeps that are due, found quickly."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0004_engine_walls")]

    operations = [
        migrations.AddField("credentialbudget", "users", models.JSONField(default=dict)),
        migrations.AddIndex(
            "agenda",
            models.Index(fields=["sweep_at"], name="agenda_by_sweep", condition=models.Q(event_id="")),
        ),
    ]
