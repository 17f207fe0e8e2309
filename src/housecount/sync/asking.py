"""Ordinary reads that hooks ask for. The caller sets the identity."""

from collections.abc import Collection
from datetime import datetime, timedelta

from housecount.box_office.ledger import AccountKey
from housecount.sync import agenda
from housecount.sync.models import ReadRun

#: How often hooks have an account read in the ordinary way.
ASK_EVERY = timedelta(seconds=20)


def ask_soon(account: AccountKey, now: datetime, event_ids: Collection[str] | None = None) -> None:
    """Asks for an ordinary read of the account, or of these events of it, at the earliest `ASK_EVERY` after its last
    one: hooks may come faster than an account can be read. The caller sets the identity."""
    runs = ReadRun.objects.filter(organisation_id=account.organisation_id, account_id=account.account_id)
    last = runs.order_by("-started_at").values_list("started_at", flat=True).first()
    recent = last is not None and now - ASK_EVERY < last <= now
    agenda.ask(account, last + ASK_EVERY if last is not None and recent else now, event_ids)
