"""Walls of what an office keeps beside its documents, and the sums of its documents, kept by triggers."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)

# A change adds rows to the sums and touches none, so that whoever changes documents waits for nobody. All run with the
# rights of whoever changes the document.
SUMS = """
CREATE FUNCTION app.add_to_sums(one invoices_document, state text, documents bigint, total bigint, balance bigint)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO invoices_sums (organisation_id, party_id, direction, currency, kind, state, documents, total, balance)
    SELECT one.organisation_id, one.party_id, one.direction, one.currency, one.kind, state, documents,
           total, balance
     WHERE documents <> 0 OR total <> 0 OR balance <> 0
$$;

-- A note that gives credit counts below zero, whichever sign its lines were written with.
CREATE FUNCTION app.signed_total(one invoices_document) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN one.kind = 'credit_note' OR (one.kind = 'adjustment_note' AND one.total < 0)
        THEN -abs(one.total) ELSE one.total END
$$;

-- What is still to be paid on an issued document that counts; below zero what is owed back, or left of a note.
CREATE FUNCTION app.signed_balance(one invoices_document) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT app.signed_total(one) - sign(app.signed_total(one))::bigint * one.withheld
        - coalesce((SELECT sum(a.amount) FROM invoices_allocation a
                     WHERE a.organisation_id = one.organisation_id AND a.document_id = one.id), 0)::bigint
        + coalesce((SELECT sum(a.amount) FROM invoices_allocation a
                     WHERE a.organisation_id = one.organisation_id AND a.credit_note_id = one.id), 0)::bigint
        - coalesce((SELECT sum(d.amount) FROM invoices_deduction d
                     WHERE d.organisation_id = one.organisation_id AND d.document_id = one.id), 0)::bigint
$$;

CREATE FUNCTION app.sum_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.party_id, OLD.direction, OLD.currency, OLD.kind, OLD.step, OLD.total)
            = (NEW.party_id, NEW.direction, NEW.currency, NEW.kind, NEW.step, NEW.total) THEN
        RETURN NULL;
    END IF;
    -- What is issued is neither changed nor deleted, so the old one has no balance.
    IF TG_OP <> 'INSERT' THEN
        PERFORM app.add_to_sums(OLD, OLD.step, -1, -app.signed_total(OLD), 0);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM app.add_to_sums(NEW, NEW.step, 1, app.signed_total(NEW),
            CASE NEW.step WHEN 'issued' THEN app.signed_balance(NEW) ELSE 0 END);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sums AFTER INSERT OR UPDATE OR DELETE ON invoices_document
    FOR EACH ROW EXECUTE FUNCTION app.sum_document();

CREATE FUNCTION app.sum_allocation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE one invoices_document;
BEGIN
    SELECT * INTO one FROM invoices_document
     WHERE organisation_id = NEW.organisation_id AND id = NEW.document_id;
    PERFORM app.add_to_sums(one, 'issued', 0, 0, -NEW.amount);
    IF NEW.credit_note_id IS NOT NULL THEN
        SELECT * INTO one FROM invoices_document
         WHERE organisation_id = NEW.organisation_id AND id = NEW.credit_note_id;
        PERFORM app.add_to_sums(one, 'issued', 0, 0, NEW.amount);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sums AFTER INSERT ON invoices_allocation FOR EACH ROW EXECUTE FUNCTION app.sum_allocation();

CREATE FUNCTION app.sum_ending() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE one invoices_document;
BEGIN
    SELECT * INTO one FROM invoices_document
     WHERE organisation_id = NEW.organisation_id AND id = NEW.document_id;
    PERFORM app.add_to_sums(one, 'issued', -1, -app.signed_total(one), -app.signed_balance(one));
    PERFORM app.add_to_sums(one, NEW.kind, 1, app.signed_total(one), 0);
    RETURN NULL;
END $$;
CREATE TRIGGER sums AFTER INSERT ON invoices_ending FOR EACH ROW EXECUTE FUNCTION app.sum_ending();

-- The sums of an organisation from its documents: what all the triggers together come to.
CREATE FUNCTION app.sums_of(organisation uuid) RETURNS TABLE (
    party_id uuid, direction text, currency text, kind text, state text, documents bigint, total bigint, balance bigint
) LANGUAGE sql STABLE AS $$
    SELECT d.party_id, d.direction::text, d.currency::text, d.kind::text, coalesce(e.kind, d.step)::text, count(*),
           sum(app.signed_total(d))::bigint,
           sum(CASE WHEN e.kind IS NULL AND d.step = 'issued' THEN app.signed_balance(d) ELSE 0 END)::bigint
      FROM invoices_document d
      LEFT JOIN invoices_ending e ON e.organisation_id = d.organisation_id AND e.document_id = d.id
     WHERE d.organisation_id = organisation GROUP BY 1, 2, 3, 4, 5
$$;

-- The owner is bound by the policies: one organisation after the other.
DO $$
DECLARE organisation uuid;
BEGIN
    PERFORM set_config('app.role', 'system', true), set_config('app.organisation_id', '', true);
    FOR organisation IN SELECT id FROM tenancy_organisation LOOP
        PERFORM set_config('app.organisation_id', organisation::text, true);
        INSERT INTO invoices_sums
            (organisation_id, party_id, direction, currency, kind, state, documents, total, balance)
        SELECT organisation, s.party_id, s.direction, s.currency, s.kind, s.state, s.documents, s.total, s.balance
          FROM app.sums_of(organisation) s;
    END LOOP;
    PERFORM set_config('app.role', '', true), set_config('app.organisation_id', '', true);
END $$;
"""
NO_SUMS = """
DROP FUNCTION app.sums_of(uuid);
DROP TRIGGER sums ON invoices_ending;
DROP FUNCTION app.sum_ending();
DROP TRIGGER sums ON invoices_allocation;
DROP FUNCTION app.sum_allocation();
DROP TRIGGER sums ON invoices_document;
DROP FUNCTION app.sum_document();
DROP FUNCTION app.signed_balance(invoices_document);
DROP FUNCTION app.signed_total(invoices_document);
DROP FUNCTION app.add_to_sums(invoices_document, text, bigint, bigint, bigint);
"""


class Migration(migrations.Migration):
    dependencies = [("invoices", "0006_terms")]

    operations = [
        *protect("invoices_logo", read=OFFICE, write=OFFICE, audit=True, secret_columns=("content",)),
        *protect("invoices_policy", read=OFFICE, write=OFFICE, audit=True, delete=False),
        *protect("invoices_register_answer", read=OFFICE, write=OFFICE, audit=True, append_only=True),
        *protect("invoices_answered", read=OFFICE, write=OFFICE, audit=False, append_only=True),
        *protect("invoices_batch", read=OFFICE, write=OFFICE, audit=False, delete=False),
        *protect("invoices_batch_item", read=OFFICE, write=OFFICE, audit=False),
        *protect("invoices_sums", read=OFFICE, write=OFFICE, audit=False),
        *tie("invoices_register_answer", "party_id", "invoices_party"),
        *tie("invoices_batch_item", "batch_id", "invoices_batch"),
        *tie("invoices_batch_item", "document_id", "invoices_document"),
        *tie("invoices_sums", "party_id", "invoices_party"),
        migrations.RunSQL(SUMS, NO_SUMS),
    ]
