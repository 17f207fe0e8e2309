"""What an act is told beyond the shows it may see by itself."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from housecount.sync.queries import count_shows
from housecount.tenancy.identity import Identity, acting_as
from housecount.web.words import Age, show_age


def as_of_for_act(organisation_id: UUID, show_ids: Collection[UUID], now: datetime) -> dict[UUID, Age]:
    """How old the figures of `show_ids` are, which the act must have been shown already.

    The accounts and their troubles are the promoter's business and behind the wall; that a figure has an age,
    and whether it is late, is not. So it is looked up for the organisation, and nothing else is handed on.
    """
    if not show_ids:
        return {}
    with acting_as(Identity.system(organisation_id)):
        counts = count_shows(organisation_id, now, list(show_ids))
    ages = {}
    for count in counts:
        age = show_age(count, now)
        words = "May be out of date" if age.state == "stale" else age.words
        ages[count.show.id] = age._replace(words=words)
    return ages
