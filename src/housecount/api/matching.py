"""What only a person can say, over HTTP: which listings are one show."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Router

from housecount.api import bodies, openapi
from housecount.api.access import SELLERS, member
from housecount.api.errors import NoSuchAddress
from housecount.api.schema_shows import LinkedOut, RevivedOut, SuggestionsOut
from housecount.box_office import matching, queries
from housecount.box_office.models import Show, Suggestion

router = Router(tags=["shows"])
_WRITE = "sales:write"
_MOST_IDS = 200


@router.get(
    "/suggestions",
    **openapi.reads(
        SuggestionsOut, scope="sales:read", name="suggestions", summary="Listings that wait for a person"
    ),
)
def suggestions(request: HttpRequest) -> dict[str, Any]:
    """Listings in doubt with the shows they may belong to, the likeliest first."""
    return {
        "waiting": [
            {
                "listing": each.listing.pk,
                "title": each.listing.title,
                "platform": each.listing.account.platform,
                "show": each.listing.show_id,
                "starts_at": each.listing.starts_at,
                "suggestions": [
                    {
                        "id": candidate.suggestion.pk,
                        "show": candidate.show.pk,
                        "title": candidate.show.title,
                        "starts_at": candidate.show.starts_at,
                        "score": candidate.suggestion.score,
                        "reasons": candidate.suggestion.reasons,
                    }
                    for candidate in each.candidates
                ],
            }
            for each in queries.waiting_listings(member(request).organisation.pk)
        ]
    }


@router.post(
    "/suggestions/{uuid:suggestion_id}/decline",
    **openapi.writes(
        LinkedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="decline_suggestion",
        summary="Say that a suggested show is not it",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def decline(request: HttpRequest, suggestion_id: UUID) -> dict[str, Any]:
    """The suggestion is not made again; the listing stays with the show it counts for."""
    bodies.nothing(request)
    found = _suggestion(request, suggestion_id)
    matching.decline(found)
    return {"listing": found.listing_id, "show": found.listing.show_id}


def _suggestion(request: HttpRequest, suggestion_id: UUID) -> Suggestion:
    found = (
        Suggestion.objects.filter(organisation_id=member(request).organisation.pk, pk=suggestion_id)
        .select_related("listing")
        .first()
    )
    if found is None:
        raise NoSuchAddress("There is no such suggestion.")
    return found


@router.post(
    "/suggestions/{uuid:suggestion_id}/restore",
    **openapi.writes(
        LinkedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="restore_suggestion",
        summary="Take back that a suggested show is not it",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def restore(request: HttpRequest, suggestion_id: UUID) -> dict[str, Any]:
    """The suggestion waits for a decision again."""
    bodies.nothing(request)
    found = _suggestion(request, suggestion_id)
    matching.restore(found)
    return {"listing": found.listing_id, "show": found.listing.show_id}


@router.post(
    "/shows/{uuid:show_id}/revive",
    **openapi.writes(
        RevivedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="revive_show",
        summary="Take back that a show was merged into another",
        body=openapi.fields(
            listings={"type": "array", "items": openapi.UUID_FIELD, "maxItems": 200, "needed": True},
            acts={"type": "array", "items": openapi.UUID_FIELD, "maxItems": 200},
        ),
    ),
)
def revive(request: HttpRequest, show_id: UUID) -> dict[str, Any]:
    """The show is one of its own again, with those of `listings`, and of `acts` (memberships), that went along."""
    data = bodies.read_object(request, "listings", "acts")
    wanted = [_ids(data, name, needed=name == "listings") for name in ("listings", "acts")]
    organisation_id = member(request).organisation.pk
    source = Show.objects.filter(organisation_id=organisation_id, pk=show_id).first()
    if source is None:
        raise NoSuchAddress("There is no such show.")
    return {"show": source.pk, "apart_from": matching.revive(source, *wanted).pk}


def _ids(data: bodies.Json, name: str, *, needed: bool) -> list[UUID]:
    given = data.get(name) if needed else data.get(name, [])
    if not isinstance(given, list) or len(given) > _MOST_IDS:
        raise bodies.BadBody(f"{name}: a list of at most {_MOST_IDS} ids is expected.")
    return [bodies.key({name: each}, name) for each in given]


@router.post(
    "/listings/{uuid:listing_id}/link",
    **openapi.writes(
        LinkedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="link_listing",
        summary="Say which show a listing belongs to",
        body=openapi.fields(show=openapi.NEEDED_UUID),
    ),
)
def link(request: HttpRequest, listing_id: UUID) -> dict[str, Any]:
    """The listing counts for `show` from now on. A show left without listings is merged into it."""
    show_id = bodies.key(bodies.read_object(request, "show"), "show")
    organisation_id = member(request).organisation.pk
    listing = matching.find_listing(organisation_id, listing_id)
    matching.link(listing, matching.find_show(organisation_id, show_id))
    return {"listing": listing.pk, "show": listing.show_id}


@router.post(
    "/listings/{uuid:listing_id}/unlink",
    **openapi.writes(
        LinkedOut,
        scope=_WRITE,
        roles=SELLERS,
        name="unlink_listing",
        summary="Give a listing a show of its own",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def unlink(request: HttpRequest, listing_id: UUID) -> dict[str, Any]:
    """The listing is a show of its own; the only listing of a show stays where it is."""
    bodies.nothing(request)
    listing = matching.find_listing(member(request).organisation.pk, listing_id)
    return {"listing": listing.pk, "show": matching.unlink(listing).pk}
