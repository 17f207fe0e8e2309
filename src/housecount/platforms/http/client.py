"""The one client that speaks to platforms: it reads JSON, and writes only to manage our own webhooks.

It paces itself by the credential's budget, retries what may succeed, stops for an account that is down, limits
time and size, follows no redirect, keeps no cookie, and lets no secret into a log line, an error or a repr.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Generic, Literal, Self, TypeVar

import httpx2
import msgspec
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from housecount.platforms.base.errors import (
    CircuitOpen,
    ConfigError,
    ContractChanged,
    PlatformError,
    RateLimited,
    Transient,
)
from housecount.platforms.http.answers import decoded, http_date, is_json, usual_error
from housecount.platforms.http.budget import Breaker, Budget, Clock, Sleep
from housecount.platforms.http.errors import ExpansionFailed, ServerFailed, Unreached
from housecount.platforms.http.profile import Profile

__all__ = ["Answer", "Client", "Limits", "Profile"]

T = TypeVar("T")

#: The log lines of these tell addresses and headers, and headers tell keys.
_TALKATIVE = ("httpx2", "httpcore2")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`size` in bytes of a body, unpacked; `attempts` per call; times in seconds.

    `patience`: what one call waits for a limit to pass. `total`: the longest one answer may take as a whole.
    `backoff`, `longest_backoff`: between attempts, a random time up to backoff * 2^n is waited.
    """

    size: int = 32 * 1024 * 1024
    attempts: int = 4
    connect: float = 10.0
    pool: float = 60.0
    total: float = 90.0
    patience: float = 90.0
    backoff: float = 1.0
    longest_backoff: float = 30.0


USUAL = Limits()


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    """`content`: JSON, or None for none. Only a request that goes with a `content` says what type it is: Eventbrite
    ignores the parameters of a GET that names one."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: Mapping[str, str] = {}
    content: bytes | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Answer(Generic[T]):
    """A good answer: its status, what its body says, and the platform's own time if it was told."""

    __slots__ = ("date", "status", "value")

    def __init__(self, status: int, value: T, date: datetime | None) -> None:
        self.status = status
        self.value = value
        self.date = date

    def __repr__(self) -> str:
        return f"Answer({self.status})"


