"""Shows over HTTP: what they sold, and what stands behind every figure."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router

from housecount.api import bodies, openapi, paging
from housecount.api.access import SELLERS, member
from housecount.api.errors import NoSuchAddress
from housecount.api.schema import SalesOut
from housecount.api.schema_shows import (
    ActsOut,
    DaysOut,
    LinesAsked,
    LinesOut,
    OrdersOut,
    ShowDetailOut,
    ShowsAsked,
    ShowsOut,
    VenuesOut,
)
from housecount.box_office import bill, matching, queries, services, show_runs
from housecount.box_office.models import Order, SalesEntry, Venue
from housecount.box_office.show_lists import ShowFilter, matching_shows, show_ids
from housecount.core.counting import Figures
from housecount.sync.queries import (
    ShowCount,
    count_shows,
    figures_document,
    sales_document,
    show_document,
)

router = Router(tags=["shows"])
_READ, _WRITE = "sales:read", "sales:write"
_RANKINGS = {"sold", "share", "gross", "recent"}
_LAST_PLACE = 1_000_000


@router.get("/sales", **openapi.reads(SalesOut, scope=_READ, name="sales", summary="The count"))
def sales(request: HttpRequest, show: UUID | None = None) -> dict[str, Any]:
    """Every show of the organisation, or the one asked for, with what it sold, where, and as of when."""
    organisation = member(request).organisation
    show_id = None if show is None else matching.find_show(organisation.pk, show).id
    return sales_document(organisation.pk, organisation.slug, timezone.now(), show_id)


@router.get("/shows", **openapi.reads(ShowsOut, scope=_READ, name="shows", summary="Shows"))
def shows(request: HttpRequest, asked: Query[ShowsAsked]) -> dict[str, Any]:
    """A page of shows by their start or in a ranking, each as in the count."""
    organisation_id = member(request).organisation.pk
    text = asked.q.replace("\x00", "").strip()
    wanted = ShowFilter(
        text,
        asked.since,
        asked.until,
        asked.venue,
        asked.platform.replace("\x00", ""),
        show_runs.asked_run(asked.run),
    )
    if asked.order in _RANKINGS:
        page, after = _ranked(organisation_id, wanted, asked)
    else:
        page, after = _by_start(organisation_id, wanted, asked)
    counts = {count.show.id: count for count in count_shows(organisation_id, timezone.now(), page)}
    return {"shows": [show_document(counts[key]) for key in page if key in counts], "next": after}


def _by_start(organisation_id: UUID, wanted: ShowFilter, asked: ShowsAsked) -> tuple[list[UUID], str | None]:
    rows = matching_shows(organisation_id, wanted)
    latest = asked.order == "latest"
    if asked.cursor:
        moment, key = paging.moment_and_id(asked.cursor)
        after = "lt" if latest else "gt"
        rows = rows.filter(
            Q(**{f"starts_at__{after}": moment}) | Q(starts_at=moment, **{f"pk__{after}": key})
        )
    order = ("-starts_at", "-pk") if latest else ("starts_at", "pk")
    keys = list(rows.order_by(*order).values_list("starts_at", "pk")[: asked.limit + 1])
    page = keys[: asked.limit]
    return [key for _, key in page], paging.encode(*page[-1]) if len(keys) > asked.limit else None


def _ranked(organisation_id: UUID, wanted: ShowFilter, asked: ShowsAsked) -> tuple[list[UUID], str | None]:
    # A place is all that a ranking has to go on from: what a show sold changes under it.
    start = 0
    if asked.cursor:
        order, place = paging.decode(asked.cursor, 2)
        start = paging.number(place)
        if order != asked.order or start > _LAST_PLACE:
            raise paging.BadCursor
    found = show_ids(
        organisation_id,
        wanted,
        newest_first=False,
        limit=asked.limit + 1,
        offset=start,
        sort=asked.order,
        now=timezone.now(),
    )
    page = found[: asked.limit]
    return page, paging.encode(asked.order, start + len(page)) if len(found) > asked.limit else None


@router.get(
    "/shows/{uuid:show_id}", **openapi.reads(ShowDetailOut, scope=_READ, name="show", summary="A show")
)
def show(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """One show with its listings and their ticket types; one that was merged answers with the one it went into."""
    return _detail(member(request).organisation.pk, show_id)


def _detail(organisation_id: UUID, show_id: UUID) -> dict[str, Any]:
    count = _count(organisation_id, show_id)
    types = queries.type_counts(organisation_id, [each.listing for each in count.listings])
    document = show_document(count)
    show = count.show
    for told, each in zip(document["listings"], count.listings, strict=True):
        listing = each.listing
        told |= {
            "title": listing.title,
            "url": listing.url,
            "state": listing.state,
            "capacity": listing.capacity,
            "linked_by": listing.linked_by,
            "reasons": listing.reasons,
            "ticket_types": [kind._asdict() for kind in types[listing.id]],
        }
    return document | {
        "room": count.show.room,
        "place": _venue(count.show.venue),
        "seats": count.seats,
        "set_capacity": show.capacity,
        "run": {
            "name": show.title if show.run is None else show.run,
            "by_hand": show.run is not None,
            "filter": show_runs.filter_of(show),
        },
        "bill": [act._asdict() for act in bill.on_the_bill(show)],
    }


def _count(organisation_id: UUID, show_id: UUID) -> ShowCount:
    found = matching.find_show(organisation_id, show_id)
    counts = count_shows(organisation_id, timezone.now(), [found.id])
    if not counts:
        raise NoSuchAddress("There is no such show.")
    return counts[0]


@router.patch(
    "/shows/{uuid:show_id}",
    **openapi.writes(
        ShowDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="edit_show",
        summary="Say how many seats a show has, or which run it is in",
        body=openapi.fields(
            capacity={
                "type": ["integer", "null"],
                "minimum": 1,
                "maximum": services.MOST_SEATS,
                "description": "null leaves it to what the platforms tell.",
            },
            run={
                "type": ["string", "null"],
                "maxLength": show_runs.LONGEST,
                "description": "The name of a run, which need not be there yet; empty: in no run; null leaves it "
                "to the title and the venue.",
            },
        )
        | {"minProperties": 1},
    ),
)
def edit_show(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """The show with what a person says of it; what is not named stays as it is."""
    data = bodies.read_object(request, "capacity", "run")
    if not data:
        raise bodies.BadBody("There is nothing to change: say capacity or run.")
    capacity, run = data.get("capacity"), data.get("run")
    if not (capacity is None or type(capacity) is int):
        raise bodies.BadBody("capacity: a whole number of seats is expected, or null.")
    if capacity is not None and not 0 < capacity <= services.MOST_SEATS:
        raise bodies.BadBody(f"capacity: from 1 to {services.MOST_SEATS:,} seats.")
    if not (run is None or isinstance(run, str)) or len(run or "") > show_runs.LONGEST:
        raise bodies.BadBody(f"run: a name of at most {show_runs.LONGEST} characters is expected, or null.")
    organisation_id = member(request).organisation.pk
    found = matching.find_show(organisation_id, show_id)
    if "capacity" in data:
        services.set_capacity(found, capacity)
    if "run" in data:
        show_runs.put_into(found, run)
    return _detail(organisation_id, show_id)


@router.put(
    "/shows/{uuid:show_id}/bill",
    **openapi.writes(
        ShowDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="set_bill",
        summary="Say which acts are on the bill of a show",
        body=openapi.fields(
            acts={"type": "array", "items": openapi.UUID_FIELD, "maxItems": bill.MOST, "needed": True}
        ),
    ),
)
def set_bill(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """The show with exactly these acts on its bill, by their ids in `/acts`. Each sees the show from then on, and those
    that are not named do not."""
    data = bodies.read_object(request, "acts")
    given = data.get("acts")
    if not isinstance(given, list) or len(given) > bill.MOST:
        raise bodies.BadBody(f"acts: a list of at most {bill.MOST} ids is expected.")
    wanted = [bodies.key({"acts": each}, "acts") for each in given]
    organisation_id = member(request).organisation.pk
    bill.set_bill(matching.find_show(organisation_id, show_id), wanted)
    return _detail(organisation_id, show_id)


@router.get(
    "/acts", **openapi.reads(ActsOut, scope=_READ, roles=SELLERS, name="acts", summary="Acts that sign in")
)
def acts(request: HttpRequest) -> dict[str, Any]:
    """Everybody who can be put on a bill, by name."""
    return {"acts": [act._asdict() for act in bill.acts(member(request).organisation.pk)]}


@router.post(
    "/shows/{uuid:show_id}/merge",
    **openapi.writes(
        ShowDetailOut,
        scope=_WRITE,
        roles=SELLERS,
        name="merge_show",
        summary="Say that two shows are one",
        body=openapi.fields(into=openapi.NEEDED_UUID),
    ),
)
def merge_show(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """All listings of this show go to the show `into`, which is the answer."""
    target_id = bodies.key(bodies.read_object(request, "into"), "into")
    organisation_id = member(request).organisation.pk
    source, target = (matching.find_show(organisation_id, key) for key in (show_id, target_id))
    matching.merge(source, target)
    return _detail(organisation_id, target.id)


@router.get(
    "/shows/{uuid:show_id}/days",
    **openapi.reads(DaysOut, scope=_READ, name="show_days", summary="A show day by day"),
)
def show_days(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """What each listing sold on each day at the venue, the earliest first."""
    count = _count(member(request).organisation.pk, show_id)
    zone = count.show.venue.timezone
    days = queries.daily_counts(member(request).organisation.pk, _there(count), zone)
    return {
        "timezone": zone,
        "days": [
            {"listing": each.listing_id, "day": each.day, "sold": each.sold, "comps": each.comps}
            for each in days
        ],
    }


def _there(count: ShowCount) -> list[UUID]:
    return [each.listing.id for each in count.listings if each.listing.gone_at is None]


@router.get(
    "/shows/{uuid:show_id}/lines",
    **openapi.reads(LinesOut, scope=_READ, name="show_lines", summary="The lines behind a figure"),
)
def show_lines(request: HttpRequest, show_id: UUID, asked: Query[LinesAsked]) -> dict[str, Any]:
    """The ledger's lines of a show, the latest first, with what all of them come to."""
    organisation_id = member(request).organisation.pk
    ids = _there(_count(organisation_id, show_id))
    if asked.listing is not None:
        ids = [each for each in ids if each == asked.listing]
    rows = queries.ledger_lines(
        organisation_id, ids, figure=asked.figure, order_id=asked.order.replace("\x00", "")
    )
    count, summed = queries.sum_of_lines(rows)
    if asked.cursor:
        when, text = paging.decode(asked.cursor, 2)
        moment, sequence = paging.moment(when), paging.number(text)
        rows = rows.filter(Q(happened_at__lt=moment) | Q(happened_at=moment, sequence__lt=sequence))
    found = list(rows[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "lines": [_line(each) for each in page],
        "count": count,
        "sum": figures_document(summed),
        "next": (
            paging.encode(page[-1].happened_at, page[-1].sequence) if len(found) > asked.limit else None
        ),
    }


def _line(entry: SalesEntry) -> dict[str, Any]:
    return _figures(entry) | {
        "sequence": entry.sequence,
        "kind": entry.kind,
        "listing": entry.listing_id,
        "account": entry.account_id,
        "order": entry.order_id,
        "ticket": entry.ticket_id or None,
        "currency": entry.currency,
        "happened_at": entry.happened_at,
        "seen_at": entry.seen_at,
    }


def _figures(row: SalesEntry | Order) -> dict[str, int]:
    return figures_document(Figures(*(getattr(row, name) for name in Figures._fields)))


@router.get(
    "/shows/{uuid:show_id}/orders",
    **openapi.reads(OrdersOut, scope=_READ, name="show_orders", summary="A show's orders"),
)
def show_orders(request: HttpRequest, show_id: UUID, asked: Query[paging.PageAsked]) -> dict[str, Any]:
    """The orders of a show as they stand, the latest first. Who bought is not told."""
    organisation_id = member(request).organisation.pk
    ids = _there(_count(organisation_id, show_id))
    rows = Order.objects.filter(organisation_id=organisation_id, listing_id__in=ids)
    if asked.cursor:
        when, account, key = paging.decode(asked.cursor, 3)
        placed, owner = paging.moment(when), paging.key(account)
        rows = rows.filter(
            Q(placed_at__lt=placed)
            | Q(placed_at=placed, account_id__lt=owner)
            | Q(placed_at=placed, account_id=owner, external_id__lt=key)
        )
    found = list(rows.order_by("-placed_at", "-account_id", "-external_id")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "orders": [_order(each) for each in page],
        "next": (
            paging.encode(page[-1].placed_at, page[-1].account_id, page[-1].external_id)
            if len(found) > asked.limit
            else None
        ),
    }


def _order(order: Order) -> dict[str, Any]:
    return _figures(order) | {
        "id": order.external_id,
        "account": order.account_id,
        "listing": order.listing_id,
        "status": order.status,
        "channel": order.channel,
        "currency": order.currency,
        "completed": order.completed,
        "gone": order.gone,
        "placed_at": order.placed_at,
        "changed_at": order.changed_at,
        "read_at": order.read_at,
    }


@router.get("/venues", **openapi.reads(VenuesOut, scope=_READ, name="venues", summary="Venues"))
def venues(request: HttpRequest, asked: Query[paging.PageAsked]) -> dict[str, Any]:
    """Where shows happen, by name."""
    rows: QuerySet[Venue] = Venue.objects.filter(organisation_id=member(request).organisation.pk)
    if asked.cursor:
        name, key = paging.decode(asked.cursor, 2)
        rows = rows.filter(Q(name__gt=name) | Q(name=name, pk__gt=paging.key(key)))
    found: Sequence[Venue] = list(rows.order_by("name", "pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "venues": [_venue(each) for each in page],
        "next": paging.encode(page[-1].name, page[-1].pk) if len(found) > asked.limit else None,
    }


def _venue(venue: Venue) -> dict[str, Any]:
    return {
        "id": venue.pk,
        "name": venue.name,
        "city": venue.city,
        "country": venue.country,
        "timezone": venue.timezone,
    }
