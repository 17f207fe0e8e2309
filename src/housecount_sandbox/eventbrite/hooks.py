"""Eventbrite's hooks: hints sent to whoever registered, unsigned, sometimes twice, in the recorded order."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from housecount_sandbox.eventbrite.listings import API

if TYPE_CHECKING:
    from housecount_sandbox.eventbrite.model import Account, Event, Webhook
    from housecount_sandbox.world import World

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PLACEHOLDER = "https://www.eventbriteapi.com/{api-endpoint-to-fetch-object-details}/"


@dataclass(slots=True)
class Delivery:
    """One hook. `status` is the last answer's; 0: no connection; -1: not to a loopback address, so not sent."""

    account: Account
    webhook: Webhook
    action: str
    api_url: str
    delay: float
    status: int | None = None
    # How often it was sent.
    attempts: int = 0

    def body(self) -> bytes:
        """What is posted: the endpoint's own address and the object's, nothing that can be trusted."""
        return msgspec.json.encode(
            {
                "config": {
                    "action": self.action,
                    "user_id": self.account.organization_id,
                    "endpoint_url": self.webhook.endpoint_url,
                    "webhook_id": self.webhook.id,
                },
                "api_url": self.api_url,
            }
        )

    def headers(self) -> dict[str, str]:
        """The delivery header is the webhook's id: the same every time."""
        return {
            "Accept": "text/plain",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
            "User-Agent": "Eventbrite Hookshot 4b1d0c2",
            "X-Eventbrite-Event": self.action,
            "X-Eventbrite-Delivery": self.webhook.id,
        }

    def as_dict(self) -> dict[str, Any]:
        return {
            "webhook": self.webhook.id,
            "action": self.action,
            "api_url": self.api_url,
            "status": self.status,
            "attempts": self.attempts,
        }


class Hooks:
    """Watches the world and posts. `log` keeps every delivery, newest last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: list[Delivery] = []
        self._random = Random(f"hooks {world.stage.seed}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Send from the running loop what happens from now on."""
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        self.world.eventbrite.listeners.append(self._happened)

    async def stop(self) -> None:
        """Forget what has not left yet."""
        with contextlib.suppress(ValueError):
            self.world.eventbrite.listeners.remove(self._happened)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def ping(self, webhook_id: str) -> None:
        """The dashboard's test: action `test`, and a literal placeholder for an address."""
        for account in self.world.eventbrite.accounts:
            for webhook in account.webhooks:
                if webhook.id == webhook_id:
                    self._queue(Delivery(account, webhook, "test", _PLACEHOLDER, 0.0))
                    return
        raise ValueError(f"no such webhook: {webhook_id}")

    def _happened(self, event: Event, action: str, path: str, delay: float) -> None:
        limits = self.world.limits
        for webhook in list(event.account.webhooks):
            # A check-in is delivered under another name than it is subscribed to.
            subscribed = action.replace("barcode.checked_in", "attendee.checked_in")
            wanted = action in webhook.actions or subscribed in webhook.actions
            if not wanted or webhook.event_id not in (None, event.id):
                continue
            copies = 1 + (self._random.random() < limits.eventbrite_hook_repeats)
            if self._random.random() < limits.eventbrite_hook_losses:
                copies = 0
            for copy in range(copies):
                after = (
                    delay + 3.0 * copy
                ) * limits.eventbrite_hook_pace + limits.eventbrite_hook_delay_seconds
                if limits.eventbrite_hook_jitter_seconds:
                    after += self._random.random() * limits.eventbrite_hook_jitter_seconds
                self._queue(Delivery(event.account, webhook, action, API + path, after))

    def _queue(self, delivery: Delivery) -> None:
        self.log.append(delivery)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin, delivery)

    def _begin(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self._send(delivery))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, delivery: Delivery) -> None:
        url = delivery.webhook.endpoint_url
        if urlsplit(url).hostname not in _LOOPBACK:
            delivery.status = -1
            return
        await asyncio.sleep(delivery.delay)
        limits = self.world.limits
        while True:
            if await self._post(delivery) or delivery.attempts > limits.eventbrite_hook_retries:
                return
            await asyncio.sleep(limits.eventbrite_hook_retry_seconds)

    async def _post(self, delivery: Delivery) -> bool:
        """Whether nothing is left to do: it was taken, or the endpoint is gone."""
        assert self._session is not None
        delivery.attempts += 1
        try:
            async with self._session.post(
                delivery.webhook.endpoint_url,
                data=delivery.body(),
                headers=delivery.headers(),
                allow_redirects=False,
            ) as response:
                delivery.status = response.status
        except (aiohttp.ClientError, TimeoutError):
            delivery.status = 0
        if delivery.status == 410:
            # "Gone" unsubscribes, as documented.
            with contextlib.suppress(ValueError):
                delivery.account.webhooks.remove(delivery.webhook)
        return delivery.status == 410 or 200 <= delivery.status < 300
