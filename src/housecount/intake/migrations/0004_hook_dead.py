"""The hooks that wait for a person, found at once: health and alerts ask for them every minute."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("intake", "0003_take_hooks")]

    operations = [
        migrations.AddIndex(
            "hook",
            models.Index(
                fields=["organisation", "account_id"], name="hook_dead", condition=models.Q(status="dead")
            ),
        ),
    ]
