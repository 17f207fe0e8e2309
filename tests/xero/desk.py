"""An office whose books are in the sandbox's Xero."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from housecount.installation import environment
from housecount.platforms.http.client import Limits
from housecount.tenancy.identity import acting_as
from housecount.xero import queries, services
from housecount.xero.models import Connection, Intent
from housecount_sandbox import Sandbox, World
from housecount_sandbox.happenings import do
from housecount_sandbox.xero import places
from housecount_sandbox.xero.model import App, Tenant
from tests.invoices.office import Office
from tests.promoters import new_seed

#: Nobody waits in tests.
QUICK = Limits(attempts=2, backoff=0.01, longest_backoff=0.01, patience=0.2, total=5.0, connect=2.0)


class Desk:
    """The office, the sandbox and what is in both."""

    def __init__(self, sandbox: Sandbox, office: Office) -> None:
        self.sandbox, self.office = sandbox, office
        self.world, self.faults, self.limits = sandbox.world, sandbox.faults, sandbox.world.limits
        self.tenant: Tenant = self.world.xero.tenants[0]
        self.app: App = next(each for each in self.world.xero.apps if each.tenant is self.tenant)

    def connect(self, **options: Any) -> Connection:
        return asyncio.run(services.connect_custom(self.office.organisation_id, **options))

    def push(self) -> services.Outcome:
        return asyncio.run(services.push(self.office.organisation_id, limits=QUICK))

    def pull(self, **options: Any) -> services.Pulled:
        return asyncio.run(services.pull(self.office.organisation_id, limits=QUICK, **options))

    def drift(self) -> list[tuple[str, str, str, str]]:
        """The stored drift: number, field, ours, Xero's."""
        with acting_as(self.office.identity):
            found = services.stored_drift(self.office.organisation_id)
        return [tuple(each)[1:] for each in found]

    def books(self) -> dict[str, Any]:
        """What the sandbox holds."""
        with self.world.stage.lock:
            return places.books(self.tenant, self.world.xero.now())

    def documents(self) -> list[dict[str, Any]]:
        """Its documents that count."""
        return [each for each in self.books()["Documents"] if each["Status"] not in ("VOIDED", "DELETED")]

    def numbers(self) -> Counter[str]:
        return Counter(each.get("InvoiceNumber") or each.get("CreditNoteNumber") for each in self.documents())

    def person(self, verb: str, **what: Any) -> dict[str, Any]:
        """Somebody does something in Xero itself."""
        return do(self.world, {"do": f"xero_{verb}", **what})

    def status(self) -> dict[str, Any]:
        with acting_as(self.office.identity):
            return queries.status(self.office.organisation_id, datetime.now(UTC))

    def row(self) -> Connection:
        with acting_as(self.office.identity):
            return Connection.objects.get(organisation_id=self.office.organisation_id)

    def intents(self) -> list[Intent]:
        with acting_as(self.office.identity):
            return list(
                Intent.objects.filter(organisation_id=self.office.organisation_id).order_by(
                    "rank", "created_at"
                )
            )


@contextmanager
def open_desk(office: Office | None = None) -> Iterator[Desk]:
    """A desk before it is connected, with the environment that leads to its sandbox."""
    world = World.blank(seed=new_seed())
    world.limits.xero_per_minute = 0
    office = office or Office()
    office.ourselves()
    with Sandbox(world) as sandbox, pytest.MonkeyPatch.context() as patch:
        desk = Desk(sandbox, office)
        patch.setenv("XERO_API_URL", sandbox.xero_api_url)
        patch.setenv("XERO_IDENTITY_URL", sandbox.xero_url)
        patch.setenv("XERO_LOGIN_URL", sandbox.xero_url)
        patch.setenv("XERO_CLIENT_ID", desk.app.client_id)
        patch.setenv("XERO_CLIENT_SECRET", desk.app.secret or "")
        patch.setenv("XERO_CALLS_PER_MINUTE", "6000")
        environment.load.cache_clear()
        try:
            yield desk
        finally:
            patch.undo()
            environment.load.cache_clear()
