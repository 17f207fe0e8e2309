"""Sessions that say whose they are, and the second factor of signing in.

Whoever is signed in while this is applied signs in again: the former table is emptied.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import audited, grant, role_is, row_level_security

# Before it is known who asks, a session is looked up by its key; then each person sees their own.
_OWN = f"{role_is([Role.NOBODY, Role.SYSTEM])} OR user_id = (SELECT app.user_id())"


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0003_tokens"), ("mfa", "0003_authenticator_type_uniq")]

    operations = [
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("device", models.CharField(blank=True, max_length=80)),
                ("signed_in_at", models.DateTimeField(null=True)),
                ("seen_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "tenancy_session",
                "indexes": [models.Index(fields=["user"], name="session_by_user")],
            },
        ),
        *row_level_security("tenancy_session", {"own": f"USING ({_OWN}) WITH CHECK ({_OWN})"}),
        grant("tenancy_session", "SELECT", "INSERT", "UPDATE", "DELETE"),
        migrations.RunSQL("DELETE FROM django_session", migrations.RunSQL.noop),
        # Not forced: allauth's own migrations run as the owner, and must see the rows.
        migrations.RunSQL(
            "ALTER TABLE mfa_authenticator ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE mfa_authenticator DISABLE ROW LEVEL SECURITY",
        ),
        migrations.RunSQL(
            f"CREATE POLICY own ON mfa_authenticator USING ({_OWN}) WITH CHECK ({_OWN})",
            "DROP POLICY own ON mfa_authenticator",
        ),
        grant("mfa_authenticator", "SELECT", "INSERT", "UPDATE", "DELETE"),
        audited("mfa_authenticator", secret_columns=["data"], unaudited_columns=["last_used_at"]),
    ]
