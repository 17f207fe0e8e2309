"""Documents about shows: the list, one show with all that stands behind it, orders and the ledger."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from ninja import Field, Schema

from housecount.api.paging import Moment, Next, PageAsked
from housecount.api.schema import FiguresOut, ListingOut, ShowOut
from housecount.core.counting import Category, EntryKind


class ShowsAsked(PageAsked):
    """Which shows."""

    q: str = Field("", description="All of these words in title, venue or city.", max_length=100)
    since: Moment | None = Field(None, description="Those that start then or later; with an offset.")
    until: Moment | None = Field(None, description="Those that start before.")
    venue: UUID | None = None
    platform: str = Field("", description="Those with a listing there.", max_length=40)
    run: str = Field(
        "",
        description="Those of this title, whatever its case, unless a person put them elsewhere; or `=` "
        "and the name of a run that a person made. `run.filter` of a show is its own.",
        max_length=300,
    )
    order: Literal["soonest", "latest", "sold", "share", "gross", "recent"] = Field(
        "soonest",
        description="By their start; or by what they sold, how full they are, their gross, or what they sold in the "
        "last 24 hours, the most first. Places in such a ranking change as sales come: read it in one go.",
    )


class ShowsOut(Schema):
    """A page of shows, each with what it sold."""

    shows: list[ShowOut]
    next: Next


class VenueOut(Schema):
    """Where shows happen."""

    id: UUID
    name: str
    city: str
    country: str
    timezone: str


class VenuesOut(Schema):
    """A page of venues by name."""

    venues: list[VenueOut]
    next: Next


class TicketTypeOut(Schema):
    """A kind of ticket. `price` and `quantity` are null where the platform is silent."""

    name: str
    category: Category
    price: int | None
    quantity: int | None
    absorbs_fees: bool
    deleted: bool = Field(description="The platform does not offer it any more.")
    sold: int
    comps: int
    cancelled: int


class ListingDetailOut(ListingOut):
    """A listing with what the platform says of it, and why it belongs to its show."""

    title: str
    url: str
    state: str = Field(description="The platform's own word.")
    capacity: int | None
    linked_by: Literal["machine", "person"]
    reasons: list[dict[str, object]]
    ticket_types: list[TicketTypeOut]


class ShowRunOut(Schema):
    """The run of a show: by itself that of its title at its venue."""

    name: str = Field(description="Empty: a person took it out of every run.")
    by_hand: bool = Field(description="A person said so.")
    filter: str = Field(description="What `run` of `/shows` takes to list the shows of the run.")


class ActOut(Schema):
    """An act that signs in."""

    id: UUID
    name: str


class ActsOut(Schema):
    """Acts that sign in, by name."""

    acts: list[ActOut]


class ShowDetailOut(Schema):
    """One show with all its listings, as they stand."""

    id: UUID
    title: str
    starts_at: str
    venue: str
    capacity: int | None
    currency: str
    cancelled: bool
    totals: FiguresOut
    listings: list[ListingDetailOut]
    room: str
    place: VenueOut
    seats: int | None = Field(
        description="What the house is measured against; null where it cannot be known."
    )
    set_capacity: int | None = Field(description="The capacity that a person gave, if one did.")
    run: ShowRunOut
    bill: list[ActOut] = Field(description="Who performs, of the acts that sign in.")


class DayOut(Schema):
    """What one listing's ledger says of one day at the venue: changes, not sums."""

    listing: UUID
    day: date
    sold: int
    comps: int


class DaysOut(Schema):
    """Day by day."""

    timezone: str
    days: list[DayOut]


class EntryOut(FiguresOut):
    """One line of the ledger: what changed in a ticket or an order, when, and when it was seen."""

    sequence: int
    kind: EntryKind
    listing: UUID
    account: UUID
    order: str
    ticket: str | None
    currency: str
    happened_at: datetime
    seen_at: datetime


class LinesOut(Schema):
    """A page of lines, the latest first; `count` and `sum` are of all of them."""

    lines: list[EntryOut]
    count: int
    sum: FiguresOut
    next: Next


class LinesAsked(PageAsked):
    """Which lines."""

    figure: Literal[
        "", "orders", "sold", "comps", "cancelled", "gross", "discounts", "refunds", "absorbed_fees",
        "passed_on_fees", "tax", "rebates", "extras", "net", "list_value",
    ] = Field("", description="Only those that move this figure.")  # fmt: skip
    order: str = Field("", description="Only those of this order, by the platform's id.", max_length=100)
    listing: UUID | None = Field(None, description="Only those of this listing.")


class OrderOut(FiguresOut):
    """An order as it stands, without its buyer, with what it counts."""

    id: str = Field(description="The platform's id.")
    account: UUID
    listing: UUID
    status: str
    channel: str
    currency: str
    completed: bool
    gone: bool = Field(description="The platform does not have it any more, and it counts nothing.")
    placed_at: datetime
    changed_at: datetime
    read_at: datetime


class OrdersOut(Schema):
    """A page of orders, the latest first."""

    orders: list[OrderOut]
    next: Next


class SuggestionOut(Schema):
    """A show that a listing may belong to. `score` is 0 to 100."""

    id: UUID
    show: UUID
    title: str
    starts_at: datetime
    score: int
    reasons: list[dict[str, object]]


class WaitingOut(Schema):
    """A listing in doubt, which counts for a show of its own until a person says where it belongs."""

    listing: UUID
    title: str
    platform: str
    show: UUID
    starts_at: datetime
    suggestions: list[SuggestionOut]


class SuggestionsOut(Schema):
    """All listings in doubt, the earliest first."""

    waiting: list[WaitingOut]


class LinkedOut(Schema):
    """Where a listing belongs now."""

    listing: UUID
    show: UUID


class RevivedOut(Schema):
    """A show that is one of its own again, and the one that it had been merged into."""

    show: UUID
    apart_from: UUID
