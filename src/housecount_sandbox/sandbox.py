"""The servers, running: in a thread of their own for tests, or in the caller's loop for the command."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from housecount_sandbox.eventbrite.hooks import Hooks
from housecount_sandbox.faults import PLATFORMS, Faults
from housecount_sandbox.server import PlatformServer
from housecount_sandbox.xero.hooks import XeroHooks

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Coroutine
    from types import TracebackType

    from housecount_sandbox.world import World

HOST = "127.0.0.1"


class Sandbox:
    """`with Sandbox(world) as sandbox:` serves the platforms and Xero on loopback until the block ends.

    Ports: 0 takes a free one. `trickle` is how many happenings a minute the world makes by itself.
    """

    def __init__(
        self,
        world: World,
        *,
        faults: Faults | None = None,
        trickle: float = 0.0,
        eventbrite_port: int = 0,
        humanitix_port: int = 0,
        xero_port: int = 0,
    ) -> None:
        self.world = world
        self.faults = faults or Faults(world.stage.seed)
        self.hooks = Hooks(world)
        self.xero_hooks = XeroHooks(world)
        world.trickle.per_minute = trickle
        self.servers = {
            name: PlatformServer(
                name, world, self.faults, self.xero_hooks if name == "xero" else self.hooks, self._doors
            )
            for name in PLATFORMS
        }
        self._ports = {"eventbrite": eventbrite_port, "humanitix": humanitix_port, "xero": xero_port}
        self._runners: dict[str, web.ServerRunner] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def eventbrite_url(self) -> str:
        """The base URL with the version, without a trailing slash."""
        return f"http://{HOST}:{self._ports['eventbrite']}/v3"

    @property
    def humanitix_url(self) -> str:
        """The base URL with the version, without a trailing slash."""
        return f"http://{HOST}:{self._ports['humanitix']}/v1"

    @property
    def xero_url(self) -> str:
        """The root of Xero's host, without a trailing slash: sign-in and consent are there too."""
        return f"http://{HOST}:{self._ports['xero']}"

    @property
    def xero_api_url(self) -> str:
        """The base URL of Xero's accounting API, without a trailing slash."""
        return f"{self.xero_url}/api.xro/2.0"

    def requests(self, platform: str) -> Counter[str]:
        """How often each path of the platform was asked for."""
        return self.servers[platform].requests

    def document(self) -> dict[str, Any]:
        """Where everything is and how to get in: what the command prints when it is ready."""
        accounts = self.world.credentials()
        return {
            "eventbrite": {"url": self.eventbrite_url, "accounts": accounts["eventbrite"]},
            "humanitix": {"url": self.humanitix_url, "accounts": accounts["humanitix"]},
            # No accounts that sell anything; `apps` are what may write into the books.
            "xero": {
                "url": self.xero_api_url,
                "identity_url": self.xero_url,
                "login_url": self.xero_url,
                "accounts": [],
                "apps": accounts["xero"],
                "tenants": [
                    {"id": each.id, "name": each.name, "country": each.country}
                    for each in self.world.xero.tenants
                ],
            },
        }

    async def start(self) -> None:
        """Begin to serve in the running loop. OSError when a port is taken."""
        self._loop = asyncio.get_running_loop()
        for name, server in self.servers.items():
            runner = web.ServerRunner(web.Server(server.handle, access_log=None), shutdown_timeout=0.1)
            await runner.setup()
            self._runners[name] = runner
            await self._listen(name)
        await self.hooks.start()
        await self.xero_hooks.start()
        self.faults.watchers.append(self._faults_changed)
        self._tasks.append(asyncio.create_task(self.world.trickle.run()))

    async def stop(self) -> None:
        """Close every connection and free the ports."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.hooks.stop()
        await self.xero_hooks.stop()
        if self._faults_changed in self.faults.watchers:
            self.faults.watchers.remove(self._faults_changed)
        for runner in self._runners.values():
            await runner.cleanup()

    async def _listen(self, name: str) -> None:
        site = web.TCPSite(self._runners[name], HOST, self._ports[name])
        await site.start()
        self._ports[name] = self._runners[name].addresses[0][1]

    def _faults_changed(self) -> None:
        """Close or open the doors of a platform that takes no connections; done when this returns, except
        in the servers' own loop, where the control API does it before it answers."""
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._call(self._doors())

    async def _doors(self) -> None:
        for name, runner in self._runners.items():
            refusing = self.faults.refusing(name)
            if refusing:
                for site in list(runner.sites):
                    await site.stop()
            elif not runner.sites:
                await self._listen(name)

    def __enter__(self) -> Self:
        started = threading.Event()
        failure: list[BaseException] = []

        def serve() -> None:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(self.start())
            except OSError as error:
                failure.append(error)
                loop.run_until_complete(self.stop())
                started.set()
                loop.close()
                return
            started.set()
            loop.run_forever()
            loop.run_until_complete(_abandon_rest())
            loop.close()

        self._thread = threading.Thread(target=serve, name="housecount-sandbox", daemon=True)
        self._thread.start()
        started.wait()
        if failure:
            raise failure[0]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._call(self.stop())
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._thread is not None:
            self._thread.join()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


async def _abandon_rest() -> None:
    """End what still waits, such as answers that a fault holds back for longer than anybody listens."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
