"""How often things happened to an account: counters that only rise, for monitoring. The caller sets the identity."""

from housecount.box_office import bulk
from housecount.box_office.ledger import AccountKey

_TALLIES = bulk.Table(
    "sync_tally",
    {"organisation_id": "uuid", "account_id": "uuid", "name": "text", "value": "bigint"},
    ("organisation_id", "account_id", "name"),
)
_ADD = _TALLIES.upsert("value = sync_tally.value + excluded.value")


def count(account: AccountKey, **amounts: int) -> None:
    """Adds `amounts` to the account's counters of these names, in the caller's transaction; zeros write nothing."""
    bulk.write(_ADD, [(*account, name, value) for name, value in sorted(amounts.items()) if value])
