"""Row-level security of what comes back from Xero, and the agenda, which follows the connections by a trigger."""

from django.db import migrations

from housecount.installation.roles import APP
from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)

FOLLOW = f"""
-- Runs with the rights of whoever changes the connection: the walls hold for the agenda as for it.
CREATE FUNCTION app.follow_xero_connection() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.xero_agenda (organisation_id, tenant_id, pull_at, failures, trouble)
    VALUES (NEW.organisation_id, NEW.tenant_id, CASE WHEN NEW.state = 'connected' THEN clock_timestamp() END, 0, '')
    ON CONFLICT (organisation_id) DO UPDATE SET
        tenant_id = excluded.tenant_id, pull_at = excluded.pull_at, failures = 0, trouble = '',
        pulled_at = CASE WHEN xero_agenda.tenant_id = excluded.tenant_id THEN xero_agenda.pulled_at END;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION app.follow_xero_connection() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.follow_xero_connection() TO {APP};
CREATE TRIGGER agenda_of_new AFTER INSERT ON xero_connection
    FOR EACH ROW EXECUTE FUNCTION app.follow_xero_connection();
CREATE TRIGGER agenda_of_changed AFTER UPDATE OF state, tenant_id ON xero_connection FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state OR OLD.tenant_id IS DISTINCT FROM NEW.tenant_id)
    EXECUTE FUNCTION app.follow_xero_connection();
"""  # noqa: S608 - a constant
UNFOLLOW = """
DROP TRIGGER agenda_of_new ON xero_connection;
DROP TRIGGER agenda_of_changed ON xero_connection;
DROP FUNCTION app.follow_xero_connection();
"""

# The owner is bound by the policies: one organisation after the other.
BEGIN = """
DO $$
DECLARE organisation uuid;
BEGIN
    PERFORM set_config('app.role', 'system', true), set_config('app.organisation_id', '', true);
    FOR organisation IN SELECT id FROM tenancy_organisation LOOP
        PERFORM set_config('app.organisation_id', organisation::text, true);
        INSERT INTO xero_agenda (organisation_id, tenant_id, pull_at, failures, trouble)
        SELECT organisation_id, tenant_id, clock_timestamp(), 0, '' FROM xero_connection
        WHERE organisation_id = organisation AND state = 'connected';
    END LOOP;
    PERFORM set_config('app.role', '', true), set_config('app.organisation_id', '', true);
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("xero", "0005_coming_back"), ("invoices", "0002_walls"), ("tenancy", "0002_walls")]

    operations = [
        *protect("xero_agenda", read=OFFICE, audit=False, across=(Role.SYSTEM,)),
        *protect("xero_cursor", read=OFFICE, audit=False),
        *protect("xero_copy", read=OFFICE, audit=False),
        *protect("xero_payment", read=OFFICE, audit=False),
        *tie("xero_copy", "document_id", "invoices_document"),
        *tie("xero_payment", "document_id", "invoices_document"),
        migrations.RunSQL(FOLLOW, UNFOLLOW),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
    ]
