"""Xero's hooks: signed hints to an application's one address, after it has shown that it checks signatures."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

if TYPE_CHECKING:
    from housecount_sandbox.world import World
    from housecount_sandbox.xero.model import App, Tenant

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PLACES = {"INVOICE": "Invoices", "CONTACT": "Contacts", "CREDITNOTE": "CreditNotes"}
_ANSWER_SECONDS = 5


def signature(key: str, body: bytes) -> str:
    """`x-xero-signature`: base64 of the HMAC-SHA256 of the raw body."""
    return base64.b64encode(hmac.digest(key.encode(), body, "sha256")).decode()


@dataclass(slots=True)
class Delivery:
    """One post. `status` is the last answer's; 0: no answer in time; -1: no loopback address, so not sent."""

    app: App
    body: bytes
    signature: str
    delay: float = 0.0
    status: int | None = None
    attempts: int = 0

    def as_dict(self) -> dict[str, Any]:
        return {
            "app": self.app.name,
            "body": self.body.decode(),
            "status": self.status,
            "attempts": self.attempts,
        }


class XeroHooks:
    """Watches the books and posts. `log` keeps every delivery, newest last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.log: list[Delivery] = []
        self._random = Random(f"xero hooks {world.stage.seed}")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Send from the running loop what happens from now on."""
        self._loop = asyncio.get_running_loop()
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS))
        self.world.xero.listeners.append(self._happened)

    async def stop(self) -> None:
        """Forget what has not left yet."""
        with contextlib.suppress(ValueError):
            self.world.xero.listeners.remove(self._happened)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    def intend(self, app: App) -> None:
        """Ask whether the address checks signatures: posts signed rightly (200 expected) and not (401).

        The hook is on when all were answered so, and off otherwise.
        """
        if app.webhook_url is None:
            raise ValueError(f"{app.name} has no webhook address")
        body = self._body([], 0, 0)
        right, wrong = signature(app.webhook_key, body), signature(app.webhook_key + "x", body)
        posts = [Delivery(app, body, sign) for sign in (right, wrong, right, wrong)]
        self.log += posts
        app.webhook_on = False
        self._start(self._ask(app, posts, right))

    def _happened(
        self, tenant: Tenant, category: str, kind: str, identity: str, data: dict[str, Any] | None
    ) -> None:
        limits = self.world.limits
        for app in self.world.xero.apps:
            if not app.webhook_on or not self.world.xero.connected(app, tenant):
                continue
            event = {
                "resourceUrl": f"https://api.xero.com/api.xro/2.0/{_PLACES[category]}/{identity}",
                "resourceId": identity,
                "tenantId": tenant.id,
                "tenantType": "ORGANISATION",
                "eventCategory": category,
                "eventType": kind,
                "eventDateUtc": self.world.xero.now().replace(tzinfo=None).isoformat(timespec="milliseconds"),
            }
            if data is not None:
                event["data"] = data  # type: ignore[assignment]
            app.sequence += 1
            body = self._body([event], app.sequence, app.sequence)
            copies = 1 + (self._random.random() < limits.xero_hook_repeats)
            if self._random.random() < limits.xero_hook_losses:
                copies = 0
            for _ in range(copies):
                delay = self._random.random() * limits.xero_hook_jitter_seconds
                delivery = Delivery(app, body, signature(app.webhook_key, body), delay)
                self.log.append(delivery)
                self._start(self._send(delivery))

    def _body(self, events: list[Any], first: int, last: int) -> bytes:
        entropy = "".join(self._random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=20))
        return msgspec.json.encode(
            {"events": events, "firstEventSequence": first, "lastEventSequence": last, "entropy": entropy}
        )

    def _start(self, work: Any) -> None:
        if self._loop is None or self._loop.is_closed():
            work.close()
            return
        self._loop.call_soon_threadsafe(self._begin, work)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, app: App, posts: list[Delivery], right: str) -> None:
        for post in posts:
            await self._post(post)
        app.webhook_on = all(post.status == (200 if post.signature == right else 401) for post in posts)

    async def _send(self, delivery: Delivery) -> None:
        await asyncio.sleep(delivery.delay)
        limits = self.world.limits
        wait = limits.xero_hook_retry_seconds
        while True:
            await self._post(delivery)
            if delivery.status in (-1, 200):
                return
            if delivery.attempts > limits.xero_hook_retries:
                # Nobody took it for too long: nothing more is sent.
                delivery.app.webhook_on = False
                return
            await asyncio.sleep(wait)
            wait *= 2

    async def _post(self, delivery: Delivery) -> None:
        assert self._session is not None
        url = delivery.app.webhook_url or ""
        if urlsplit(url).hostname not in _LOOPBACK:
            delivery.status = -1
            return
        delivery.attempts += 1
        headers = {"Content-Type": "application/json; charset=utf-8", "x-xero-signature": delivery.signature}
        try:
            async with self._session.post(
                url, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                delivery.status = response.status
        except (aiohttp.ClientError, TimeoutError):
            delivery.status = 0
