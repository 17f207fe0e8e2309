"""Which show a listing belongs to: proposed by `core.matching`, decided by a person where it is doubtful.

A sure match is linked. A doubtful listing gets a show of its own, so that its sales are counted, and
suggestions that wait for a person. Linking, unlinking and merging move listings; figures stay with the
listing, so nothing is lost. The caller owns the transaction and the identity.
"""

from collections.abc import Collection, Iterable
from datetime import timedelta
from uuid import UUID

from housecount.box_office import show_runs
from housecount.box_office.errors import NotFound, NotPossible
from housecount.box_office.models import Appearance, Listing, Show, Suggestion, Venue
from housecount.core import matching
from housecount.core.matching import Match, Subject, Verdict

#: Listings further apart than this are never the same show, whatever the time zones.
_WINDOW = timedelta(hours=30)


def place_listing(listing: Listing) -> None:
    """Saves a new listing under the show it surely belongs to, or under a new show of its own with suggestions."""
    candidates = [(show.id, _show_subject(show)) for show in _candidates(listing)]
    choice = matching.choose(_subject(listing), candidates)
    if choice.verdict is Verdict.SURE:
        best = choice.suggestions[0]
        listing.show_id = best.key
        listing.reasons = _reasons(best.match)
    else:
        listing.show = _new_show(listing)
        listing.reasons = []
    listing.linked_by = "machine"
    listing.save(force_insert=True)
    if choice.verdict is Verdict.DOUBTFUL:
        Suggestion.objects.bulk_create(
            Suggestion(
                organisation_id=listing.organisation_id,
                listing=listing,
                show_id=ranked.key,
                score=ranked.match.score,
                reasons=_reasons(ranked.match),
            )
            for ranked in choice.suggestions
        )


def follow_listing(listing: Listing) -> None:
    """After the platform changed a listing: its show follows when it has no other, and a link that a machine made
    and that no longer holds is undone. What moved is looked for anew: a show that is postponed moves on one
    platform after the other. What a person linked or unlinked stays."""
    if listing.linked_by != "machine":
        return
    show = listing.show
    others = Listing.objects.filter(organisation_id=listing.organisation_id, show=show).exclude(pk=listing.pk)
    other = others.order_by("created_at", "id").first()
    if other is not None:
        apart = matching.score(_subject(listing), _subject(other)).verdict is Verdict.NO
        if apart and not _rejoin(listing):
            unlink(listing, by="machine")
        return
    before = _show_subject(show)
    _describe(show, listing)
    show.save(update_fields=["title", "venue", "starts_at", "currency", "cancelled"])
    if _show_subject(show) != before:
        _rejoin(listing)


def _rejoin(listing: Listing) -> bool:
    """Moves the listing to another show that it now surely belongs to; whether there is one."""
    declined = set(
        Suggestion.objects.filter(
            organisation_id=listing.organisation_id, listing=listing, declined=True
        ).values_list("show_id", flat=True)
    )
    candidates = [(show.id, _show_subject(show)) for show in _candidates(listing) if show.id not in declined]
    choice = matching.choose(_subject(listing), candidates)
    if choice.verdict is not Verdict.SURE:
        return False
    best = choice.suggestions[0]
    left = listing.show
    listing.show = Show.objects.get(organisation_id=listing.organisation_id, pk=best.key)
    listing.reasons = _reasons(best.match)
    listing.save(update_fields=["show", "reasons"])
    _settle_suggestions(listing)
    _leave(left, listing.show)
    return True


def _leave(left: Show, show: Show) -> None:
    """A show that has no listing any more is merged into the one that its last listing went to: the acts on its bill
    and what was suggested of it go there too."""
    if left.listing_set.exists():
        return
    left.merged_into = show
    left.save(update_fields=["merged_into"])
    here = {"organisation_id": left.organisation_id, "show": left}
    on_the_bill = Appearance.objects.filter(show=show).values("membership_id")
    Appearance.objects.filter(**here).exclude(membership_id__in=on_the_bill).update(show=show)
    suggested = Suggestion.objects.filter(show=show).values("listing_id")
    Suggestion.objects.filter(**here).exclude(listing_id__in=suggested).exclude(listing__show=show).update(
        show=show
    )
    Suggestion.objects.filter(**here).delete()


def link(listing: Listing, show: Show) -> None:
    """A person says that the listing belongs to the show. A show left without listings is merged into it.

    Raises `NotPossible` when their currencies differ: one show is counted in one currency.
    """
    show = find_show(show.organisation_id, show.id)
    if listing.show_id == show.id:
        _settle_suggestions(listing)
        return
    if listing.currency != show.currency:
        raise NotPossible(
            f"“{listing.title}” is sold in {listing.currency} and the show is counted in {show.currency}: "
            "they cannot be one show."
        )
    left = listing.show
    listing.show = show
    listing.linked_by = "person"
    listing.save(update_fields=["show", "linked_by"])
    _settle_suggestions(listing)
    _leave(left, show)


