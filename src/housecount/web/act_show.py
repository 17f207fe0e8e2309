"""One show as an act on its bill sees it: what sold, and its own documents; nothing of buyers or of others' pay."""

from uuid import UUID

from django.utils import timezone

from housecount.tenancy.access import MemberRequest
from housecount.web.acts import as_of_for_act, papers_of
from housecount.web.rows import show_row
from housecount.web.show_lines import count_of


def context(request: MemberRequest, show_id: UUID) -> dict[str, object]:
    """What the page shows. Raises Http404."""
    now = timezone.now()
    count = count_of(request.organisation.pk, show_id, now)
    return {
        "row": show_row(count, now),
        "over": count.starts_at <= now,
        "age": as_of_for_act(request.organisation.pk, [show_id], now).get(show_id),
        "papers": papers_of(request, [show_id]).get(show_id, []),
    }
