"""The edge's streams of events: what is told to whom, and when a stream ends."""

import asyncio
import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import psycopg
import pytest

from housecount.intake.edge import feed as feed_module
from tests.factories import make_organisation
from tests.installation.support import wait_until
from tests.intake.edge_stage import Gate
from tests.intake.streams import Promoter, StandIn, Stream, following, make_promoter, streams
from tests.intake.test_edge_served import Site, _UnixServer, edge, running


@pytest.fixture
def promoter(database_url: str) -> Promoter:
    return make_promoter(database_url)


@pytest.fixture
def pages(promoter: Promoter) -> StandIn:
    return StandIn(promoter.organisation_id)


def account(promoter: Promoter) -> dict[str, object]:
    return {"kind": "account", "id": str(promoter.account_id), "removed": False}


def test_a_change_is_told_as_it_is_committed_and_from_a_cursor_on(promoter: Promoter, pages: StandIn) -> None:
    async def run() -> None:
        async with streams(promoter.url, pages) as events, following(events) as now:
            assert (await now.next("ready"))["cursor"] == 1
            assert (now.status, now.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert (now.headers["cache-control"], now.headers["x-accel-buffering"]) == ("no-store", "no")
            begun = time.monotonic()
            await promoter.change()
            told = await now.next("changes")
            assert time.monotonic() - begun < 5
            assert told == {"cursor": 2, "changes": [account(promoter)]}
            # Each thing once, however often it changed since; the header says better than the address where.
            async with (
                following(events, cursor=0) as before,
                following(events, 0, last_event_id="1") as later,
            ):
                assert (await before.next("ready"))["cursor"] == 0
                assert await before.next("changes") == {"cursor": 2, "changes": [account(promoter)]}
                assert await later.next("changes") == {"cursor": 2, "changes": [account(promoter)]}
                await promoter.change(times=3)
                last = 0
                while last < 5:
                    told = await before.next("changes")
                    assert told["cursor"] > last
                    assert told["changes"] == [account(promoter)]
                    last = told["cursor"]
            async with following(events, cursor=5) as there:
                await there.next("ready")
                await promoter.change()
                assert (await there.next("changes"))["cursor"] == 6

    asyncio.run(run())


def test_many_streams_cost_one_listener_and_hear_of_their_own_organisation_only(
    promoter: Promoter, pages: StandIn, database_url: str
) -> None:
    other = make_promoter(database_url)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            events = await stack.enter_async_context(streams(promoter.url, pages, most_per_person=60))
            ours = [await stack.enter_async_context(following(events)) for _ in range(30)]
            for each in ours:
                await each.next("ready")
            pages.change(organisation=str(other.organisation_id), person="somebody else")
            theirs = [await stack.enter_async_context(following(events)) for _ in range(20)]
            for each in theirs:
                await each.next("ready")
            await promoter.change()
            for each in ours:
                assert (await each.next("changes"))["changes"] == [account(promoter)]
            await other.change()
            for each in theirs:
                assert (await each.next("changes"))["changes"] == [account(other)]
            async with await psycopg.AsyncConnection.connect(promoter.url, autocommit=True) as connection:
                rows = await connection.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'housecount-edge-events'"
                    " AND datname = current_database()"
                )
                assert await rows.fetchone() == (2,), "one that listens, one that reads"

    asyncio.run(run())


def test_an_act_is_told_of_kinds_without_ids_and_numbers(promoter: Promoter) -> None:
    pages = StandIn(promoter.organisation_id, kinds=("account",), ids=False)
    deaf = StandIn(promoter.organisation_id, kinds=("show",))

    async def run() -> None:
        async with streams(promoter.url, pages) as events, following(events, cursor=0) as act:
            assert set(await act.next("ready")) == {"now"}
            async with streams(promoter.url, deaf, beat=0.05) as others, following(others) as other:
                await other.next("ready")
                await promoter.change()
                assert await act.next("changes") == {"changes": [{"kind": "account"}]}
                await other.next("beat")  # and nothing before it
            assert b"id:" not in act.body
            assert str(promoter.account_id).encode() not in act.body

    asyncio.run(run())


def test_a_cursor_that_cannot_be_followed_is_reset_and_much_at_once_is_told_by_kind(
    promoter: Promoter, pages: StandIn
) -> None:
    async def run() -> None:
        await promoter.open_accounts(feed_module._MOST_IDS + 1)
        async with streams(promoter.url, pages) as events:
            async with following(events, cursor=10_000_000) as ahead:
                assert (await ahead.next("reset"))["cursor"] == promoter.cursor
            async with following(events, cursor=1) as behind:
                told = await behind.next("changes")
                assert told == {"cursor": promoter.cursor, "changes": [{"kind": "account"}]}
            # More than is read for one who comes back: five pages of twenty rows, one row for each of these commits.
            await promoter.change(times=101)
            async with following(events, cursor=1) as far_behind:
                assert (await far_behind.next("reset"))["cursor"] == promoter.cursor

    asyncio.run(run())


def test_a_stream_ends_when_it_is_not_theirs_any_more(promoter: Promoter, pages: StandIn) -> None:
    async def run() -> None:
        async with streams(promoter.url, pages, ask_every=0.02, unknown=0.2, beat=0.1) as events:
            for change in ({"person": "somebody else"}, {"organisation": str(make_organisation_id)}):
                async with following(events) as stream:
                    await stream.next("ready")
                    kept = pages.document
                    pages.change(**change)
                    await stream.over()
                    assert stream.ended
                    pages.document = kept
            async with following(events) as stream:
                await stream.next("ready")
                pages.change(kinds=["show"])  # another role
                await pages.asked_again()
                await promoter.change()
                await stream.next("beat")  # and nothing before it
                pages.status = 401  # signed out
                await stream.over()
            pages.status = 200
            async with following(events) as stream:
                await stream.next("ready")
                pages.away = True
                begun = time.monotonic()
                await stream.over()
                assert time.monotonic() - begun > 0.2, "not for a moment's absence"

    make_organisation_id = make_organisation()
    asyncio.run(run())


