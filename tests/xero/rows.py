"""A connection to books in Xero as rows, for tests that ask nothing of it."""

from datetime import UTC, datetime
from typing import Any

from housecount.tenancy.identity import acting_as
from housecount.xero.models import Connection
from tests.world import House

_AT = datetime(2026, 11, 27, 1, tzinfo=UTC)


def _account(code: str, name: str, kind: str) -> dict[str, Any]:
    """As Xero tells of it."""
    return {"Code": code, "Name": name, "Type": kind, "Class": kind, "Status": "ACTIVE"}


def connect_books(house: House) -> Connection:
    """A house's books, connected, with two accounts for income."""
    with acting_as(house.system):
        return Connection.objects.create(
            organisation_id=house.organisation.pk,
            custom=True,
            client_id="client",
            client_secret=b"sealed",
            tenant_id=f"tenant {house.marker}",
            tenant_name=f"Books {house.marker}",
            country="AU",
            currency="AUD",
            accounts=[_account("200", "Sales", "REVENUE"), _account("260", "Other Revenue", "REVENUE")],
            mapping={"sales": "200"},
            read_at=_AT,
        )
