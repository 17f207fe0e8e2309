"""Hooks as the edge puts them into the log, for tests of what becomes of them."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from housecount.intake.desk import Desk
from housecount.intake.models import Hook
from housecount.platforms import registry
from housecount.sync.models import HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount_sandbox.eventbrite.model import Order as EventbriteOrder
from tests.promoters import impatient_client
from tests.sync.theatre import MELBOURNE, Theatre

_INSERT = (
    "INSERT INTO webhook_log (organisation_id, account_id, platform, received_at, headers, body, webhook_id, action,"
    " verdict, touches, next_try_at, status, attempts, outcome, explanation)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'waiting', 0, '', '')"
)
V3 = "https://www.eventbriteapi.com/v3/"


class Post:
    """Delivers hooks to a theatre's accounts and has them handled."""

    def __init__(self, stage: Theatre) -> None:
        self.stage = stage
        self.organisation_id = stage.promoter.organisation_id
        self.loop = asyncio.Runner()
        self.desk = Desk(client_of=impatient_client, now=stage.clock)

    def eventbrite(
        self,
        path: str,
        action: str = "order.updated",
        *,
        account: int = MELBOURNE,
        webhook_id: str = "",
        late: float = 0.0,
    ) -> int:
        """A delivery of Eventbrite's about `path`, `late` seconds after now; the hook's id."""
        config: dict[str, Any] = {"action": action, "user_id": "300000000001"}
        if webhook_id:
            config["webhook_id"] = webhook_id
        return self.put("eventbrite", {"config": config, "api_url": V3 + path}, account, late=late)

    def order(self, order: EventbriteOrder, action: str = "order.updated", **more: Any) -> int:
        return self.eventbrite(f"orders/{order.id}/", action, **more)

    def put(
        self,
        platform: str,
        document: Any,
        account: int | None,
        *,
        late: float = 0.0,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Any JSON, to an account's address; without one, as a relay sends it."""
        body = json.dumps(document).encode()
        reading = registry.source(platform).read_hook(body)
        at = self.stage.clock() + timedelta(seconds=late)
        found = None if account is None else self.stage.promoter.accounts[account]
        row = (
            found and self.organisation_id, found and found.pk, platform, at, json.dumps(headers or {}), body,
            reading.webhook_id, reading.action, reading.verdict, msgspec.json.encode(reading.touches).decode(), at,
        )  # fmt: skip
        with acting_as(Identity(Role.INTAKE)), connection.cursor() as cursor:
            cursor.execute(_INSERT, row)
        with acting_as(Identity.system()):
            return Hook.objects.order_by("-pk").values_list("pk", flat=True)[0]

    def handle(self, *, seconds: float = 0.0) -> int:
        """Everything that is due `seconds` later is handled once; how many hooks were settled or put off."""
        self.stage.clock.pass_by(seconds=seconds)
        return self.loop.run(self.desk.handle_waiting())

    def close(self) -> None:
        self.loop.run(self.desk.__aexit__())
        self.loop.close()

    def close_other_doors(self, *kept: UUID) -> None:
        """As if there were no organisation but this one (and those `kept`): other tests have left theirs, whose events
        bear the same ids."""
        with acting_as(Identity.system()):
            others = set(HookDoor.objects.values_list("organisation_id", flat=True))
        for organisation_id in others - {self.organisation_id, *kept}:
            with acting_as(Identity.system(organisation_id)):
                HookDoor.objects.filter(organisation_id=organisation_id).delete()

    def hook(self, hook_id: int) -> Hook:
        with acting_as(Identity.system()):
            return Hook.objects.get(pk=hook_id)

    def state(self, hook_id: int) -> tuple[str, str]:
        """The status and the outcome of a hook."""
        hook = self.hook(hook_id)
        return hook.status, hook.outcome

    @staticmethod
    def real_now() -> datetime:
        """The time that shared breakers go by."""
        return datetime.now(UTC)

    def due_in(self, hook_id: int) -> float:
        """In how many seconds a hook is tried again."""
        next_try_at: datetime | None = self.hook(hook_id).next_try_at
        assert next_try_at is not None
        return (next_try_at - self.stage.clock()).total_seconds()

    def asked(self, platform: str = "eventbrite") -> int:
        """How many questions the platform has been asked so far."""
        return sum(self.stage.sandbox.requests(platform).values())

    def asked_for(self, order: EventbriteOrder) -> int:
        """How often one order was asked for."""
        return self.stage.sandbox.requests("eventbrite")[f"/v3/orders/{order.id}/"]

    def door(self, account: int) -> HookDoor:
        with acting_as(self.stage.promoter.identity):
            return HookDoor.objects.get(account_id=self.stage.promoter.accounts[account].pk)

    def address(self, account: int, base: str = "https://tickets.example.org") -> str:
        found = self.stage.promoter.accounts[account]
        return f"{base}/hooks/{found.platform}/{crypto.decrypt(found.hook_token).reveal()}"

    def registered(self, account: int, actions: Sequence[str] = ("order.updated",), url: str = "") -> str:
        """A webhook that somebody entered at the sandbox by hand; its id."""
        there = self.stage.world.eventbrite.accounts[account]
        made = self.stage.world.eventbrite.add_webhook(
            there, url or self.address(account), list(actions), None
        )
        return made.id
