"""The face of a ticketing platform. The engine branches on `Capabilities`, never on a platform's name.

A source keeps no state and writes nothing: it turns answers into pages of neutral records. Paging is inside
`catalogue` and `walk`; retries, budget and breaker are inside the client; cursors and storage are outside.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

from msgspec import Struct

from housecount.platforms.base.hooks import HookReading, Webhooks
from housecount.platforms.base.records import Event, Order, Page, Ticket, TicketType
from housecount.platforms.http.client import Client, Profile


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the engine needs to know to treat a platform rightly.

    `lookback` is the overlap of incremental reads. `tickets_apart`: tickets come on pages of their own, so an
    order's tickets may be known before or after the order itself.
    """

    grain: Literal["order", "ticket", "aggregate"]
    incremental: Literal["updated", "created", "id-descending", "day", "snapshot"]
    refunds: Literal["in-order", "separate-feed", "webhook-only", "absent"]
    webhook: Literal["signed", "url-secret", "none"]
    lookback: timedelta
    tickets_apart: bool


class Setting(Struct, frozen=True, kw_only=True):
    """One thing a person must give to connect an account."""

    name: str
    label: str
    secret: bool = False
    help: str = ""


class Region(Struct, frozen=True, kw_only=True):
    """A part of a platform that an account may have to be read in. `code` is what `check` is given."""

    code: str
    name: str


class Scope(Struct, frozen=True, kw_only=True):
    """Where in an account to look: the platform's organisation ids, and regions ("" = the account's default)."""

    organisation_ids: tuple[str, ...] = ()
    regions: tuple[str, ...] = ("",)


class CheckResult(Struct, frozen=True, kw_only=True):
    """What a working key opens. `name` is what the platform calls the account."""

    name: str
    scope: Scope


class KnownEvent(Struct, frozen=True, kw_only=True):
    """An event that the ledger already has, with what a source needs to plan reads of it.

    `ends_at` is the end of its last date. `new`: nothing of it was ever read to the end.
    """

    event_id: str
    region: str = ""
    starts_at: datetime
    ends_at: datetime
    new: bool = False


class Slice(Struct, frozen=True, kw_only=True):
    """A part of an account that is read in one go, with a bookmark of its own under `key`.

    `since` None reads everything of it. `full` means: when the walk ends without an error, what the ledger has
    of `event_ids` and the walk did not show is absent. `event_ids` None covers the whole account.
    """

    key: str
    event_ids: tuple[str, ...] | None
    since: datetime | None = None
    full: bool = False
    region: str = ""
    organisation_id: str = ""


#: The ticket types of an event, by their external id; {} for an event not known yet.
TypesOf = Callable[[str], Mapping[str, TicketType]]


def no_types(_event_id: str) -> Mapping[str, TicketType]:
    """A `TypesOf` for where nothing is known yet."""
    return {}


class TicketSource(Protocol):
    """One platform."""

    key: str
    label: str
    caps: Capabilities
    settings: tuple[Setting, ...]
    #: What a person does to get the key and to connect with it, step by step, each a sentence or two.
    connect_steps: tuple[str, ...]
    #: The regions a person may choose among; () where the platform has none.
    regions: tuple[Region, ...]
    #: Headers of its webhooks that say something about a delivery and hold no secret, in lower case.
    hook_headers: tuple[str, ...]
    #: None where the platform has no webhooks that can be managed.
    webhooks: Webhooks | None

    def profile(self, base_url: str, secret: str) -> Profile:
        """How to speak to the platform with one credential."""
        ...

    async def check(self, client: Client, regions: Sequence[str]) -> CheckResult:
        """Proves the key with a cheap read. Raises `ConfigError` when it opens nothing."""
        ...

    def catalogue(self, client: Client, scope: Scope, types_of: TypesOf = no_types) -> AsyncIterator[Page]:
        """Every event of the account, page by page, each with its dates and ticket types. An iteration that ends
        without an error has shown all of them; an event among a page's `rejected` was shown too. Ticket types of
        `types_of` that the platform's list leaves out are kept in their event."""
        ...

    async def event(self, client: Client, event_id: str, region: str) -> Event:
        """One event with its dates and ticket types. Raises `Gone` when the platform does not have it."""
        ...

    def slices(
        self,
        scope: Scope,
        events: Collection[KnownEvent],
        bookmark: Callable[[str], datetime | None],
        now: datetime,
        *,
        full: bool,
    ) -> Sequence[Slice]:
        """What to read. Incremental slices carry `since` = `bookmark(key)` minus the lookback; a slice without a
        bookmark, and an event that is new, is read whole."""
        ...

    def walk(self, client: Client, part: Slice, types_of: TypesOf) -> AsyncIterator[Page]:
        """The orders and tickets of a slice, page by page. Duplicates and shifts while paging are normal; a loop
        raises `ContractChanged`. Raises `Gone` when the platform no longer has the event of a slice. A page may
        bring events too, ahead of orders of theirs: new ones, or ticket types that were unknown."""
        ...

    async def order(
        self, client: Client, event_id: str, order_id: str, region: str, types_of: TypesOf
    ) -> Page:
        """One order again, with all of its tickets where the platform offers that. Raises `Gone`."""
        ...

    async def ticket(
        self, client: Client, event_id: str, ticket_id: str, region: str, types_of: TypesOf
    ) -> Page:
        """One ticket again: itself where `caps.tickets_apart`, otherwise its order with all tickets. Raises `Gone`."""
        ...

    def restore(self, kind: str, raw: bytes) -> Event | Order | Ticket:
        """The record that `raw` was made from; `kind` is "event", "order" or "ticket". Pure: rebuild relies on it."""
        ...

    def read_hook(self, body: bytes) -> HookReading:
        """What the body of a hook points at: ids only, by a strict pattern. Pure; never raises, whatever the bytes."""
        ...
