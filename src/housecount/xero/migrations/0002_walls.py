"""Row-level security and grants of Xero's tables."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)


class Migration(migrations.Migration):
    dependencies = [("xero", "0001_initial"), ("invoices", "0002_walls"), ("tenancy", "0002_walls")]

    operations = [
        *protect(
            "xero_connection",
            read=OFFICE,
            audit=True,
            secret_columns=("client_secret", "access_token", "refresh_token"),
            # A token is renewed and the settings are read again at every push.
            unaudited_columns=(
                "access_token",
                "access_expires_at",
                "refresh_token",
                "refreshed_at",
                "read_at",
                "parked_until",
            ),
        ),
        *protect("xero_consent", read=(), audit=False),
        *protect("xero_intent", read=OFFICE, audit=False),
        *protect("xero_contact", read=OFFICE, audit=True),
        *protect("xero_history", read=OFFICE, audit=False),
        *tie("xero_intent", "document_id", "invoices_document"),
        *tie("xero_contact", "party_id", "invoices_party"),
        *tie("xero_history", "intent_id", "xero_intent"),
    ]
