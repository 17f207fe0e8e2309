"""Sending to a platform, and its webhooks, over real HTTP to the sandbox."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

from housecount.platforms import registry
from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    ContractChanged,
    Gone,
    NotAllowed,
    RateLimited,
    Transient,
)
from housecount.platforms.base.hooks import Webhook, Webhooks
from housecount.platforms.eventbrite.hooks import ACTIONS
from housecount.platforms.http.client import Client
from housecount.platforms.http.errors import ServerFailed
from housecount.platforms.http.profile import Profile
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.platforms.stand_in import Time, answer, client_for, raw_server, run

SOURCE = registry.source("eventbrite")
RAW = msgspec.json.Decoder(msgspec.Raw)
URL = "https://tickets.example.org/hooks/eventbrite/an-invented-token"


def profile(base_url: str = "https://platform.example/v3") -> Profile:
    return SOURCE.profile(base_url, "INVENTEDTOKEN")


# --- Sending --------------------------------------------------------------------------------------------
def test_what_is_sent_is_json_and_says_so() -> None:
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return answer({"id": "1"})

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            made = await client.post("/webhooks/", RAW, {"endpoint_url": "x"})
            assert bytes(made.value) == b'{"id": "1"}'
            await client.get("/webhooks/", RAW)
            await client.delete("/webhooks/1/")

    run(go())
    post, get, delete = seen
    assert (post.method, post.headers["content-type"], post.content) == (
        "POST", "application/json", b'{"endpoint_url":"x"}'
    )  # fmt: skip
    for request in (get, delete):
        assert "content-type" not in request.headers, "a GET that names a type loses its parameters"
        assert request.content == b""
    assert all(each.headers["authorization"] == "Bearer INVENTEDTOKEN" for each in seen)


@pytest.mark.parametrize("status", [500, 502, 503, 408])
def test_a_post_that_may_have_arrived_is_not_repeated(status: int) -> None:
    calls = 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return answer({}, status)

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            with pytest.raises(ServerFailed):
                await client.post("/webhooks/", RAW, {})

    run(go())
    assert calls == 1


@pytest.mark.parametrize("error", [httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError])
def test_a_post_whose_answer_was_lost_is_not_repeated(error: type[httpx2.HTTPError]) -> None:
    calls = 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        raise error("lost")

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            with pytest.raises(Transient):
                await client.post("/webhooks/", RAW, {})

    run(go())
    assert calls == 1


@pytest.mark.parametrize("error", [httpx2.ConnectError, httpx2.ConnectTimeout])
def test_a_post_that_never_left_is_repeated(error: type[httpx2.HTTPError]) -> None:
    calls = 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise error("refused")
        return answer({"id": "1"})

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            await client.post("/webhooks/", RAW, {})

    run(go())
    assert calls == 2


def test_a_post_that_was_refused_for_speed_is_repeated_after_the_pause() -> None:
    time, calls = Time(), 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        if calls == 1:
            return answer({"error": "HIT_RATE_LIMIT"}, 429, {"Retry-After": "7"})
        return answer({"id": "1"})

    async def go() -> None:
        async with client_for(profile(), handle, time=time) as client:
            await client.post("/webhooks/", RAW, {})

    run(go())
    assert calls == 2
    assert sum(time.slept) >= 7


def test_a_delete_is_repeated_and_tells_what_is_gone() -> None:
    calls = 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return answer({"error": "X"}, 500) if calls == 1 else answer({"error": "NOT_FOUND"}, 404)

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            with pytest.raises(Gone):
                await client.delete("/webhooks/1/")

    run(go())
    assert calls == 2


def test_a_delete_that_answers_nothing_is_done() -> None:
    async def go() -> None:
        async with client_for(profile(), lambda _: httpx2.Response(204)) as client:
            await client.delete("/webhooks/1/")

    run(go())


def test_posts_count_for_the_budget_and_the_breaker() -> None:
    calls = 0

    def handle(_: httpx2.Request) -> httpx2.Response:
        nonlocal calls
        calls += 1
        return answer({}, 500)

    async def go() -> None:
        async with client_for(profile(), handle) as client:
            for _ in range(10):
                with pytest.raises(Transient) as failure:
                    await client.post("/webhooks/", RAW, {})
            assert isinstance(failure.value, CircuitOpen)
            assert client.requests == calls < 10

    run(go())


def test_a_post_over_a_connection_that_breaks_is_sent_once() -> None:
    async def go() -> None:
        async with (
            raw_server(b"") as (address, got),
            client_for(SOURCE.profile(address, "INVENTEDTOKEN")) as client,
        ):
            with pytest.raises(Transient):
                await client.post("/webhooks/", RAW, {"endpoint_url": "x"})
            assert len(got) == 1

    run(go())


# --- Eventbrite's webhooks ------------------------------------------------------------------------------
@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(World.blank(now=lambda: datetime(2026, 3, 2, 9, tzinfo=UTC))) as served:
        yield served


class Promoter:
    """The first account of a sandbox, and its webhooks."""

    def __init__(self, sandbox: Sandbox, token: str = "") -> None:
        self.account = sandbox.world.eventbrite.accounts[0]
        self.there = SOURCE.webhooks
        self.organisation_id = self.account.organization_id
        self._profile = SOURCE.profile(sandbox.eventbrite_url, token or self.account.token)

    def client(self) -> Client:
        return client_for(self._profile)

    @property
    def webhooks(self) -> Webhooks:
        assert self.there is not None
        return self.there

    def listed(self) -> list[Webhook]:
        async def go() -> list[Webhook]:
            async with self.client() as client:
                return list(await self.webhooks.listed(client, self.organisation_id))

        return asyncio.run(go())

    def add(self, url: str = URL) -> Webhook:
        async def go() -> Webhook:
            async with self.client() as client:
                return await self.webhooks.add(client, self.organisation_id, url)

        return asyncio.run(go())

    def remove(self, webhook_id: str) -> None:
        async def go() -> None:
            async with self.client() as client:
                await self.webhooks.remove(client, webhook_id)

        asyncio.run(go())


def test_a_webhook_is_added_with_all_actions_listed_and_removed(sandbox: Sandbox) -> None:
    promoter = Promoter(sandbox)
    made = promoter.add()
    assert promoter.account.webhooks[0].actions == list(ACTIONS)
    assert (made.url, promoter.webhooks.complete(made)) == (URL, True)
    assert promoter.listed() == [made]
    promoter.remove(made.webhook_id)
    assert promoter.listed() == []
    promoter.remove(made.webhook_id)  # gone already: no error


def test_a_webhook_without_an_action_is_not_complete(sandbox: Sandbox) -> None:
    promoter = Promoter(sandbox)
    shop = sandbox.world.eventbrite
    shop.add_webhook(promoter.account, URL, list(ACTIONS[1:]), None)
    shop.add_webhook(promoter.account, URL, [*ACTIONS, "order.invented"], None)
    event = sandbox.world.add_eventbrite_event("Gala", datetime(2026, 5, 1, 9, tzinfo=UTC))
    shop.add_webhook(promoter.account, URL, list(ACTIONS), event.id)
    assert [promoter.webhooks.complete(each) for each in promoter.listed()] == [False, True, False]


def test_more_webhooks_than_a_page_holds_are_all_listed(sandbox: Sandbox) -> None:
    promoter = Promoter(sandbox)
    for number in range(120):
        sandbox.world.eventbrite.add_webhook(
            promoter.account, f"https://other.example/{number}", ["order.placed"], None
        )
    assert len({each.webhook_id for each in promoter.listed()}) == 120


def test_a_revoked_token_and_a_missing_right_are_told_apart(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigError) as refused:
        Promoter(sandbox, "NOSUCHTOKEN").listed()
    assert not isinstance(refused.value, NotAllowed)
    other = Promoter(sandbox)
    other.organisation_id = sandbox.world.eventbrite.accounts[1].organization_id
    with pytest.raises(NotAllowed):
        other.listed()


@pytest.mark.parametrize("said", [{"success": True}, {"id": "../1", "endpoint_url": URL}, {"id": "1"}])
def test_an_answer_that_is_no_webhook_is_told(said: object) -> None:
    async def go() -> None:
        async with client_for(profile(), lambda _: answer(said)) as client:
            assert SOURCE.webhooks is not None
            with pytest.raises(ContractChanged):
                await SOURCE.webhooks.add(client, "300000000001", URL)

    run(go())


def test_a_limit_while_listing_is_told(sandbox: Sandbox) -> None:
    sandbox.faults.add("rate_limit", platform="eventbrite", path="/webhooks/", retry_after=600)
    with pytest.raises(RateLimited):
        Promoter(sandbox).listed()
