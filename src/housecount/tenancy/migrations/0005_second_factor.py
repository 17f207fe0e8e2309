"""From when on an organisation needs a second factor of its members."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0004_sessions")]

    operations = [
        migrations.AddField(
            "organisation",
            "second_factor_from",
            models.DateTimeField(
                blank=True,
                help_text="From then on members need a second factor here; NULL: each decides for themselves.",
                null=True,
            ),
        ),
    ]