class Client:
    """Speaks to one platform with one credential. Use it as an async context manager, or call `aclose`.

    `requests` counts what was really sent, retries included; `date` is the platform's own time in its last answer.
    """

    def __init__(
        self,
        profile: Profile,
        budget: Budget,
        breaker: Breaker,
        *,
        limits: Limits = USUAL,
        clock: Clock = time.monotonic,
        sleep: Sleep = asyncio.sleep,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.profile = profile
        self.requests = 0
        self.date: datetime | None = None
        self._budget = budget
        self._breaker = breaker
        self._limits = limits
        self._clock = clock
        self._sleep = sleep
        self._slots = asyncio.Semaphore(profile.concurrency)
        self._answered = False
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._http = httpx2.AsyncClient(
            headers={
                profile.header_name: profile.header_value,
                "Accept": "application/json",
                "User-Agent": "housecount",
            },
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            follow_redirects=False,
            trust_env=False,
            verify=_trusted() if profile.base_url.startswith("https:") else _no_tls(),
            limits=httpx2.Limits(
                max_connections=profile.concurrency, max_keepalive_connections=profile.concurrency
            ),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Client({self.profile.platform!r}, {self.profile.base_url!r}, requests={self.requests})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get(
        self, path: str, decoder: msgspec.json.Decoder[T], params: Mapping[str, str] | None = None
    ) -> Answer[T]:
        """The answer to a GET of `path` (with its leading slash), its body read by `decoder`.

        Empty `params` are left out. Raises a `PlatformError` of the kind that says who has to act; messages name
        the path, never parameters, headers or bodies.
        """
        query = {name: value for name, value in (params or {}).items() if value}
        request = _Request(method="GET", path=path, query=query)
        return await self._call(request, decoder.decode, self._worth_repeating)

    async def post(
        self, path: str, decoder: msgspec.json.Decoder[T], content: Mapping[str, str]
    ) -> Answer[T]:
        """The answer to a POST of `content` as JSON. Raises as `get`.

        It is repeated only where the platform certainly did nothing of it: after a refusal for speed, and where no
        connection came about. After any other `Transient` it may have been done: look before doing it again.
        """
        request = _Request(method="POST", path=path, content=msgspec.json.encode(content))
        return await self._call(request, decoder.decode, self._certainly_not_done)

    async def delete(self, path: str) -> None:
        """Removes what is at `path`. Raises as `get`; `Gone` where there is nothing (any more)."""
        await self._call(_Request(method="DELETE", path=path), lambda _: None, self._worth_repeating)

    async def send(
        self,
        method: Literal["GET", "POST", "PUT", "DELETE"],
        path: str,
        decode: Callable[[bytes], T],
        *,
        query: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        repeat: Literal["always", "unheard", "undone"] = "undone",
    ) -> Answer[T]:
        """The answer to a request with headers of its own, read by `decode`. Raises as `get`.

        `repeat`: `always` for what may be done twice; `unheard` for what the platform itself does only once (it is
        sent again when no answer came, never after one that says it failed); `undone` as `post`.
        """
        request = _Request(
            method=method,
            path=path,
            query={name: value for name, value in (query or {}).items() if value},
            content=content,
            content_type=content_type,
            headers=headers or {},
        )
        rules = {
            "always": self._worth_repeating,
            "unheard": self._unheard,
            "undone": self._certainly_not_done,
        }
        return await self._call(request, decode, rules[repeat])

    async def _call(
        self, request: _Request, decode: Callable[[bytes], T], repeat: Callable[[BaseException], bool]
    ) -> Answer[T]:
        await self._breaker.before()
        deadline = self._clock() + self._limits.patience + self._limits.total
        retrying = AsyncRetrying(
            sleep=self._sleep,
            stop=lambda state: state.attempt_number >= self._limits.attempts or self._clock() >= deadline,
            wait=self._wait,
            retry=retry_if_exception(repeat),
            reraise=True,
        )
        try:
            answer: Answer[T] = await retrying(self._attempt, request, decode)
        except PlatformError as error:
            # A limit says nothing about health, and may be our own: nobody asked the platform.
            if not isinstance(error, RateLimited):
                await self._breaker.failed(error)
            raise
        await self._breaker.succeeded()
        return answer

    def _worth_repeating(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.after <= self._limits.patience
        if isinstance(error, ServerFailed) and error.after is not None:
            return error.after <= self._limits.patience
        return isinstance(error, Transient) and not isinstance(error, CircuitOpen | ExpansionFailed)

    def _certainly_not_done(self, error: BaseException) -> bool:
        return isinstance(error, RateLimited | Unreached) and self._worth_repeating(error)

    def _unheard(self, error: BaseException) -> bool:
        return self._certainly_not_done(error) or (
            self._worth_repeating(error) and not isinstance(error, ServerFailed)
        )

    def _wait(self, state: RetryCallState) -> float:
        """Full jitter, on top of what the platform asks for: callers that failed together do not return together."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, RateLimited | ServerFailed) and error.after else 0.0
        ceiling = min(self._limits.longest_backoff, self._limits.backoff * 2.0 ** (state.attempt_number - 1))
        return asked + random.uniform(0.0, ceiling)  # noqa: S311

    async def _attempt(self, request: _Request, decode: Callable[[bytes], T]) -> Answer[T]:
        path = request.path
        async with self._slots:
            await self._budget.acquire()
            self.requests += 1
            status, headers, body = await self._exchange(request)
        self._answered = True
        date = self.date = http_date(headers.get("date", ""))
        reading = self.profile.read_budget(headers)
        if reading is not None:
            await self._budget.report(reading)
        if not 200 <= status < 300:
            known = self.profile.classifies_all or is_json(body)
            error = self.profile.classify(status, headers, body) if known else None
            error = error or usual_error(self.profile.label, path, status, headers, body)
            if isinstance(error, RateLimited):
                await self._budget.hold(error.after)
            raise error
        return Answer(status, decoded(self.profile.label, path, body, decode), date)

    async def _exchange(self, request: _Request) -> tuple[int, Mapping[str, str], bytes]:
        label, limits, path = self.profile.label, self._limits, request.path
        read = self.profile.timeout if self._answered else self.profile.first_timeout
        timeout = httpx2.Timeout(connect=limits.connect, read=read, write=read, pool=limits.pool)
        body = bytearray()
        try:
            async with (
                asyncio.timeout(limits.total),
                self._http.stream(
                    request.method,
                    self.profile.base_url + path,
                    params=request.query,
                    content=request.content,
                    headers=dict(request.headers)
                    | ({} if request.content is None else {"Content-Type": request.content_type}),
                    timeout=timeout,
                ) as response,
            ):
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > limits.size:
                        raise ContractChanged(
                            f"{label} sent more than {limits.size // 1024**2} MiB in one answer ({path})."
                        )
                return response.status_code, response.headers, bytes(body)
        # What these say may quote headers and addresses, so none of it is repeated and no cause is kept.
        except (httpx2.ConnectTimeout, httpx2.PoolTimeout):
            raise Unreached(f"{label} cannot be reached. It will be tried again.") from None
        except (httpx2.TimeoutException, TimeoutError):
            raise Transient(f"{label} did not answer in time ({path}). It will be asked again.") from None
        except (httpx2.UnsupportedProtocol, httpx2.InvalidURL, httpx2.LocalProtocolError, UnicodeError):
            raise ConfigError(
                f"The address or the key set for {label} cannot be used. Reconnect the account."
            ) from None
        except httpx2.ConnectError:
            raise Unreached(f"{label} cannot be reached. It will be tried again.") from None
        except httpx2.HTTPError:
            raise Transient(
                f"The connection to {label} broke off ({path}). It will be asked again."
            ) from None


@cache  # reading the certificates of the machine takes longer than an idle read
def _trusted() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


@cache
def _no_tls() -> ssl.SSLContext:
    """For plain addresses (a sandbox): trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
