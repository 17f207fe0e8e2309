"""The one HTTP client: what it repeats, what it refuses, how long it waits, and what it never tells."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import msgspec
import pytest

from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    ContractChanged,
    Gone,
    PlatformError,
    RateLimited,
    Transient,
)
from housecount.platforms.http import client as client_module
from housecount.platforms.http.answers import retry_after
from housecount.platforms.http.budget import BudgetReading, Rate
from housecount.platforms.http.client import Answer, Client, Limits
from housecount.platforms.http.profile import Profile, clean_base_url, clean_secret, fingerprint
from tests.platforms.stand_in import Handler, Time, answer, client_for, raw_server, run

SECRET = "SECRET0SECRET0SECRET"


class Thing(msgspec.Struct):
    name: str


THING = msgspec.json.Decoder(Thing)


def profile(url: str = "http://127.0.0.1:9/v1", **changes: object) -> Profile:
    made = Profile(
        platform="box",
        label="Box",
        base_url=url,
        header_name="x-key",
        header_value=SECRET,
        credential=fingerprint("box", SECRET),
        rate=Rate(limit=1000, seconds=60),
    )
    return (
        made if not changes else Profile(**{name: getattr(made, name) for name in made.__slots__} | changes)
    )


def ask(handler: Handler, *, time: Time | None = None, limits: Limits | None = None) -> Answer[Thing]:
    async def work() -> Answer[Thing]:
        async with client_for(profile(), handler, time=time, limits=limits) as client:
            return await client.get("/things", THING, {"page": "1", "since": ""})

    return run(work())


def in_turn(*answers: httpx2.Response | Exception) -> tuple[Handler, list[httpx2.Request]]:
    """A server that gives these answers one after the other, then the last one again and again."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        given = answers[min(len(seen), len(answers)) - 1]
        if isinstance(given, Exception):
            raise given
        return httpx2.Response(given.status_code, content=given.content, headers=given.headers)

    return handle, seen


GOOD = answer({"name": "hat", "more": [1, 2]})
HTML = httpx2.Response(200, content=b"<html><body>Just a moment...</body></html>")


def test_a_good_answer_is_read_with_the_platforms_own_time() -> None:
    handle, seen = in_turn(answer({"name": "hat"}, headers={"Date": "Fri, 27 Nov 2026 08:30:00 GMT"}))
    got = ask(handle)
    assert got.value == Thing("hat")
    assert got.date == datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
    assert str(seen[0].url) == "http://127.0.0.1:9/v1/things?page=1"


def test_a_question_carries_the_key_asks_for_json_and_has_no_content_type() -> None:
    handle, seen = in_turn(GOOD)
    ask(handle)
    headers = seen[0].headers
    assert (headers["x-key"], headers["accept"]) == (SECRET, "application/json")
    assert "content-type" not in headers
    assert "cookie" not in headers


@pytest.mark.parametrize(
    "first",
    [
        httpx2.Response(500, content=b"<html>Internal</html>"),
        answer({"error": "x"}, 502),
        answer({"error": "x"}, 408),
        HTML,
        httpx2.Response(200, content=b""),
        httpx2.Response(200, content=b'{"name": "ha'),
        httpx2.Response(403, content=b"<html>edge</html>"),
        httpx2.Response(404, content=b"<html>edge</html>"),
        httpx2.ConnectError("no"),
        httpx2.ReadError("reset"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("cut"),
    ],
)
def test_what_may_succeed_is_asked_again(first: httpx2.Response | Exception) -> None:
    handle, seen = in_turn(first, GOOD)
    assert ask(handle).value == Thing("hat")
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ContractChanged),
        (302, ContractChanged),
        (400, ContractChanged),
        (401, ConfigError),
        (403, ConfigError),
        (404, Gone),
        (410, Gone),
        (422, ContractChanged),
    ],
)
def test_a_refusal_is_final(status: int, kind: type[PlatformError]) -> None:
    handle, seen = in_turn(answer({"error": "x"}, status, {"Location": "http://127.0.0.1:9/evil"}))
    with pytest.raises(kind):
        ask(handle)
    assert len(seen) == 1


def test_a_key_refused_by_the_edge_is_still_a_refused_key() -> None:
    handle, seen = in_turn(httpx2.Response(401, content=b"<html>no</html>"))
    with pytest.raises(ConfigError):
        ask(handle)
    assert len(seen) == 1


def test_a_new_shape_is_told_at_once_without_its_content() -> None:
    handle, seen = in_turn(answer({"name": ["Alex Example"]}))
    with pytest.raises(ContractChanged, match=r"Expected `str`, got `array` - at `\$\.name`") as caught:
        ask(handle)
    assert "Alex" not in str(caught.value)
    assert len(seen) == 1


