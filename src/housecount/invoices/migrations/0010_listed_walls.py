"""Walls of the documents as they are listed, which triggers keep, and their first filling."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
# As far as an act sees the document itself.
ISSUED_TO_OWN_PARTY = "state NOT IN ('draft', 'approved') AND party_id IN (SELECT p.id FROM invoices_party p)"

# All run with the rights of whoever changes the document. Documents are locked by whoever pays, credits or ends them,
# so that a row is never written from what another transaction has not committed yet.
LISTED = """
CREATE FUNCTION app.listed_row(one invoices_document) RETURNS invoices_listed LANGUAGE plpgsql STABLE AS $$
DECLARE
    row invoices_listed;
    total bigint := app.signed_total(one);
    balance bigint := app.signed_balance(one);
    settled bigint := total - sign(total)::bigint * one.withheld - balance;
    noted bigint;
    ending text;
BEGIN
    SELECT kind INTO ending FROM invoices_ending
     WHERE organisation_id = one.organisation_id AND document_id = one.id;
    SELECT sum(abs(n.total)) INTO noted FROM invoices_document n
     WHERE n.organisation_id = one.organisation_id AND n.credits_id = one.id AND n.step = 'issued'
       AND app.signed_total(n) < 0
       AND NOT EXISTS (SELECT FROM invoices_ending e
                        WHERE e.organisation_id = n.organisation_id AND e.document_id = n.id);
    row.document_id := one.id;
    row.organisation_id := one.organisation_id;
    row.party_id := one.party_id;
    row.show_id := one.show_id;
    row.direction := one.direction;
    row.kind := one.kind;
    row.currency := one.currency;
    row.state := coalesce(ending, one.step);
    row.credited := row.state = 'issued' AND one.total > 0 AND coalesce(noted, 0) >= one.total;
    row.issue_date := one.issue_date;
    row.due_date := one.due_date;
    row.created_at := one.created_at;
    row.number := upper(coalesce(one.number, ''));
    row.reference := upper(one.reference);
    row.total := total;
    row.balance := CASE row.state WHEN 'issued' THEN balance ELSE 0 END;
    -- A note is settled as far as it was used.
    IF total < 0 THEN
        balance := -balance;
        settled := -settled;
    END IF;
    row.payment := CASE WHEN balance < 0 THEN 'overpaid' WHEN balance = 0 THEN 'paid'
                        WHEN settled > 0 THEN 'part_paid' ELSE 'unpaid' END;
    RETURN row;
END $$;

CREATE FUNCTION app.list_document(organisation uuid, document uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO invoices_listed SELECT listed.*
      FROM invoices_document d, LATERAL app.listed_row(d) listed
     WHERE d.organisation_id = organisation AND d.id = document
    ON CONFLICT (document_id) DO UPDATE SET
        (party_id, show_id, direction, kind, currency, state, credited, payment, issue_date, due_date, number,
         reference, total, balance)
        = (EXCLUDED.party_id, EXCLUDED.show_id, EXCLUDED.direction, EXCLUDED.kind, EXCLUDED.currency, EXCLUDED.state,
           EXCLUDED.credited, EXCLUDED.payment, EXCLUDED.issue_date, EXCLUDED.due_date, EXCLUDED.number,
           EXCLUDED.reference, EXCLUDED.total, EXCLUDED.balance)
$$;

CREATE FUNCTION app.list_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM invoices_listed WHERE organisation_id = OLD.organisation_id AND document_id = OLD.id;
        RETURN NULL;
    END IF;
    PERFORM app.list_document(NEW.organisation_id, NEW.id);
    IF NEW.credits_id IS NOT NULL AND NEW.step = 'issued' THEN
        PERFORM app.list_document(NEW.organisation_id, NEW.credits_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER listed AFTER INSERT OR UPDATE OR DELETE ON invoices_document
    FOR EACH ROW EXECUTE FUNCTION app.list_changed();

CREATE FUNCTION app.list_settled() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app.list_document(NEW.organisation_id, NEW.document_id);
    IF NEW.credit_note_id IS NOT NULL THEN
        PERFORM app.list_document(NEW.organisation_id, NEW.credit_note_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER listed AFTER INSERT ON invoices_allocation FOR EACH ROW EXECUTE FUNCTION app.list_settled();

CREATE FUNCTION app.list_ended() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE corrected uuid;
BEGIN
    PERFORM app.list_document(NEW.organisation_id, NEW.document_id);
    SELECT credits_id INTO corrected FROM invoices_document
     WHERE organisation_id = NEW.organisation_id AND id = NEW.document_id;
    IF corrected IS NOT NULL THEN
        PERFORM app.list_document(NEW.organisation_id, corrected);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER listed AFTER INSERT ON invoices_ending FOR EACH ROW EXECUTE FUNCTION app.list_ended();

-- The owner is bound by the policies: one organisation after the other.
DO $$
DECLARE organisation uuid;
BEGIN
    PERFORM set_config('app.role', 'system', true), set_config('app.organisation_id', '', true);
    FOR organisation IN SELECT id FROM tenancy_organisation LOOP
        PERFORM set_config('app.organisation_id', organisation::text, true);
        INSERT INTO invoices_listed SELECT listed.*
          FROM invoices_document d, LATERAL app.listed_row(d) listed WHERE d.organisation_id = organisation;
    END LOOP;
    PERFORM set_config('app.role', '', true), set_config('app.organisation_id', '', true);
END $$;
"""
NOT_LISTED = """
DROP TRIGGER listed ON invoices_ending;
DROP FUNCTION app.list_ended();
DROP TRIGGER listed ON invoices_allocation;
DROP FUNCTION app.list_settled();
DROP TRIGGER listed ON invoices_document;
DROP FUNCTION app.list_changed();
DROP FUNCTION app.list_document(uuid, uuid);
DROP FUNCTION app.listed_row(invoices_document);
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_listed")]

    operations = [
        *protect("invoices_listed", read=OFFICE, write=OFFICE, audit=False, read_also=ISSUED_TO_OWN_PARTY),
        *tie("invoices_listed", "document_id", "invoices_document"),
        *tie("invoices_listed", "party_id", "invoices_party"),
        *tie("invoices_listed", "show_id", "box_office_show"),
        migrations.RunSQL(LISTED, NOT_LISTED),
    ]
