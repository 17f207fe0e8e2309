"""`python -m bench.platform`: stands in for Humanitix with any number of accounts, of one show tonight each.

Every key is an account; nothing is ever sold. It answers at once, so that what is measured is ours. Says its address.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.request import Request, urlopen

import msgspec
from aiohttp import web

from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World


def event_id(key: str) -> str:
    """The one event of the account with this key."""
    return sha256(key.encode()).hexdigest()[:24]


def show_time() -> datetime:
    """Late enough tonight that every account is read quickly all the time."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _page() -> dict[str, Any]:
    """A list of one event, as the sandbox tells it."""
    world = World.blank(seed=1)
    world.add_humanitix_event("Friday Night Laughs", show_time())
    with Sandbox(world) as sandbox:
        key = world.credentials()["humanitix"][0]["key"]
        asked = Request(f"{sandbox.humanitix_url}/events?page=1", headers={"x-api-key": key})
        with urlopen(asked) as answer:
            page: dict[str, Any] = msgspec.json.decode(answer.read())
    return page


async def _serve() -> None:
    page = _page()
    original: str = page["events"][0]["_id"]
    text = msgspec.json.encode(page)
    nothing = {
        kind: msgspec.json.encode({"total": 0, "page": 1, "pageSize": 100, kind: []})
        for kind in ("orders", "tickets")
    }

    async def events(request: web.Request) -> web.Response:
        body = text.replace(original.encode(), event_id(request.headers["x-api-key"]).encode())
        return web.Response(body=body, content_type="application/json")

    async def sold(request: web.Request) -> web.Response:
        return web.Response(body=nothing[request.match_info["kind"]], content_type="application/json")

    application = web.Application()
    application.router.add_get("/v1/events", events)
    application.router.add_get("/v1/events/{event}/{kind:orders|tickets}", sold)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    sys.stdout.write(f"http://127.0.0.1:{port}/v1\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
