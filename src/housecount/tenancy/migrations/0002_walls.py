"""Row-level security on what tenancy keeps, and grants on what signing in keeps.

User rows belong to no organisation. A person sees themselves; an admin sees the members too; signing in and
resetting a password (`nobody`) look anyone up by e-mail address, and `system` makes users. `nobody` changes
only the row of the person it was told of (`app.user_id`), which the account adapter says once a password
or a mailed token has proved it.
"""

from django.db import migrations
from django.db.migrations.operations.base import Operation

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import (
    DECLARATIONS,
    Declaration,
    audited,
    functions,
    grant,
    protect,
    role_is,
    row_level_security,
)

SYSTEM = role_is([Role.SYSTEM])
ADMIN = role_is([Role.ADMIN])
MY_ORGANISATION = "organisation_id = (SELECT app.organisation_id())"
SELF = "user_id = (SELECT app.user_id())"

STEWARDS = frozenset({Role.ADMIN, Role.SYSTEM})
for special in (
    Declaration("tenancy_membership", STEWARDS, STEWARDS, False, True, True, special=True),
    Declaration("tenancy_auditentry", STEWARDS, frozenset(), True, False, False, special=True),
):
    DECLARATIONS[special.table] = special

USER = row_level_security(
    "tenancy_user",
    {
        "seen": f"FOR SELECT USING (id = (SELECT app.user_id()) OR {role_is([Role.NOBODY, Role.SYSTEM])}"  # noqa: S608
        f" OR ({ADMIN} AND EXISTS (SELECT FROM tenancy_membership AS membership"
        " WHERE membership.user_id = tenancy_user.id"
        " AND membership.organisation_id = (SELECT app.organisation_id()))))",
        "added": f"FOR INSERT WITH CHECK ({SYSTEM})",
        "changed": f"FOR UPDATE USING (id = (SELECT app.user_id()) OR {SYSTEM})"
        f" WITH CHECK (id = (SELECT app.user_id()) OR {SYSTEM})",
    },
)

ORGANISATION = row_level_security(
    "tenancy_organisation",
    {
        "seen": "FOR SELECT USING (id = (SELECT app.organisation_id())"  # noqa: S608
        f" OR ({SYSTEM} AND (SELECT app.organisation_id()) IS NULL)"
        f" OR id IN (SELECT organisation_id FROM tenancy_membership WHERE {SELF}))",
        # The row of a new organisation is made by a command, in the organisation it makes.
        "added": f"FOR INSERT WITH CHECK (id = (SELECT app.organisation_id()) AND {SYSTEM})",
        "changed": "FOR UPDATE USING (id = (SELECT app.organisation_id())"
        f" AND {role_is([Role.ADMIN, Role.SYSTEM])})"
        f" WITH CHECK (id = (SELECT app.organisation_id()) AND {role_is([Role.ADMIN, Role.SYSTEM])})",
    },
)

_STEWARD = f"{MY_ORGANISATION} AND {role_is([Role.ADMIN, Role.SYSTEM])}"
MEMBERSHIP = row_level_security(
    "tenancy_membership",
    {
        "seen": f"FOR SELECT USING ({SELF} OR ({_STEWARD}))",
        "added": f"FOR INSERT WITH CHECK ({_STEWARD})",
        "changed": f"FOR UPDATE USING ({_STEWARD}) WITH CHECK ({_STEWARD})",
        "removed": f"FOR DELETE USING ({_STEWARD})",
    },
)

AUDIT = row_level_security(
    "tenancy_auditentry",
    {
        "seen": f"FOR SELECT USING ({_STEWARD})",
        # The trigger function alone adds entries, and it runs as the owner, who runs this.
        "added": "FOR INSERT TO CURRENT_USER WITH CHECK (true)",
    },
)


def emails(table: str, mine: str) -> list[Operation]:
    """Addresses that allauth keeps are a person's own; only signing in looks among all of them.

    Not forced: allauth's own migrations run as the owner, and must see them.
    """
    condition = f"{role_is([Role.NOBODY, Role.SYSTEM])} OR {mine}"
    return [
        migrations.RunSQL(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ),
        migrations.RunSQL(
            f"CREATE POLICY own ON {table} USING ({condition}) WITH CHECK ({condition})",
            f"DROP POLICY own ON {table}",
        ),
        grant(table, "SELECT", "INSERT", "UPDATE", "DELETE"),
    ]


class Migration(migrations.Migration):
    dependencies = [
        ("tenancy", "0001_initial"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("sessions", "0001_initial"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        *functions(),
        *USER,
        grant("tenancy_user", "SELECT", "INSERT", "UPDATE"),
        migrations.RunSQL(
            """
            CREATE FUNCTION app.only_system_makes_operators() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.is_staff AND (TG_OP = 'INSERT' OR NOT OLD.is_staff)
                   AND app.role() IS NOT NULL AND app.role() <> 'system' THEN
                    RAISE EXCEPTION 'an operator is made on the command line only'
                        USING ERRCODE = 'insufficient_privilege';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER operators BEFORE INSERT OR UPDATE ON tenancy_user
                FOR EACH ROW EXECUTE FUNCTION app.only_system_makes_operators();
            """,
            """
            DROP TRIGGER operators ON tenancy_user;
            DROP FUNCTION app.only_system_makes_operators();
            """,
        ),
        audited("tenancy_user", secret_columns=["password"], unaudited_columns=["last_login"]),
        *ORGANISATION,
        grant("tenancy_organisation", "SELECT", "INSERT", "UPDATE"),
        audited("tenancy_organisation"),
        *MEMBERSHIP,
        grant("tenancy_membership", "SELECT", "INSERT", "UPDATE", "DELETE"),
        audited("tenancy_membership"),
        *protect(
            "tenancy_invitation",
            read=[Role.ADMIN],
            write=[Role.ADMIN],
            secret_columns=["token_hash"],
            audit=True,
        ),
        *AUDIT,
        grant("tenancy_auditentry", "SELECT"),
        migrations.RunSQL(
            "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tenancy_auditentry"
            " FOR EACH STATEMENT EXECUTE FUNCTION app.refuse()",
            "DROP TRIGGER append_only ON tenancy_auditentry",
        ),
        # What signing in keeps; not tenant tables.
        grant("django_session", "SELECT", "INSERT", "UPDATE", "DELETE"),
        grant("django_content_type", "SELECT"),
        *emails("account_emailaddress", SELF),
        *emails("account_emailconfirmation", "email_address_id IN (SELECT id FROM account_emailaddress)"),
    ]
