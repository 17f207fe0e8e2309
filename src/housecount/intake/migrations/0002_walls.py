"""Row-level security and grants of the webhook log.

The edge adds hooks of any organisation in one statement and sees none of them. A hook that a relay sent
belongs to nobody until the engine has found out whose it is; until then only the engine sees it.
"""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import (
    DECLARATIONS,
    IN_ORGANISATION,
    Declaration,
    acting_across,
    grant,
    role_is,
    row_level_security,
)

READERS = frozenset({Role.ADMIN, Role.PROMOTER, Role.SYSTEM})
DECLARATIONS["webhook_log"] = Declaration(
    "webhook_log",
    read=READERS,
    write=frozenset({Role.SYSTEM}),
    append_only=False,
    delete=True,
    audit=False,
    special=True,
    across=frozenset({Role.SYSTEM}),
)

ENGINE = f"({IN_ORGANISATION} AND {role_is([Role.SYSTEM])})"
NOBODYS = f"(organisation_id IS NULL AND {acting_across([Role.SYSTEM])})"
POLICIES = {
    "seen": f"FOR SELECT USING (({IN_ORGANISATION} AND {role_is(READERS)}) OR {acting_across([Role.SYSTEM])})",
    "added": f"FOR INSERT WITH CHECK ({ENGINE} OR {acting_across([Role.INTAKE])})",
    "changed": f"FOR UPDATE USING ({ENGINE} OR {NOBODYS})"
    f" WITH CHECK ({ENGINE} OR {acting_across([Role.SYSTEM])})",
    "removed": f"FOR DELETE USING ({ENGINE} OR {NOBODYS})",
}


class Migration(migrations.Migration):
    dependencies = [("intake", "0001_initial"), ("sync", "0004_engine_walls")]

    operations = [
        *row_level_security("webhook_log", POLICIES),
        grant("webhook_log", "SELECT", "INSERT", "UPDATE", "DELETE"),
    ]
