"""Who is on the bill of a show: an act sees the shows that it is on."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from housecount.box_office import bill, show_runs
from housecount.box_office.bill import Act
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web import undo
from housecount.web.context import SELLERS
from housecount.web.show_office import named_acts
from housecount.web.views.show import find


def _act(request: MemberRequest) -> Act:
    wanted = request.POST.get("act", "")
    for act in named_acts(request):
        if str(act.id) == wanted:
            return act
    raise Http404("There is no such act.")


@require_POST
@require_role(*SELLERS)
def add(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """The act is on the bill; where `all` is said, on that of every show of the run that is to come too."""
    show, act = find(request, show_id), _act(request)
    shows = [show]
    if request.POST.get("all") == "yes":
        now = timezone.now()
        shows += [each for each in show_runs.shows_of(show) if each.starts_at > now and each.pk != show.pk]
    bill.put_on(request.organisation.pk, shows, act)
    text = f"{act.name} is on the bill of “{show.title}” now"
    more = f", and of {len(shows) - 1} more of its run" if len(shows) > 1 else ""
    undo.done(request, f"{text}{more}.", "show_bill_remove", show.pk, {"act": [str(act.id)]})
    return redirect("show", show.pk)


@require_POST
@require_role(*SELLERS)
def remove(request: MemberRequest, show_id: UUID) -> HttpResponse:
    """The act is not on the bill, and does not see the show any more."""
    show, act = find(request, show_id), _act(request)
    bill.take_off(show, act)
    text = f"{act.name} is not on the bill of “{show.title}” any more."
    undo.done(request, text, "show_bill_add", show.pk, {"act": [str(act.id)]})
    return redirect("show", show.pk)
