"""What only a person can say: what belongs together, and how many seats there are."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.box_office import matching, queries, services
from housecount.box_office.errors import NotFound
from housecount.box_office.models import Listing, Show, Suggestion
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import undo, words
from housecount.web.context import OFFICE, SELLERS
from housecount.web.views.show import find


@require_safe
@require_role(*OFFICE)
def to_match(request: MemberRequest) -> HttpResponse:
    """Listings that wait for a person, with the shows they may belong to."""
    waiting = queries.waiting_listings(request.organisation.pk)
    return render(request, "web/to_match.html", {"waiting": waiting, "now": timezone.now()})


def _id(request: MemberRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404("There is no such show.") from None


def _ids(request: MemberRequest, name: str) -> list[UUID]:
    try:
        return [UUID(text) for text in request.POST.getlist(name)]
    except ValueError:
        raise Http404("There is no such listing.") from None


def _suggestion(request: MemberRequest, suggestion_id: UUID) -> Suggestion:
    return get_object_or_404(
        Suggestion.objects.select_related("listing__account", "show"),
        organisation_id=request.organisation.pk,
        pk=suggestion_id,
    )


def _listing(request: MemberRequest, listing_id: UUID) -> Listing:
    try:
        return matching.find_listing(request.organisation.pk, listing_id)
    except NotFound as error:
        raise Http404(error.message) from None


def _back(request: MemberRequest, show_id: UUID) -> HttpResponse:
    return redirect("to_match") if request.POST.get("back") == "to-match" else redirect("show", show_id)


def _name(listing: Listing) -> str:
    return f"“{listing.title}” on {words.platform_label(listing.account.platform)}"


def _merged(request: MemberRequest, text: str, source: Show, listings: list[UUID], acts: list[UUID]) -> None:
    """Tells that `source` went into another show, and how to take it back."""
    moved = {"listing": [str(key) for key in listings], "act": [str(key) for key in acts]}
    undo.done(request, text, "show_revive", source.id, moved)


@require_POST
@require_role(*SELLERS)
def link(request: MemberRequest, listing_id: UUID) -> HttpResponse:
    """The listing belongs to the show that was chosen."""
    listing = _listing(request, listing_id)
    before, show = listing.show, find(request, _id(request, "show"))
    acts = matching.bill_only_of(before, show)
    matching.link(listing, show)
    text = f"{_name(listing)} now counts for “{show.title}”."
    before.refresh_from_db(fields=["merged_into"])
    if before.id == show.id:
        messages.success(request, text)
    elif before.merged_into_id is not None:
        _merged(request, text, before, [listing.id], acts)
    else:
        undo.done(request, text, "listing_link", listing.id, {"show": [str(before.id)]})
    return _back(request, show.id)


@require_POST
@require_role(*SELLERS)
def unlink(request: MemberRequest, listing_id: UUID) -> HttpResponse:
    """The listing is a show of its own."""
    listing = _listing(request, listing_id)
    before = listing.show
    show = matching.unlink(listing)
    if show.id == before.id:
        messages.info(request, f"{_name(listing)} is this show's only listing: there is nothing to unlink.")
    else:
        undo.done(
            request,
            f"{_name(listing)} is a show of its own now, apart from “{before.title}”.",
            "listing_link",
            listing.id,
            {"show": [str(before.id)]},
        )
    return redirect("show", show.id)


@require_POST
@require_role(*SELLERS)
def decline(request: MemberRequest, suggestion_id: UUID) -> HttpResponse:
    """The suggested show is not the listing's."""
    suggestion = _suggestion(request, suggestion_id)
    matching.decline(suggestion)
    text = f"{_name(suggestion.listing)} is not “{suggestion.show.title}”."
    back = {"back": [request.POST.get("back", "")]} if request.POST.get("back") == "to-match" else {}
    undo.done(request, text, "suggestion_restore", suggestion.pk, back)
    return _back(request, suggestion.listing.show_id)


@require_POST
@require_role(*SELLERS)
def restore(request: MemberRequest, suggestion_id: UUID) -> HttpResponse:
    """The suggested show may be the listing's after all."""
    suggestion = _suggestion(request, suggestion_id)
    matching.restore(suggestion)
    messages.success(request, f"{_name(suggestion.listing)} waits for a decision again.")
    return _back(request, suggestion.listing.show_id)


@require_POST
@require_role(*SELLERS)
def revive(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """A show that was merged into another is one of its own again."""
    source = get_object_or_404(Show, organisation_id=request.organisation.pk, pk=show_id)
    matching.revive(source, _ids(request, "listing"), _ids(request, "act"))
    messages.success(request, f"“{source.title}” is a show of its own again.")
    return redirect("show", source.id)


@require_POST
@require_role(*SELLERS)
def merge(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """All listings of this show belong to another."""
    source = find(request, show_id)
    target = find(request, _id(request, "show"))
    if source.id == target.id:
        messages.info(request, "These are one show already.")
        return redirect("show", target.id)
    listings = list(source.listing_set.values_list("id", flat=True))
    acts = matching.bill_only_of(source, target)
    matching.merge(source, target)
    _merged(request, f"“{source.title}” is one show with “{target.title}” now.", source, listings, acts)
    return redirect("show", target.id)


@require_POST
@require_role(*SELLERS)
def capacity(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """How many seats the show has, whatever the platforms tell; nothing leaves it to them."""
    show = find(request, show_id)
    text = request.POST.get("capacity", "").strip()
    if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
        messages.error(request, "A capacity is a whole number of seats. Nothing was changed.")
        return redirect("show", show.id)
    services.set_capacity(show, int(text) if text else None)
    told = f"has {int(text):,} seats" if text else "has the capacity that its platforms tell"
    messages.success(request, f"“{show.title}” {told} now.")
    return redirect("show", show.id)