def test_attempts_are_capped_and_waited_for_with_growing_random_pauses() -> None:
    time = Time()
    handle, seen = in_turn(answer({}, 503))
    with pytest.raises(Transient, match="Box failed"):
        ask(handle, time=time, limits=Limits(attempts=5, backoff=4.0, longest_backoff=10.0))
    assert len(seen) == 5
    assert len(time.slept) == 4
    assert all(0 <= pause <= ceiling for pause, ceiling in zip(time.slept, [4, 8, 10, 10], strict=True))


def test_pauses_are_not_all_alike() -> None:
    pauses: set[float] = set()
    for _ in range(5):
        time = Time()
        handle, _seen = in_turn(answer({}, 503), GOOD)
        ask(handle, time=time)
        pauses.update(time.slept)
    assert len(pauses) == 5


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured(status: int) -> None:
    time = Time()
    handle, seen = in_turn(answer({}, status, {"Retry-After": "17"}), GOOD)
    ask(handle, time=time)
    assert len(seen) == 2
    assert 17 <= time.slept[0] <= 18


def test_a_429_without_a_time_waits_a_minute() -> None:
    time = Time()
    handle, _ = in_turn(httpx2.Response(429, content=b"<html>slow down</html>"), GOOD)
    ask(handle, time=time)
    assert 60 <= sum(time.slept) <= 62


def test_a_long_429_is_not_waited_for_and_holds_the_budget_for_all() -> None:
    time = Time()
    handle, seen = in_turn(answer({}, 429, {"Retry-After": "500"}))

    async def work() -> None:
        async with client_for(profile(), handle, time=time) as client:
            with pytest.raises(RateLimited) as first:
                await client.get("/things", THING)
            assert first.value.after == 500
            with pytest.raises(RateLimited):
                await client.get("/others", THING)

    run(work())
    assert len(seen) == 1
    assert time.slept == []


def test_retry_after_reads_seconds_and_dates_and_caps_what_is_absurd() -> None:
    date = "Fri, 27 Nov 2026 08:30:00 GMT"
    assert retry_after({"retry-after": "90"}) == 90
    assert retry_after({"retry-after": "Fri, 27 Nov 2026 08:32:00 GMT", "date": date}) == 120
    assert retry_after({"retry-after": "Fri, 27 Nov 2026 08:00:00 GMT", "date": date}) == 0
    assert retry_after({"retry-after": "9" * 400}) == 3600
    for nonsense in ("", "soon", "-5", "1.5", "٣"):
        assert retry_after({"retry-after": nonsense}) is None


def test_what_the_platform_says_of_the_budget_is_reported() -> None:
    time = Time()
    handle, seen = in_turn(GOOD)
    told = profile(
        rate=Rate(limit=1000, seconds=3600),
        read_budget=lambda headers: BudgetReading(used=999, limit=1000, reset=300),
    )

    async def work() -> None:
        async with client_for(told, handle, time=time) as client:
            await client.get("/things", THING)
            with pytest.raises(RateLimited):
                await client.get("/things", THING)

    run(work())
    assert len(seen) == 1


def test_the_platforms_own_reading_of_an_error_comes_first() -> None:
    handle, seen = in_turn(answer({"error": "special"}, 400))
    told = profile(classify=lambda status, headers, body: Gone("It was special."))

    async def work() -> None:
        async with client_for(told, handle) as client:
            await client.get("/things", THING)

    with pytest.raises(Gone, match="special"):
        run(work())
    assert len(seen) == 1


def test_five_calls_that_fail_open_the_circuit_and_nobody_is_asked_any_more() -> None:
    handle, seen = in_turn(answer({}, 500))

    async def work() -> None:
        async with client_for(profile(), handle, limits=Limits(attempts=1)) as client:
            for _ in range(5):
                with pytest.raises(Transient):
                    await client.get("/things", THING)
            with pytest.raises(CircuitOpen):
                await client.get("/things", THING)
            assert client.requests == 5

    run(work())
    assert len(seen) == 5


def test_an_answer_beyond_the_limit_is_cut_off_while_it_comes() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 1024

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=endless())

    with pytest.raises(ContractChanged, match="more than 1 MiB"):
        ask(handle, limits=Limits(size=1024 * 1024))
    assert sent == 1025


def test_nul_characters_never_get_in() -> None:
    handle, _ = in_turn(httpx2.Response(200, content=b'{"name": "a\\u0000b"}'))
    assert ask(handle).value.name == "a\ufffdb"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (rb"Al \ud83d", "Al \ufffd"),
        (rb"\ude00 x \uD83D y", "\ufffd x \ufffd y"),
        (rb"\ud83d\ude00", "\U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
    ],
)
def test_a_name_cut_in_the_middle_of_an_emoji_does_not_cost_the_page(sent: bytes, read: str) -> None:
    handle, seen = in_turn(httpx2.Response(200, content=b'{"name": "' + sent + b'"}'))
    assert ask(handle).value.name == read
    assert len(seen) == 1


