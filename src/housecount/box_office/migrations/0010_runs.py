"""The run that a person put a show into."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("box_office", "0009_venue_days")]

    operations = [
        migrations.AddField("show", "run", models.CharField(blank=True, max_length=200, null=True)),
        migrations.AddIndex(
            "show",
            models.Index(fields=["organisation", "run"], condition=models.Q(run__gt=""), name="show_by_run"),
        ),
    ]
