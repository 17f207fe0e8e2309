"""API tokens, the answers kept for idempotency keys, and the name of the token in the audit log.

A token is looked up before it is known whose it is, by nobody in particular. That door is as narrow as can be:
`app.bearer` tells `app.presented_token` the hash it was given, and only the one row with that hash is seen.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

from housecount.installation.roles import APP
from housecount.tenancy.identity import Role
from housecount.tenancy.walls import IN_ORGANISATION, acting_across, protect

ROLES = [("admin", "Admin"), ("promoter", "Promoter"), ("bookkeeper", "Bookkeeper"), ("act", "Act")]
BEARER = f"""
CREATE FUNCTION app.token_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(current_setting('app.token_id', true), '')::uuid $$;

CREATE FUNCTION app.presented_token() RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT decode(nullif(current_setting('app.presented_token', true), ''), 'hex') $$;

-- Runs with the rights of whoever calls it. Hands back the token with this hash, if it may be used at this moment.
CREATE FUNCTION app.bearer(presented bytea)
RETURNS TABLE (id uuid, organisation_id uuid, user_id uuid, role text, scopes jsonb, last_used_at timestamptz)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.presented_token', encode(presented, 'hex'), true);
    RETURN QUERY
        SELECT token.id, token.organisation_id, token.created_by_id, token.role::text, token.scopes,
            token.last_used_at
        FROM public.tenancy_api_token token
        WHERE token.token_hash = presented AND token.revoked_at IS NULL
          AND (token.expires_at IS NULL OR token.expires_at > clock_timestamp());
    PERFORM set_config('app.presented_token', '', true);
END $$;
REVOKE ALL ON FUNCTION app.bearer(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.bearer(bytea) TO {APP};
"""  # noqa: S608 - constants
NO_BEARER = """
DROP FUNCTION app.bearer(bytea);
DROP FUNCTION app.presented_token();
DROP FUNCTION app.token_id();
"""

MINE = f"{IN_ORGANISATION} AND created_by_id = (SELECT app.user_id())"
MY_ANSWERS = f"{IN_ORGANISATION} AND user_id = (SELECT app.user_id())"


def policies(table: str, **bodies: str) -> migrations.RunSQL:
    """Policies beside those of `protect`."""
    return migrations.RunSQL(
        "; ".join(f'CREATE POLICY {name} ON "{table}" {body}' for name, body in bodies.items()),
        "; ".join(f'DROP POLICY {name} ON "{table}"' for name in bodies),
    )


class Migration(migrations.Migration):
    dependencies = [("tenancy", "0002_walls")]

    operations = [
        migrations.CreateModel(
            name="ApiToken",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100)),
                ("prefix", models.CharField(max_length=12)),
                ("token_hash", models.BinaryField(unique=True)),
                ("role", models.CharField(choices=ROLES, max_length=16)),
                ("scopes", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("expires_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(help_text="Written at most once a minute.", null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_tokens",
                        to="tenancy.organisation",
                    ),
                ),
            ],
            options={
                "db_table": "tenancy_api_token",
                "ordering": ["-created_at", "id"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(role__in=[value for value, _ in ROLES]), name="api_token_role"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiTokenUse",
            fields=[
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="tenancy.apitoken",
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("used", models.PositiveIntegerField()),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organisation",
                    ),
                ),
            ],
            options={"db_table": "tenancy_api_token_use"},
        ),
        migrations.CreateModel(
            name="ApiAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("principal", models.UUIDField()),
                ("key", models.CharField(max_length=100)),
                ("request_hash", models.BinaryField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("content_type", models.CharField(blank=True, max_length=100)),
                ("content", models.BinaryField(default=b"")),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                (
                    "organisation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="tenancy.organisation",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "tenancy_api_answer",
                "indexes": [models.Index(fields=["organisation", "created_at"], name="api_answer_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "principal", "key"), name="answered_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="auditentry",
            name="actor_token_id",
            field=models.UUIDField(help_text="The API token that spoke for the person.", null=True),
        ),
        migrations.RunSQL(BEARER, NO_BEARER),
        # The audit trigger names its columns; what it leaves out is filled in here.
        migrations.RunSQL(
            "ALTER TABLE tenancy_auditentry ALTER COLUMN actor_token_id SET DEFAULT app.token_id()",
            "ALTER TABLE tenancy_auditentry ALTER COLUMN actor_token_id DROP DEFAULT",
        ),
        *protect(
            "tenancy_api_token",
            read=[Role.ADMIN],
            write=[Role.ADMIN],
            audit=True,
            delete=False,
            secret_columns=["token_hash"],
            unaudited_columns=["last_used_at"],
        ),
        policies(
            "tenancy_api_token",
            own_seen=f"FOR SELECT USING ({MINE})",
            own_added=f"FOR INSERT WITH CHECK ({MINE})",
            own_changed=f"FOR UPDATE USING ({MINE}) WITH CHECK ({MINE})",
            presented="FOR SELECT USING (token_hash = (SELECT app.presented_token())"
            f" AND {acting_across([Role.NOBODY])})",
        ),
        # Counts of one minute need not outlive a crash, nor be waited for.
        migrations.RunSQL("ALTER TABLE tenancy_api_token_use SET UNLOGGED", migrations.RunSQL.noop),
        *protect("tenancy_api_token_use", read=[Role.ADMIN], audit=False),
        *protect("tenancy_api_answer", read=[], audit=False),
        policies("tenancy_api_answer", own=f"USING ({MY_ANSWERS}) WITH CHECK ({MY_ANSWERS})"),
    ]
