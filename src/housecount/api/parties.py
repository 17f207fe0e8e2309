"""Parties and agreements over HTTP: the same JSON as the commands."""

from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from housecount.api import bodies, openapi, paging
from housecount.api.access import member
from housecount.api.schema_invoices import (
    AgreementOut,
    AgreementsAsked,
    AgreementsOut,
    PartiesAsked,
    PartiesOut,
    PartyOut,
)
from housecount.invoices import here, inputs, queries, services
from housecount.invoices.models import Agreement

router = Router(tags=["parties"])
_READ, _WRITE = "invoices:read", "invoices:write"
_ONE_OR_SEVERAL = openapi.one_or_several("PartyInput", inputs.MOST_DOCUMENTS)


@router.get("/parties", **openapi.reads(PartiesOut, scope=_READ, name="parties", summary="Parties"))
def list_parties(request: HttpRequest, asked: Query[PartiesAsked]) -> HttpResponse:
    """Every party by name. Bank details are masked."""
    rows = queries.parties(
        member(request).organisation.pk,
        text=asked.q.replace("\x00", "").strip(),
        archived=asked.archived,
    )
    if asked.cursor:
        name, key = paging.decode(asked.cursor, 2)
        rows = rows.filter(Q(name__gt=name) | Q(name=name, pk__gt=paging.key(key)))
    found = list(rows[: asked.limit + 1])
    page = found[: asked.limit]
    return bodies.answer(
        {
            "parties": [queries.party_json(each) for each in page],
            "next": paging.encode(page[-1].name, page[-1].pk) if len(found) > asked.limit else None,
        }
    )


@router.post(
    "/parties",
    **openapi.writes(
        PartyOut | list[PartyOut],
        scope=_WRITE,
        name="create_party",
        summary="New parties",
        status=201,
        body=_ONE_OR_SEVERAL,
    ),
)
def create_party(request: HttpRequest) -> HttpResponse:
    """A party from its JSON, or several from a list: all of them, or none."""
    data = bodies.read(request)
    made = services.create_parties(member(request).organisation.pk, data, member(request).user)
    told = [queries.party_json(each) for each in made]
    return bodies.answer(told if isinstance(data, list) else told[0], status=201)


@router.get(
    "/parties/{uuid:party_id}", **openapi.reads(PartyOut, scope=_READ, name="party", summary="A party")
)
def show_party(request: HttpRequest, party_id: UUID) -> HttpResponse:  # noqa: ARG001 - found as whoever asks
    """One party."""
    return bodies.answer(queries.party_json(here.party(party_id)))


@router.patch(
    "/parties/{uuid:party_id}",
    **openapi.writes(
        PartyOut,
        scope=_WRITE,
        name="edit_party",
        summary="Change a party",
        body=openapi.one("PartyChange"),
        body_needed=False,
    ),
)
def edit_party(request: HttpRequest, party_id: UUID) -> HttpResponse:
    """The party with the given fields changed; null empties one. Documents that were issued keep it as it was."""
    changed = services.edit_party(party_id, bodies.read_object(request), member(request).user)
    return bodies.answer(queries.party_json(changed))


@router.post(
    "/parties/{uuid:party_id}/archive",
    **openapi.writes(
        PartyOut,
        scope=_WRITE,
        name="archive_party",
        summary="Leave a party out of lists, or take it back",
        body=openapi.fields(archived={"type": "boolean"}),
        body_needed=False,
    ),
)
def archive_party(request: HttpRequest, party_id: UUID) -> HttpResponse:
    """The party, left out of the lists from now on; with `archived` false it is taken back into them."""
    archived = bodies.read_object(request, "archived").get("archived", True)
    if not isinstance(archived, bool):
        raise bodies.BadBody("archived: true or false is expected.")
    return bodies.answer(queries.party_json(services.archive_party(party_id, archived=archived)))


@router.get(
    "/agreements", **openapi.reads(AgreementsOut, scope=_READ, name="agreements", summary="Agreements")
)
def list_agreements(request: HttpRequest, asked: Query[AgreementsAsked]) -> HttpResponse:
    """Written agreements with suppliers, the newest first."""
    rows = Agreement.objects.filter(organisation_id=member(request).organisation.pk)
    if asked.party is not None:
        rows = rows.filter(party_id=asked.party)
    if asked.cursor:
        when, which = paging.decode(asked.cursor, 2)
        day, key = paging.day(when), paging.key(which)
        rows = rows.filter(Q(starts_on__lt=day) | Q(starts_on=day, pk__gt=key))
    found = list(rows.order_by("-starts_on", "pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return bodies.answer(
        {
            "agreements": [queries.agreement_json(each) for each in page],
            "next": paging.encode(page[-1].starts_on, page[-1].pk) if len(found) > asked.limit else None,
        }
    )


@router.post(
    "/agreements",
    **openapi.writes(
        AgreementOut,
        scope=_WRITE,
        name="create_agreement",
        summary="A new agreement",
        status=201,
        body=openapi.one("AgreementInput"),
    ),
)
def create_agreement(request: HttpRequest) -> HttpResponse:
    """A written agreement that we make a supplier's tax invoices."""
    data = bodies.read_object(request)
    made = services.create_agreement(member(request).organisation.pk, data, member(request).user)
    return bodies.answer(queries.agreement_json(made), status=201)


INPUTS: tuple[Any, ...] = (inputs.PartyInput, inputs.AgreementInput)
"""What the bodies above are made of, for the description."""