def unlink(listing: Listing, by: str = "person") -> Show:
    """Gives the listing a show of its own again and returns it."""
    if not Listing.objects.filter(show_id=listing.show_id).exclude(pk=listing.pk).exists():
        return listing.show
    listing.show = _new_show(listing)
    listing.linked_by = by
    listing.reasons = []
    listing.save(update_fields=["show", "linked_by", "reasons"])
    return listing.show


def merge(source: Show, target: Show) -> None:
    """Moves every listing of `source` to `target`. Raises `NotPossible` when their currencies differ."""
    source, target = (find_show(show.organisation_id, show.id) for show in (source, target))
    if source.id == target.id:
        return
    for listing in source.listing_set.select_related("show"):
        link(listing, target)
    if source.merged_into_id is None:
        _leave(source, target)


def revive(source: Show, listing_ids: Collection[UUID], membership_ids: Collection[UUID]) -> Show:
    """Takes back that `source` was merged into another show: it gets back those of its listings and of the acts on
    its bill that are named, as far as they are still with the other. Returns the other.

    Raises `NotPossible` where there is nothing to take back.
    """
    target = find_show(source.organisation_id, source.id)
    listings = Listing.objects.filter(organisation_id=source.organisation_id, show=target)
    back = listings.filter(pk__in=list(listing_ids))
    if source.merged_into_id is None or not back.exists() or back.count() == listings.count():
        raise NotPossible("That cannot be taken back any more: the listings have moved on since.")
    back.update(show=source, linked_by="person")
    source.merged_into = None
    source.save(update_fields=["merged_into"])
    on_the_bill = Appearance.objects.filter(organisation_id=source.organisation_id, show=source)
    Appearance.objects.filter(
        organisation_id=source.organisation_id, show=target, membership_id__in=list(membership_ids)
    ).exclude(membership_id__in=on_the_bill.values("membership_id")).update(show=source)
    return target


def bill_only_of(source: Show, target: Show) -> list[UUID]:
    """The memberships of the acts on the bill of `source` and not on that of `target`: they go along in a merge."""
    there = Appearance.objects.filter(organisation_id=target.organisation_id, show=target)
    mine = Appearance.objects.filter(organisation_id=source.organisation_id, show=source)
    return list(
        mine.exclude(membership_id__in=there.values("membership_id")).values_list("membership_id", flat=True)
    )


def decline(suggestion: Suggestion) -> None:
    """A person says that a suggested show is not it."""
    suggestion.declined = True
    suggestion.save(update_fields=["declined"])


def restore(suggestion: Suggestion) -> None:
    """A person takes that back: the suggestion waits again."""
    suggestion.declined = False
    suggestion.save(update_fields=["declined"])


def find_show(organisation_id: UUID, show_id: UUID) -> Show:
    """The show, or the one that it was merged into. Raises `NotFound`."""
    show = (
        Show.objects.filter(organisation_id=organisation_id, pk=show_id).select_related("merged_into").first()
    )
    if show is None:
        raise NotFound("There is no such show.")
    return find_show(organisation_id, show.merged_into_id) if show.merged_into_id else show


def find_listing(organisation_id: UUID, listing_id: UUID) -> Listing:
    """The listing with its show. Raises `NotFound`."""
    listing = (
        Listing.objects.filter(organisation_id=organisation_id, pk=listing_id).select_related("show").first()
    )
    if listing is None:
        raise NotFound("There is no such listing.")
    return listing


def _settle_suggestions(listing: Listing) -> None:
    Suggestion.objects.filter(organisation_id=listing.organisation_id, listing=listing).delete()


def _candidates(listing: Listing) -> Iterable[Show]:
    """Shows near in time, in the listing's currency, without a listing of the same account's same event."""
    return (
        Show.objects.filter(
            organisation_id=listing.organisation_id,
            merged_into=None,
            currency=listing.currency,
            starts_at__range=(listing.starts_at - _WINDOW, listing.starts_at + _WINDOW),
        )
        .exclude(listing__account_id=listing.account_id, listing__event_id=listing.event_id)
        .select_related("venue")
        .distinct()
    )


def _subject(listing: Listing) -> Subject:
    return Subject(
        title=listing.title,
        venue_name=listing.venue_name,
        venue_city=listing.venue_city,
        starts_at=listing.starts_at,
        timezone=listing.timezone,
    )


def _show_subject(show: Show) -> Subject:
    venue = show.venue
    return Subject(
        title=show.title,
        venue_name=venue.name,
        venue_city=venue.city,
        starts_at=show.starts_at,
        timezone=venue.timezone,
    )


def _reasons(match: Match) -> list[dict[str, object]]:
    return [reason._asdict() for reason in match.reasons]


def _new_show(listing: Listing) -> Show:
    show = Show(organisation_id=listing.organisation_id)
    _describe(show, listing)
    show_runs.join(show)
    show.save(force_insert=True)
    return show


def _describe(show: Show, listing: Listing) -> None:
    show.venue, _ = Venue.objects.get_or_create(
        organisation_id=listing.organisation_id,
        name=listing.venue_name,
        city=listing.venue_city,
        timezone=listing.timezone,
        defaults={"country": listing.venue_country},
    )
    show.title = listing.title
    show.starts_at = listing.starts_at
    show.currency = listing.currency
    show.cancelled = listing.cancelled
