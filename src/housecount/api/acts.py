"""An act's own side over HTTP: the shows on whose bill it is, and invoices that it raises itself."""

from typing import Any

import msgspec
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from housecount.api import bodies, openapi, paging
from housecount.api.access import member
from housecount.api.paging import PageAsked
from housecount.api.schema_office import OwnShowsOut, RaisedOut
from housecount.box_office.models import Show
from housecount.core.errors import HousecountError
from housecount.invoices import here, inputs, services
from housecount.invoices.models import Document, Kind, Party, Step
from housecount.sync.queries import count_shows, figures_document, show_document
from housecount.tenancy.access import MemberRequest
from housecount.tenancy.identity import Identity, Role, acting_as

router = Router(tags=["acts"])
_ACTS = (Role.ACT,)
#: Raised and not looked at yet: more than this is a mistake.
MOST_WAITING = 20


class TooManyWait(HousecountError):
    """An act has raised more than the office has looked at."""

    code = "too_many_wait"
    http_status = 409


class OwnInvoiceInput(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An invoice of an act's to the promoter. `party`: which of its own, where it has several."""

    lines: list[inputs.LineInput]
    party: str | None = None
    show: str | None = None
    price_mode: str | None = None
    reference: str | None = None
    notes: str | None = None


@router.get(
    "/own/shows",
    **openapi.reads(
        OwnShowsOut, scope="sales:read", roles=_ACTS, name="own_shows", summary="One's own shows"
    ),
)
def own_shows(request: HttpRequest, asked: Query[PageAsked]) -> dict[str, Any]:
    """The shows on whose bill the act is, the latest first, with its own documents. The wall lets it see no others."""
    organisation_id, now = member(request).organisation.pk, timezone.now()
    rows = Show.objects.filter(organisation_id=organisation_id, merged_into=None)
    if asked.cursor:
        moment, key = paging.moment_and_id(asked.cursor)
        rows = rows.filter(Q(starts_at__lt=moment) | Q(starts_at=moment, pk__lt=key))
    keys = list(rows.order_by("-starts_at", "-pk").values_list("starts_at", "pk")[: asked.limit + 1])
    page = [key for _, key in keys[: asked.limit]]
    counts = {count.show.id: count for count in count_shows(organisation_id, now, page)}
    # The accounts and their troubles are behind the wall; that a figure has an age is not.
    with acting_as(Identity.system(organisation_id)):
        ages = {
            count.show.id: show_document(count)["listings"]
            for count in count_shows(organisation_id, now, page)
        }
    papers: dict[Any, list[Any]] = {key: [] for key in page}
    issued = Document.objects.filter(organisation_id=organisation_id, show_id__in=page, step=Step.ISSUED)
    for key, document in issued.order_by("issue_date", "pk").values_list("show_id", "pk"):
        papers[key].append(document)
    return {
        "shows": [
            {
                name: value
                for name, value in show_document(counts[key]).items()
                if name in {"id", "title", "starts_at", "venue", "currency", "cancelled"}
            }
            | {
                "seats": counts[key].seats,
                "totals": figures_document(counts[key].figures),
                "as_of": _oldest(ages.get(key, [])),
                "stale": any(each["stale"] for each in ages.get(key, [])),
                "documents": papers[key],
            }
            for key in page
            if key in counts
        ],
        "next": paging.encode(*keys[asked.limit - 1]) if len(keys) > asked.limit else None,
    }


def _oldest(listings: list[dict[str, Any]]) -> str | None:
    moments = [each["as_of"] for each in listings if each["gone_at"] is None]
    return min(moments) if moments and all(moments) else None


@router.post(
    "/own/invoices",
    **openapi.writes(
        RaisedOut,
        scope="invoices:write",
        roles=_ACTS,
        name="raise_invoice",
        summary="Raise an invoice to the promoter",
        status=201,
        body=openapi.one("OwnInvoiceInput"),
    ),
)
def raise_invoice(request: HttpRequest) -> Any:
    """Kept as a draft that the promoter owes, for the office to look at. Who is not registered for GST charges none."""
    caller = member(request)
    given = inputs.read(bodies.read_object(request), OwnInvoiceInput)
    mine = _parties(caller)
    party = next((each for each in mine if given.party in {None, str(each.pk)}), None)
    if party is None:
        raise bodies.BadBody("party: there is no such party of yours. Ask the office to make you one.")
    today = here.today(caller.organisation)
    since, until = party.gst_registered_from, party.gst_registered_to
    registered = since is not None and since <= today and (until is None or today <= until)
    shows = Show.objects.filter(organisation_id=caller.organisation.pk, merged_into=None)
    if given.show is not None and not shows.filter(pk=here.as_id(given.show, "show")).exists():
        raise bodies.BadBody("show: you are not on the bill of such a show.")
    lines = [
        {name: getattr(line, name) for name in ("description", "quantity", "unit_price")}
        | {"tax": line.tax if registered else "out_of_scope"}
        for line in given.lines
    ]
    data = {
        "kind": Kind.INVOICE.value,
        "direction": "payable",
        "party": str(party.pk),
        "show": given.show,
        "currency": caller.organisation.currency,
        "price_mode": given.price_mode or "exclusive",
        "reference": given.reference,
        "notes": given.notes,
        "lines": lines,
    }
    # An act writes no documents by itself: the organisation's hand does, with the act's name in the audit log.
    with acting_as(Identity(Role.SYSTEM, caller.organisation.pk, caller.user.pk)):
        waiting = Document.objects.filter(
            organisation_id=caller.organisation.pk, party__in=mine, created_by_id=caller.user.pk
        ).exclude(step=Step.ISSUED)
        if waiting.count() >= MOST_WAITING:
            raise TooManyWait("So many of your invoices wait already. Ask the office to look at them first.")
        [made] = services.create_documents(caller.organisation.pk, data, caller.user)
        made = here.document(made.pk)
    return Status(
        201,
        {
            "kind": made.kind,
            "reference": made.reference,
            "currency": made.currency,
            "issue_date": made.issue_date,
            "total": made.total,
        },
    )


def _parties(caller: MemberRequest) -> list[Party]:
    return list(
        Party.objects.filter(
            organisation_id=caller.organisation.pk, membership__user_id=caller.user.pk, archived_at=None
        ).order_by("name", "pk")
    )


INPUTS: tuple[Any, ...] = (OwnInvoiceInput,)
"""What the bodies above are made of, for the description."""
