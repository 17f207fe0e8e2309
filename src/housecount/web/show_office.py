"""What a show's page has for those who sell and pay for it: its documents, its bill, its run."""

from typing import NamedTuple

from housecount.box_office import bill, show_runs
from housecount.box_office.bill import Act
from housecount.box_office.models import Show
from housecount.invoices import here, lists
from housecount.invoices.models import Party
from housecount.tenancy.access import MemberRequest
from housecount.web.context import SELLERS
from housecount.web.views.invoices import rows_of

#: So many documents stand on the page; the others are a list away.
_PAPERS_SHOWN = 8


class RunHere(NamedTuple):
    """The run of the show: `shows` are in it, this one among them. `key` is "" where it is in none."""

    key: str
    name: str
    shows: int
    by_hand: bool


def run_here(show: Show) -> RunHere:
    """The show's run."""
    return RunHere(
        show_runs.key_of(show),
        show.title if show.run is None else show.run,
        len(show_runs.shows_of(show)),
        show.run is not None,
    )


def named_acts(request: MemberRequest) -> list[Act]:
    """Every act that signs in, by the name of its party where it has one, as it stands on documents."""
    parties = dict(
        Party.objects.filter(
            organisation_id=request.organisation.pk, membership__isnull=False, archived_at=None
        ).values_list("membership_id", "name")
    )
    found = [act._replace(name=parties.get(act.id, act.name)) for act in bill.acts(request.organisation.pk)]
    return sorted(found, key=lambda act: act.name.lower())


def context(request: MemberRequest, show: Show) -> dict[str, object]:
    """The documents of the show, who is on its bill and could be, and its run."""
    organisation_id, today = request.organisation.pk, here.today(request.organisation)
    page = lists.list_documents(organisation_id, today=today, limit=_PAPERS_SHOWN, show=show.pk)
    acts = named_acts(request)
    on_it = bill.on_the_bill(show, acts)
    return {
        "papers": rows_of(page.documents, today),
        "papers_more": page.after is not None,
        "bill": on_it,
        "acts": [act for act in acts if act not in on_it] if request.identity.role in SELLERS else [],
        "any_act": bool(acts),
        "run": run_here(show),
    }
