"""Xero over HTTP: the connection, what is left to write, what differs, what was asked."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Schema

from housecount.api.paging import Next, PageAsked


class BudgetOut(Schema):
    """Xero's limits: `used` of `allowed` calls in this minute; `day_left` as Xero said at `day_left_at`."""

    used: int
    allowed: int
    day_left: int | None
    day_left_at: datetime | None


class XeroOut(Schema):
    """The connection. Without one, `state` is none, and what it would say is null."""

    connected: bool
    state: Literal["none", "connected", "needs_reconnect", "disconnected"]
    trouble: str | None = Field(description="Why it does not work, and what to do.")
    organisation: str | None = Field(description="The organisation in Xero.")
    tenant: str | None
    custom: bool | None = Field(description="A custom connection; false: by consent.")
    country: str | None
    currency: str | None
    pays_tax: bool | None
    locked_until: date | None
    since: date | None = Field(description="Documents issued before this day are not written.")
    automatic: bool | None = Field(description="What is issued is written by itself.")
    read_at: datetime | None = Field(description="When accounts, tax rates and lock dates were last read.")
    pulled_at: datetime | None = Field(description="As of when what changed in Xero is known.")
    parked_until: datetime | None = Field(description="Xero's limits are used up until then.")
    writing: bool = Field(description="Somebody is writing to Xero at this moment.")
    budget: BudgetOut | None
    counts: dict[str, int] = Field(description="What was written and is to be written, by stage.")
    drift: int = Field(description="How many documents differ.")


class QueuedOut(Schema):
    """One thing that is left to write. `retry_at`: nobody but a person tries before."""

    id: UUID
    what: Literal["document", "allocation", "payment", "void", "write_off"]
    document: UUID
    number: str | None
    stage: str
    reason: str | None
    urgency: Literal["asked", "takes_back", "due_soon", "rest"]
    created_at: datetime
    retry_at: datetime | None


class QueueOut(Schema):
    """A page of what is left to write, in the order in which it came up."""

    queue: list[QueuedOut]
    next: Next


class DriftOut(Schema):
    """One field of one document, as we have it and as Xero has it."""

    document: UUID
    number: str | None
    field: str
    ours: str
    xero: str
    url: str | None = Field(description="The document in Xero.")
    found_at: datetime | None


class DriftsOut(Schema):
    """A page of documents that differ, the latest found first; each with all of its fields."""

    drift: list[DriftOut]
    next: Next


class CallOut(Schema):
    """A call that was made for a document: what was asked, and what Xero said. Nothing secret or personal."""

    id: int
    at: datetime
    document: UUID
    number: str | None
    what: str
    step: str
    outcome: str
    sent: str | None = Field(
        description="What was asked: parameters, and JSON as text. Of a field that is not a figure, a state or an id "
        "only that it was there (…); at most 8,000 characters, kept for 30 days."
    )
    received: str | None = Field(description="What Xero answered, in the same way.")


class CallsOut(Schema):
    """A page of calls, the latest first."""

    history: list[CallOut]
    next: Next


class CallsAsked(PageAsked):
    """Which calls."""

    document: UUID | None = None


class MappedOut(Schema):
    """What a purpose stands for in Xero: an account's code, or a tax type with its `rate` in per cent."""

    purpose: str
    code: str | None
    name: str | None
    rate: str | None


class MappingOut(Schema):
    """Every purpose there is."""

    mapping: list[MappedOut]


class PushAskedOut(Schema):
    """It begins within seconds, where a worker runs. `left`: how much was asked for."""

    left: int


class PullAskedOut(Schema):
    """It begins within seconds, where a worker runs."""

    asked: bool
