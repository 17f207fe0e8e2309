"""Row-level security, grants, audit, and the triggers that keep what was issued as it was issued."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)

# An act sees the party it signs in as, and what was issued to or for that party.
OWN_PARTY = (
    "membership_id IN (SELECT m.id FROM tenancy_membership m WHERE m.user_id = (SELECT app.user_id()))"
)
OF_OWN_PARTY = "party_id IN (SELECT p.id FROM invoices_party p)"
ISSUED_TO_OWN_PARTY = f"step = 'issued' AND {OF_OWN_PARTY}"
OF_OWN_DOCUMENT = "document_id IN (SELECT d.id FROM invoices_document d)"

FREEZE = """
CREATE FUNCTION app.keep_issued_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.step = 'issued' THEN
        RAISE EXCEPTION '% of an issued document is refused: correct it by another document', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_issued BEFORE UPDATE OR DELETE ON invoices_document
    FOR EACH ROW EXECUTE FUNCTION app.keep_issued_document();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON invoices_document
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse();

CREATE FUNCTION app.keep_issued_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owners uuid[] := CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.document_id] WHEN 'DELETE' THEN ARRAY[OLD.document_id]
        ELSE ARRAY[OLD.document_id, NEW.document_id] END;
    found integer;
BEGIN
    -- Locked, so that a line cannot slip into a document that is being issued at this moment.
    PERFORM FROM invoices_document WHERE id = ANY (owners) FOR UPDATE;
    SELECT count(*) INTO found FROM invoices_document WHERE id = ANY (owners) AND step <> 'issued';
    IF found <> (SELECT count(DISTINCT owner) FROM unnest(owners) owner) THEN
        RAISE EXCEPTION '% of a line of an issued document is refused: correct it by another document', TG_OP
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER keep_issued BEFORE INSERT OR UPDATE OR DELETE ON invoices_line
    FOR EACH ROW EXECUTE FUNCTION app.keep_issued_line();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON invoices_line
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse();
"""
THAW = """
DROP TRIGGER keep_all ON invoices_line;
DROP TRIGGER keep_issued ON invoices_line;
DROP FUNCTION app.keep_issued_line();
DROP TRIGGER keep_all ON invoices_document;
DROP TRIGGER keep_issued ON invoices_document;
DROP FUNCTION app.keep_issued_document();
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0001_initial"), ("box_office", "0002_walls"), ("tenancy", "0002_walls")]

    operations = [
        *protect(
            "invoices_party",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            delete=False,
            secret_columns=("bank_details",),
            read_also=OWN_PARTY,
        ),
        *protect("invoices_contact", read=OFFICE, write=OFFICE, audit=True),
        *protect(
            "invoices_agreement", read=OFFICE, write=OFFICE, audit=True, delete=False, read_also=OF_OWN_PARTY
        ),
        *protect("invoices_document", read=OFFICE, write=OFFICE, audit=True, read_also=ISSUED_TO_OWN_PARTY),
        *protect("invoices_line", read=OFFICE, write=OFFICE, audit=True, read_also=OF_OWN_DOCUMENT),
        *protect("invoices_series", read=OFFICE, write=OFFICE, audit=False, delete=False),
        *protect(
            "invoices_ending",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            append_only=True,
            read_also=OF_OWN_DOCUMENT,
        ),
        *protect(
            "invoices_file",
            read=OFFICE,
            write=OFFICE,
            audit=False,
            append_only=True,
            read_also=OF_OWN_DOCUMENT,
        ),
        *protect(
            "invoices_payment",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            append_only=True,
            read_also=OF_OWN_PARTY,
        ),
        *protect(
            "invoices_allocation",
            read=OFFICE,
            write=OFFICE,
            audit=True,
            append_only=True,
            read_also=OF_OWN_DOCUMENT,
        ),
        *protect("invoices_event", read=OFFICE, write=OFFICE, audit=False, append_only=True),
        *tie("invoices_party", "membership_id", "tenancy_membership"),
        *tie("invoices_contact", "party_id", "invoices_party"),
        *tie("invoices_agreement", "party_id", "invoices_party"),
        *tie("invoices_document", "party_id", "invoices_party"),
        *tie("invoices_document", "show_id", "box_office_show"),
        *tie("invoices_document", "agreement_id", "invoices_agreement"),
        *tie("invoices_document", "credits_id", "invoices_document"),
        *tie("invoices_line", "document_id", "invoices_document"),
        *tie("invoices_ending", "document_id", "invoices_document"),
        *tie("invoices_file", "document_id", "invoices_document"),
        *tie("invoices_payment", "party_id", "invoices_party"),
        *tie("invoices_allocation", "document_id", "invoices_document"),
        *tie("invoices_allocation", "payment_id", "invoices_payment"),
        *tie("invoices_allocation", "credit_note_id", "invoices_document"),
        *tie("invoices_event", "document_id", "invoices_document"),
        migrations.RunSQL(FREEZE, THAW),
    ]