def test_no_cookie_is_ever_sent_back() -> None:
    handle, seen = in_turn(answer({"name": "hat"}, headers={"Set-Cookie": "session=abc; Path=/"}))

    async def work() -> None:
        async with client_for(profile(), handle) as client:
            await client.get("/things", THING)
            await client.get("/things", THING)

    run(work())
    assert len(seen) == 2
    assert all("cookie" not in request.headers for request in seen)


def test_proxies_of_the_surroundings_see_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    async def work() -> None:
        async with (
            raw_server(b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"name":"hat"}') as (url, got),
            client_for(profile(url)) as client,
        ):
            assert (await client.get("/things", THING)).value.name == "hat"
            assert len(got) == 1

    run(work())


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b'{"name":"hat"',
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"nonsense\r\n\r\n",
    ],
)
def test_a_connection_that_breaks_is_tried_again(broken: bytes) -> None:
    async def work() -> None:
        good = b'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n{"name":"hat"}'
        async with raw_server(broken, good) as (url, got), client_for(profile(url)) as client:
            assert (await client.get("/things", THING)).value.name == "hat"
            assert len(got) == 2

    run(work())


def test_a_server_that_drips_is_not_waited_for_for_ever() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.005)

    def handle(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, content=drip())

    with pytest.raises(Transient, match="did not answer in time"):
        ask(handle, limits=Limits(total=0.03, attempts=1))


def test_an_encrypted_address_is_checked_and_a_plain_one_trusts_nobody() -> None:
    secure = client_module._trusted()
    assert (secure.verify_mode, secure.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert client_module._trusted() is secure
    plain = client_module._no_tls()
    assert (plain.verify_mode, plain.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert plain.get_ca_certs() == []


def test_the_first_answer_is_given_more_time() -> None:
    allowed: list[float] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        allowed.append(request.extensions["timeout"]["read"])
        return answer({"name": "hat"})

    async def work() -> None:
        async with client_for(profile(), handle) as client:
            await client.get("/things", THING)
            await client.get("/things", THING)

    run(work())
    assert allowed == [40.0, 20.0]


def test_no_log_line_error_or_repr_tells_the_key_or_the_address(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []

    async def work() -> None:
        refusal = f"HTTP/1.1 500 No\r\nx-rate-limit: token:{SECRET} 1/2 reset=3s\r\nContent-Length: 20\r\n\r\n{SECRET}"
        async with raw_server(refusal.encode()) as (url, got), client_for(profile(url)) as client:
            told.extend((repr(client), repr(client.profile)))
            with pytest.raises(Transient) as caught:
                await client.get("/things", THING, {"continuation": f"TOKEN{SECRET}"})
            assert len(got) == 4
            error: BaseException | None = caught.value
            while error is not None:
                told.append(repr(error))
                error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    run(work())
    everything = " ".join([*told, caplog.text, *capsys.readouterr()])
    assert "/things" in everything
    assert SECRET not in everything


@pytest.mark.parametrize("key", ["", "   ", "two words", "line\nbreak", "umläut", "\x00", "x" * 5000])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        clean_secret(key, "Box")
    assert not key.strip() or key.strip() not in str(caught.value)


def test_a_key_is_taken_without_the_space_around_it() -> None:
    assert clean_secret(f" {SECRET}\n", "Box") == SECRET


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://x", "https://user:pw@x", "https://a b"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        clean_base_url(url, "Box")


def test_an_address_that_cannot_be_used_asks_a_person() -> None:
    async def work(client: Client) -> None:
        async with client:
            await client.get("/things", THING)

    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.UnsupportedProtocol("no")

    with pytest.raises(ConfigError):
        run(work(client_for(profile(), refuse)))


def test_the_credential_of_a_key_is_stable_and_does_not_tell_it() -> None:
    name = fingerprint("box", SECRET)
    assert name == fingerprint("box", SECRET)
    assert name != fingerprint("hat", SECRET)
    assert SECRET not in name


def test_no_more_calls_are_under_way_than_the_profile_allows() -> None:
    under_way, most = 0, 0

    async def handle(request: httpx2.Request) -> httpx2.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        under_way -= 1
        return answer({"name": "hat"})

    async def work() -> None:
        async with client_for(profile(concurrency=3), handle) as client:  # type: ignore[arg-type]
            await asyncio.gather(*(client.get("/things", THING) for _ in range(20)))

    run(work())
    assert most == 3
