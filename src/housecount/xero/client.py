"""Xero's API as calls: Decimal in, Decimal out, every element checked, and a token renewed at most once a call."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote
from uuid import UUID

import msgspec

from housecount.installation import environment
from housecount.platforms.base.errors import Gone, PlatformError
from housecount.platforms.http.budget import LocalBreaker
from housecount.platforms.http.client import Client, Limits
from housecount.sync.database import DatabaseThread
from housecount.sync.limits import SharedBudget
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity
from housecount.xero import redacting, tokens, wire
from housecount.xero.errors import Rejected
from housecount.xero.speaking import LABEL, TokenRefused, profile

T = TypeVar("T")
_PAGE = 1000
_ENCODER = msgspec.json.Encoder(decimal_format="number")

#: Gives a token: a new one when the one handed in was refused.
TokenOf = Callable[[Secret | None], Awaitable[Secret]]


class Said(NamedTuple):
    """A call that was made: method and path, how it ended, and what was sent and received as far as it may be kept
    (see `redacting`)."""

    step: str
    outcome: str
    sent: str = ""
    received: str = ""


#: Told of every call.
Told = Callable[[Said], None]


class Xero:
    """Calls for one organisation in Xero. Raises `Rejected` for what Xero will not take, else a `PlatformError`."""

    def __init__(
        self,
        client: Client,
        token_of: TokenOf,
        tenant_id: str | None,
        told: Told | None = None,
        days: Sequence[int] = (),
        heard: deque[bytes] | None = None,
    ) -> None:
        self._client = client
        self._token_of = token_of
        self._tenant_id = tenant_id
        self._told = told
        self._days = days
        self._heard = heard if heard is not None else deque[bytes](maxlen=1)

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
            raise found
        return found

    async def _all(
        self,
        plural: str,
        kind: type[wire.Row],
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> list[wire.Row]:
        return [row async for found in self.pages(plural, kind, query, headers) for row in found.rows]

    async def pages(
        self,
        plural: str,
        kind: type[wire.Row],
        query: Mapping[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[wire.Page[wire.Row]]:
        """A list page by page, as large as pages may be. A row that changes meanwhile can move another to a page that
        was read already: who needs every one of them counts them."""
        number, known = 1, set[str]()
        while True:
            place = {**query, "page": str(number), "pageSize": str(_PAGE)}
            found = await self._rows(f"/{plural}", plural, kind, place, headers)
            ids = {each.id for each in found.rows}
            # Where it is not told how many pages there are, the one that brings nothing new is past the last.
            if found.pages is None and number > 1 and ids <= known:
                return
            yield found
            if number >= found.pages if found.pages is not None else not ids:
                return
            known |= ids
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

        def read(body: bytes) -> T:
            self._heard.append(body)
            return decode(body)

        def tell(outcome: str) -> None:
            if self._told is not None:
                sent = redacting.query(query) + redacting.body(content, content_type)
                received = redacting.body(self._heard[-1]) if self._heard else ""
                self._told(Said(f"{method} {path}", redacting.words(outcome), sent, received))

        while True:
            token = await self._token_of(refused)
            own = {**(headers or {}), "Authorization": f"Bearer {token.reveal()}"}
            if self._tenant_id is not None:
                own["xero-tenant-id"] = self._tenant_id
            self._heard.clear()
            try:
                answer = await self._client.send(
                    method,
                    path,
                    read,
                    query=query,
                    content=content,
                    content_type=content_type,
                    headers=own,
                    repeat=repeat,
                )
            except TokenRefused as error:
                if refused is None:
                    refused = token
                    continue
                tell(error.message)
                raise
            except PlatformError as error:
                tell(error.message)
                raise
            refusal = answer.value.message if isinstance(answer.value, Rejected) else ""
            tell(f"refused inside a good answer: {refusal}" if refusal else str(answer.status))
            return answer.value


def _taken(body: bytes, plural: str, kind: type[T]) -> T | Rejected:
    """The one element of an answer; what is wrong with it when a good answer says that it was not taken."""
    if wire.is_faulty(body):
        return Rejected(wire.complaints(body))
    found = wire.page(body, plural, kind).rows
    if not found:
        raise msgspec.ValidationError("Expected `array` of length >= 1")
    return found[0]


@asynccontextmanager
async def opened(
    organisation_id: UUID,
    token_of: TokenOf,
    *,
    tenant_id: str | None,
    credential: str,
    base_url: str | None = None,
    limits: Limits | None = None,
    told: Told | None = None,
) -> AsyncIterator[Xero]:
    """Calls for one organisation in Xero; `credential` names whose minute they count against, in every process."""
    days, heard = deque[int](maxlen=1), deque[bytes](maxlen=1)
    spoken = profile(base_url or environment.load().xero_api_url, credential, days.append, heard.append)
    async with DatabaseThread(Identity.system(organisation_id)) as database:
        budget = SharedBudget(database, spoken.credential, spoken.rate, LABEL, user=str(organisation_id))
        breaker = LocalBreaker(label=LABEL)
        async with Client(spoken, budget, breaker, limits=limits or Limits()) as client:
            yield Xero(client, token_of, tenant_id, told, days, heard)


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
