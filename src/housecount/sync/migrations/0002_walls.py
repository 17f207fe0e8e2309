"""Row-level security and grants."""

from django.db import migrations

from housecount.tenancy.identity import Role
from housecount.tenancy.walls import grant, protect, tie

OFFICE = (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER)


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_initial"), ("box_office", "0002_walls")]

    operations = [
        *protect("sync_read_run", read=OFFICE, audit=False, delete=False),
        *protect("sync_bookmark", read=(), audit=False),
        *protect("sync_freshness", read=OFFICE, audit=False),
        *protect("sync_circuit_breaker", read=OFFICE, audit=False),
        *tie("sync_read_run", "account_id", "box_office_account"),
        *tie("sync_circuit_breaker", "account_id", "box_office_account"),
        grant("sync_credential_budget", "SELECT", "INSERT", "UPDATE"),
    ]
