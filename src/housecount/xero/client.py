"""Xero's API as calls: Decimal in, Decimal out, every element checked, and a token renewed at most once a call."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec

from housecount.installation import environment
from housecount.platforms.base.errors import ConfigError, Gone, PlatformError, RateLimited
from housecount.platforms.http.answers import retry_after
from housecount.platforms.http.budget import LocalBreaker, Rate
from housecount.platforms.http.client import Client, Limits
from housecount.platforms.http.profile import Profile, clean_base_url, fingerprint
from housecount.sync.database import DatabaseThread
from housecount.sync.limits import SharedBudget
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity
from housecount.xero import tokens, wire
from housecount.xero.errors import MissingScope, Rejected

T = TypeVar("T")
LABEL = "Xero"
_PAGE = 1000
_ENCODER = msgspec.json.Encoder(decimal_format="number")
#: Five may run at once for an organisation, whoever they are: we leave room for others.
_CONCURRENCY = 2

#: Gives a token: a new one when the one handed in was refused.
TokenOf = Callable[[Secret | None], Awaitable[Secret]]
#: Told of every call: method and path, and how it ended.
Told = Callable[[str, str], None]


class Xero:
    """Calls for one organisation in Xero. Raises `Rejected` for what Xero will not take, else a `PlatformError`."""

    def __init__(
        self,
        client: Client,
        token_of: TokenOf,
        tenant_id: str | None,
        told: Told,
        days: Sequence[int] = (),
    ) -> None:
        self._client = client
        self._token_of = token_of
        self._tenant_id = tenant_id
        self.told = told
        self._days = days

    @property
    def requests(self) -> int:
        return self._client.requests

    @property
    def day_left(self) -> int | None:
        """How many calls Xero said last that it would still take within its day; None before it said so."""
        return self._days[-1] if self._days else None

    async def tenants(self) -> list[wire.Tenant]:
        """The organisations that let us in; for a client at the root of the API's host."""
        decoder = msgspec.json.Decoder(list[wire.Tenant])
        return await self._send("GET", "/connections", decoder.decode, repeat="always")

    async def organisation(self) -> wire.Organisation:
        return (await self._rows("/Organisation", "Organisations", wire.Organisation)).rows[0]

    async def accounts(self) -> list[wire.Account]:
        return (await self._rows("/Accounts", "Accounts", wire.Account)).rows

    async def tax_rates(self) -> list[wire.TaxRate]:
        return (await self._rows("/TaxRates", "TaxRates", wire.TaxRate)).rows

    async def contacts(self) -> list[wire.Contact]:
        """All of them, archived ones too."""
        return await self._all("Contacts", wire.Contact, {"includeArchived": "true"})

    async def create_contact(self, fields: Mapping[str, Any], key: str) -> wire.Contact:
        return await self._write("PUT", "/Contacts", "Contacts", fields, wire.Contact, key=key)

    async def documents(self, place: str, query: Mapping[str, str]) -> list[wire.Document]:
        """Every page of `Invoices` or `CreditNotes`, with lines."""
        return await self._all(place, wire.Document, {**query, "unitdp": "4"})

    async def document(self, place: str, identity: str) -> wire.Document:
        """One with its lines. Raises `Gone`."""
        found = await self._rows(
            f"/{place}/{quote(identity, safe='')}", place, wire.Document, {"unitdp": "4"}
        )
        if not found.rows:
            raise Gone(f"Xero has no such document ({place}).")
        return found.rows[0]

    async def create_document(self, place: str, fields: Mapping[str, Any], key: str) -> wire.Document:
        return await self._write("PUT", f"/{place}", place, fields, wire.Document, key=key)

    async def set_status(self, place: str, identity: str, status: str) -> wire.Document:
        """Move a document on. Not repeated by itself: what became of it is read first."""
        name = place.removesuffix("s") + "ID"
        fields = {name: identity, "Status": status}
        return await self._write("POST", f"/{place}/{identity}", place, fields, wire.Document)

    async def withdraw(self, place: str, identity: str, number: str) -> None:
        """Delete a draft, giving its number up."""
        name = place.removesuffix("s")
        fields = {f"{name}ID": identity, f"{name}Number": number, "Status": "DELETED"}
        await self._write("POST", f"/{place}/{identity}", place, fields, wire.Document)

    async def attach(self, place: str, identity: str, name: str, content: bytes) -> int:
        """Attach a PDF (a file of that name is replaced); how many bytes Xero says it has."""
        answer = await self._send(
            "PUT",
            f"/{place}/{identity}/Attachments/{quote(name, safe='')}",
            lambda body: wire.page(body, "Attachments", wire.Attachment),
            content=content,
            content_type="application/pdf",
            repeat="always",
        )
        return answer.rows[0].content_length if answer.rows else 0

    async def allocate(self, credit_id: str, fields: Mapping[str, Any], key: str) -> wire.Allocation:
        path = f"/CreditNotes/{credit_id}/Allocations"
        return await self._write("PUT", path, "Allocations", fields, wire.Allocation, key=key)

    async def payments(self, since: str) -> list[wire.Payment]:
        """Those changed since an ISO time in UTC."""
        return await self._all("Payments", wire.Payment, {}, {"If-Modified-Since": since})

    async def payment(self, identity: str) -> wire.Payment:
        """One payment, deleted ones too. Raises `Gone`."""
        found = await self._rows(f"/Payments/{quote(identity, safe='')}", "Payments", wire.Payment)
        if not found.rows:
            raise Gone("Xero has no such payment.")
        return found.rows[0]

    async def delete_payment(self, identity: str) -> wire.Payment:
        """Take a payment back. Not repeated by itself: what became of it is read first."""
        fields = {"PaymentID": identity, "Status": "DELETED"}
        return await self._write("POST", f"/Payments/{identity}", "Payments", fields, wire.Payment)

    async def create_payment(self, fields: Mapping[str, Any], key: str) -> wire.Payment:
        return await self._write("PUT", "/Payments", "Payments", fields, wire.Payment, key=key)

    async def _write(
        self,
        method: Literal["PUT", "POST"],
        path: str,
        plural: str,
        fields: Mapping[str, Any],
        kind: type[T],
        *,
        key: str | None = None,
    ) -> T:
        found = await self._send(
            method,
            path,
            lambda body: _taken(body, plural, kind),
            query={"summarizeErrors": "false", "unitdp": "4"},
            content=_ENCODER.encode({plural: [fields]}),
            headers={"Idempotency-Key": key} if key else {},
            repeat="unheard" if key else "undone",
        )
        if isinstance(found, Rejected):
            self.told(f"{method} {path}", f"refused inside a good answer: {found.message}")
            raise found
        return found

    async def _all(
        self,
        plural: str,
        kind: type[T],
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> list[T]:
        return [row async for found in self.pages(plural, kind, query, headers) for row in found.rows]

    async def pages(
        self,
        plural: str,
        kind: type[T],
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[wire.Page[T]]:
        """A list page by page, as large as pages may be. A row that changes meanwhile can move another to a page that
        was read already: who needs every one of them counts them."""
        number, pages = 1, 1
        while number <= pages:
            place = {**query, "page": str(number), "pageSize": str(_PAGE)}
            found = await self._rows(f"/{plural}", plural, kind, place, headers)
            yield found
            pages = found.pages
            number += 1

    async def _rows(
        self,
        path: str,
        plural: str,
        kind: type[T],
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> wire.Page[T]:
        return await self._send(
            "GET",
            path,
            lambda body: wire.page(body, plural, kind),
            query=query,
            headers=headers,
            repeat="always",
        )

    async def _send(
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
    ) -> T:
        refused: Secret | None = None
        while True:
            token = await self._token_of(refused)
            sent = {**(headers or {}), "Authorization": f"Bearer {token.reveal()}"}
            if self._tenant_id is not None:
                sent["xero-tenant-id"] = self._tenant_id
            try:
                answer = await self._client.send(
                    method,
                    path,
                    decode,
                    query=query,
                    content=content,
                    content_type=content_type,
                    headers=sent,
                    repeat=repeat,
                )
            except TokenRefused as error:
                if refused is None:
                    refused = token
                    continue
                self.told(f"{method} {path}", error.message)
                raise
            except PlatformError as error:
                self.told(f"{method} {path}", error.message)
                raise
            self.told(f"{method} {path}", str(answer.status))
            return answer.value


class TokenRefused(ConfigError):
    """The token is not accepted: perhaps only too old."""

    code = "xero_token_refused"


def _taken(body: bytes, plural: str, kind: type[T]) -> T | Rejected:
    """The one element of an answer; what is wrong with it when a good answer says that it was not taken."""
    if wire.is_faulty(body):
        return Rejected(wire.complaints(body))
    found = wire.page(body, plural, kind).rows
    if not found:
        raise msgspec.ValidationError("Expected `array` of length >= 1")
    return found[0]


def classify(status: int, headers: Mapping[str, str], body: bytes) -> PlatformError | None:
    """What an answer of Xero's that is no success means."""
    if status == 400:
        try:
            said = msgspec.json.decode(body, type=_Said)
        except msgspec.DecodeError:
            said = _Said()
        words = wire.complaints(body) or tuple(text for text in (said.detail, said.message) if text)
        return Rejected(words)
    if status == 404:
        return Gone("Xero has no such thing (any more).")
    asked = headers.get("www-authenticate", "").lower()
    if status in (401, 403) and ("insufficient_scope" in asked or "insufficent_scope" in asked):
        return MissingScope(
            "Our consent at Xero does not cover this. Enable the scopes "
            f"{', '.join(tokens.SCOPES)} for the application and connect again."
        )
    if status == 401:
        return TokenRefused("Xero does not accept our sign-in any more. Connect again.")
    if status == 403:
        return ConfigError("Xero does not let us into this organisation any more. Connect again.")
    if status == 429 and "day" in headers.get("x-rate-limit-problem", "").lower():
        # The usual reading caps what is asked for at an hour; a day's end may be further away.
        text = headers.get("retry-after", "")
        wait = float(text) if text.isascii() and text.isdigit() and len(text) < 7 else retry_after(headers)
        return RateLimited(
            "Xero's calls for today are used up for this organisation; it goes on when Xero allows it.",
            min(wait or 3600.0, 86_400.0),
        )
    return None


class _Said(msgspec.Struct, rename="pascal"):
    message: str = ""
    detail: str = ""


def host_root() -> str:
    """The root of the API's host, where /connections is."""
    parts = urlsplit(environment.load().xero_api_url)
    return f"{parts.scheme}://{parts.netloc}"


def profile(base_url: str, credential: str, day: Callable[[int], None] = lambda _: None) -> Profile:
    """How to speak to Xero for one organisation of theirs. `day` is told how many calls its day still has."""

    def read_budget(headers: Mapping[str, str]) -> None:
        # Of the minute nothing is taken over: it is not said when it ends.
        left = headers.get("x-daylimit-remaining", "")
        if left.isascii() and left.isdigit() and len(left) < 9:
            day(int(left))

    return Profile(
        platform="xero",
        label=LABEL,
        base_url=clean_base_url(base_url, LABEL),
        header_name="Accept",
        header_value="application/json",
        credential=fingerprint("xero", credential),
        rate=Rate(limit=environment.load().xero_calls_per_minute, seconds=60.0, percent=90),
        classify=classify,
        classifies_all=True,
        read_budget=read_budget,
        concurrency=_CONCURRENCY,
        first_timeout=30.0,
        timeout=30.0,
    )


@asynccontextmanager
async def opened(
    organisation_id: UUID,
    token_of: TokenOf,
    *,
    tenant_id: str | None,
    credential: str,
    base_url: str | None = None,
    limits: Limits | None = None,
    told: Told = lambda *_: None,
) -> AsyncIterator[Xero]:
    """Calls for one organisation in Xero; `credential` names whose minute they count against, in every process."""
    days: deque[int] = deque(maxlen=1)
    spoken = profile(base_url or environment.load().xero_api_url, credential, days.append)
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        budget = SharedBudget(database, spoken.credential, spoken.rate, LABEL, user=str(organisation_id))
        breaker = LocalBreaker(label=LABEL)
        async with Client(spoken, budget, breaker, limits=limits or Limits()) as client:
            yield Xero(client, token_of, tenant_id, told, days)


def holding(tokens_given: tokens.Tokens) -> TokenOf:
    """For calls before there is a connection: the one token there is."""

    async def token_of(refused: Secret | None) -> Secret:
        if refused is not None:
            raise TokenRefused("Xero does not accept the token it has just given. Try again.")
        return tokens_given.access

    return token_of


def renewing(database: DatabaseThread, organisation_id: UUID) -> TokenOf:
    """The connection's token, renewed under its lock and committed before it is used."""

    async def token_of(refused: Secret | None) -> Secret:
        return await database.run(tokens.access_token, organisation_id, refused=refused)

    return token_of
