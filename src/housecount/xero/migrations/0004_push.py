"""What the worker needs to write by itself: a switch, what is left of Xero's day, and when to try again."""

from django.db import migrations, models

SECRETS = "'secret:client_secret', 'secret:access_token', 'secret:refresh_token'"
UNAUDITED = ("access_token", "access_expires_at", "refresh_token", "refreshed_at", "read_at", "parked_until")


def audited(*unaudited: str) -> str:
    """The audit trigger of the connection, anew: it leaves out changes of these columns alone."""
    left_out = ", ".join(f"'unaudited:{column}'" for column in unaudited)
    return (
        "DROP TRIGGER audit ON xero_connection;"
        "CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON xero_connection"
        f" FOR EACH ROW EXECUTE FUNCTION app.audit({SECRETS}, {left_out})"
    )


class Migration(migrations.Migration):
    dependencies = [("xero", "0003_consent_by")]

    operations = [
        migrations.AddField("connection", "automatic", models.BooleanField(default=True, db_default=True)),
        migrations.AddField("connection", "day_left", models.PositiveIntegerField(null=True, blank=True)),
        migrations.AddField("connection", "day_left_at", models.DateTimeField(null=True, blank=True)),
        migrations.AddField("intent", "tries", models.PositiveIntegerField(default=0, db_default=0)),
        migrations.AddField("intent", "retry_at", models.DateTimeField(null=True)),
        migrations.AddField("intent", "asked_at", models.DateTimeField(null=True)),
        migrations.AlterField(
            "intent",
            "what",
            models.CharField(
                max_length=12,
                choices=[
                    ("document", "Document"),
                    ("allocation", "Allocation"),
                    ("payment", "Payment"),
                    ("void", "Void"),
                    ("write_off", "Write Off"),
                ],
            ),
        ),
        migrations.RunSQL(audited(*UNAUDITED, "day_left", "day_left_at"), audited(*UNAUDITED)),
    ]