def test_who_may_not_follow_is_told_why(promoter: Promoter, pages: StandIn) -> None:
    async def refused(events: object, status: int, **options: str) -> Stream:
        async with following(events, **options) as stream:  # type: ignore[arg-type]
            await stream.over()
            assert (stream.status, stream.ended) == (status, True)
            assert stream.headers["cache-control"] == "no-store"
            return stream

    async def run() -> None:
        async with streams(promoter.url, pages, most=3, most_per_person=1) as events:
            assert (await refused(events, 405, method="POST")).headers["allow"] == "GET"
            pages.status, kept, pages.document = 401, pages.document, {"code": "sign_in_needed"}
            stream = await refused(events, 401)
            assert json.loads(stream.body) == {"code": "sign_in_needed"}
            assert "www-authenticate" in stream.headers
            pages.status = 502
            assert (await refused(events, 503)).headers["retry-after"] == "3"
            pages.status = 200
            await refused(events, 503)  # an answer that is not one
            pages.document, pages.away = kept, True
            await refused(events, 503)
            pages.away = False
            async with following(events) as first:
                await first.next("ready")
                assert json.loads((await refused(events, 429)).body)["code"] == "too_many_streams"
                pages.change(person="another")
                async with following(events) as second:
                    await second.next("ready")
                    pages.change(person="a third")
                    async with following(events) as third:
                        await third.next("ready")
                        assert json.loads((await refused(events, 503)).body)["code"] == "busy"
            pages.change(person="somebody")
            async with following(events) as again:
                await again.next("ready")

    asyncio.run(run())


def test_a_client_that_takes_nothing_is_dropped_and_one_that_hears_nothing_is_beaten(
    promoter: Promoter, pages: StandIn
) -> None:
    async def run() -> None:
        async with streams(promoter.url, pages, slow=0.1, beat=0.05) as events:
            async with following(events, stalled=True) as slow:
                await slow.over()
                assert not slow.ended
            async with following(events) as quiet:
                await quiet.next("ready")
                assert set(await quiet.next("beat")) == {"now"}
                assert b": still here\n" in quiet.body
            async with following(events) as ended:
                await ended.next("ready")
                events.end()
                await ended.over()
                assert ended.ended

    asyncio.run(run())


@pytest.mark.usefixtures("sockets_let_go")
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_database_may_go_away_and_come_back(promoter: Promoter, pages: StandIn) -> None:
    async def run() -> None:
        gate = Gate(promoter.url)
        await gate.open()
        try:
            async with streams(gate.url, pages) as events, following(events) as stream:
                await stream.next("ready")
                await gate.shut()
                await stream.next("away")
                await promoter.change()
                async with following(events) as late:
                    assert not late.ended  # the organisation is known here already
                await gate.open()
                assert (await stream.next("ready"))["cursor"] == 1
                assert (await stream.next("changes"))["cursor"] == 2
        finally:
            await gate.shut()

    asyncio.run(run())


def test_without_notifications_it_looks_by_itself(
    promoter: Promoter, pages: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "CHANNEL", "housecount_nobody_speaks_here")

    async def run() -> None:
        async with streams(promoter.url, pages, look_every=0.05) as events, following(events) as stream:
            await stream.next("ready")
            await promoter.change()
            assert (await stream.next("changes"))["cursor"] == 2

    asyncio.run(run())


# --- As it is served ------------------------------------------------------------------------------------
class _Who(BaseHTTPRequestHandler):
    """Pages that know one person by their cookie, and say so in an organisation of theirs."""

    organisation_id = ""

    def do_GET(self) -> None:
        known = self.path == "/live/who" and self.headers.get("Cookie") == "housecount=x"
        document = {"organisation": self.organisation_id, "person": "p", "kinds": ["account"], "ids": True}
        body = json.dumps(document if known else {"code": "sign_in_needed"}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def served(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Promoter]]:
    promoter = make_promoter(database_url)
    path = Path(tmp_path_factory.mktemp("w")) / "p.sock"
    handler = type("Who", (_Who,), {"organisation_id": str(promoter.organisation_id)})
    with running(lambda: _UnixServer(str(path), handler)), edge(f"unix:{path}") as site:
        yield site, promoter


@contextmanager
def open_stream(port: int, cookie: str = "housecount=x") -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/events?cursor=1", headers={"Cookie": cookie})
        with connection.getresponse() as answer:
            yield answer


def test_it_is_served_and_does_not_keep_the_edge_from_stopping(served: tuple[Site, Promoter]) -> None:
    site, promoter = served
    with open_stream(site.port, "") as refused:
        assert refused.status == 401
    with open_stream(site.port) as answer:
        assert (answer.status, answer.headers["transfer-encoding"]) == (200, "chunked")
        assert [answer.readline() for _ in range(3)] == [b"retry: 2000\n", b"\n", b"event: ready\n"]
        asyncio.run(promoter.change())
        while (line := answer.readline()) != b"event: changes\n":
            assert line
        os.kill(site.pid, signal.SIGTERM)
        begun = time.monotonic()
        assert str(promoter.account_id).encode() in answer.read(), "it is ended as it should be"
    wait_until(lambda: not _lives(site.pid), seconds=8, what="for the edge, which waits for its streams")
    assert time.monotonic() - begun < 8


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
