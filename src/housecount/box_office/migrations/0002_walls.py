"""Row-level security, grants, audit and the ledger's own guards."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)
SELLERS = (Role.ADMIN, Role.PROMOTER)

# What an act may see hangs on the bill: its own appearances, their shows, and what those shows sold.
ON_THE_BILL = (
    "membership_id IN (SELECT m.id FROM tenancy_membership m WHERE m.user_id = (SELECT app.user_id()))"
)
OWN_SHOW = "id IN (SELECT a.show_id FROM box_office_appearance a)"
OF_OWN_SHOW = "show_id IN (SELECT s.id FROM box_office_show s)"
AT_OWN_SHOW = "id IN (SELECT s.venue_id FROM box_office_show s)"
OF_OWN_LISTING = "listing_id IN (SELECT l.id FROM box_office_listing l)"

KEEP_CONTENT = """
CREATE FUNCTION app.keep_raw_record() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.payload, NEW.kind, NEW.external_id, NEW.content_hash, NEW.event_id, NEW.order_id,
            NEW.first_seen, NEW.organisation_id, NEW.account_id)
        IS NOT DISTINCT FROM (OLD.payload, OLD.kind, OLD.external_id, OLD.content_hash, OLD.event_id, OLD.order_id,
            OLD.first_seen, OLD.organisation_id, OLD.account_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of a raw record is refused: what was read is kept as it was read', TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER keep_content BEFORE UPDATE OR DELETE ON box_office_raw_record
    FOR EACH ROW EXECUTE FUNCTION app.keep_raw_record();
CREATE TRIGGER keep_all BEFORE TRUNCATE ON box_office_raw_record
    FOR EACH STATEMENT EXECUTE FUNCTION app.refuse();
"""
FORGET_CONTENT = """
DROP TRIGGER keep_all ON box_office_raw_record;
DROP TRIGGER keep_content ON box_office_raw_record;
DROP FUNCTION app.keep_raw_record();
"""


class Migration(migrations.Migration):
    dependencies = [("box_office", "0001_initial"), ("tenancy", "0002_walls")]

    operations = [
        *protect("box_office_appearance", read=OFFICE, write=SELLERS, audit=True, read_also=ON_THE_BILL),
        *protect("box_office_show", read=OFFICE, write=SELLERS, audit=True, delete=False, read_also=OWN_SHOW),
        *protect(
            "box_office_venue", read=OFFICE, write=SELLERS, audit=True, delete=False, read_also=AT_OWN_SHOW
        ),
        *protect(
            "box_office_account",
            read=OFFICE,
            write=(Role.ADMIN,),
            audit=True,
            delete=False,
            secret_columns=("credential", "hook_token", "hook_token_hash", "fingerprint"),
        ),
        *protect(
            "box_office_listing",
            read=OFFICE,
            write=SELLERS,
            audit=True,
            delete=False,
            unaudited_columns=("record_hash",),
            read_also=OF_OWN_SHOW,
        ),
        *protect("box_office_suggestion", read=OFFICE, write=SELLERS, audit=True),
        *protect("box_office_ticket_type", read=OFFICE, audit=False, delete=False),
        *protect("box_office_raw_record", read=(), audit=False, delete=False),
        *protect("box_office_order", read=OFFICE, audit=False, delete=False),
        *protect("box_office_ticket", read=OFFICE, audit=False, delete=False),
        *protect("box_office_sales_entry", read=OFFICE, audit=False, append_only=True),
        *protect("box_office_ledger_sequence", read=OFFICE, audit=False, delete=False),
        *protect(
            "box_office_listing_total", read=OFFICE, audit=False, delete=False, read_also=OF_OWN_LISTING
        ),
        *protect("box_office_set_aside", read=OFFICE, audit=False),
        *tie("box_office_show", "venue_id", "box_office_venue"),
        *tie("box_office_show", "merged_into_id", "box_office_show"),
        *tie("box_office_appearance", "show_id", "box_office_show"),
        *tie("box_office_appearance", "membership_id", "tenancy_membership"),
        *tie("box_office_listing", "account_id", "box_office_account"),
        *tie("box_office_listing", "show_id", "box_office_show"),
        *tie("box_office_suggestion", "listing_id", "box_office_listing"),
        *tie("box_office_suggestion", "show_id", "box_office_show"),
        migrations.RunSQL(KEEP_CONTENT, FORGET_CONTENT),
    ]
