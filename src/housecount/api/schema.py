"""The documents of the API. Money is in minor units of the show's currency; times carry their offset."""

from uuid import UUID

from ninja import Field, Schema


class FiguresOut(Schema):
    """What was counted. `net` is gross - absorbed fees + rebates."""

    orders: int
    sold: int
    comps: int
    cancelled: int
    gross: int
    discounts: int
    refunds: int
    absorbed_fees: int
    passed_on_fees: int
    tax: int
    rebates: int
    extras: int
    net: int


class ListingOut(FiguresOut):
    """One show's presence at one account. `gone_at`: the platform does not have it any more, and it is in no total."""

    id: UUID
    platform: str
    account: UUID
    external_event_id: str
    external_session_id: str | None
    as_of: str | None = Field(description="As of when the figures are true; null: never read.")
    last_sweep_at: str | None
    next_read_at: str | None = Field(description="When they are read next; null: not as long as nobody acts.")
    stale: bool
    stale_reason: str | None
    gone_at: str | None


class ShowOut(Schema):
    """One show with what it sold on all its listings."""

    id: UUID
    title: str
    starts_at: str = Field(description="ISO 8601, with the offset of the venue's time zone.")
    venue: str
    capacity: int | None
    currency: str
    cancelled: bool
    totals: FiguresOut
    listings: list[ListingOut]


class SalesOut(Schema):
    """The count: what `housecount sales --json` prints."""

    organisation: str
    shows: list[ShowOut]


class ProblemPartOut(Schema):
    """One of several things that are wrong: in a field of the request, or by a rule that stands against it."""

    field: str | None = None
    code: str | None = None
    message: str


class ProblemOut(Schema):
    """What went wrong (RFC 9457). Branch on `code`; show `detail` to people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    next_step: str = Field(description="retry, retry_after, ask_a_person or never.")
    errors: list[ProblemPartOut] | None = None
