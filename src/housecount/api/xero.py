"""Xero over HTTP: how the connection is, what is left and what differs; having it written and read; its end."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q
from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from housecount.api import bodies, openapi, paging
from housecount.api.access import ADMINS, member
from housecount.api.paging import PageAsked
from housecount.api.schema_xero import (
    CallsAsked,
    CallsOut,
    DriftsOut,
    MappingOut,
    PullAskedOut,
    PushAskedOut,
    QueueOut,
    XeroOut,
)
from housecount.invoices import here
from housecount.tenancy.access import MemberRequest
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.xero import asking, queries, services, watching
from housecount.xero.errors import NotConnected
from housecount.xero.mapping import purposes
from housecount.xero.marks import address
from housecount.xero.models import Agenda, Connection, Copy, History, Intent, What
from housecount.xero.planning import open_intents
from housecount.xero.urgency import urgency

router = Router(tags=["xero"])
_READ, _WRITE = "invoices:read", "invoices:write"


@router.get("/xero", **openapi.reads(XeroOut, scope=_READ, name="xero", summary="The connection to Xero"))
def xero(request: HttpRequest) -> dict[str, Any]:
    """How the connection is, and how much is left."""
    return _status(member(request).organisation.pk, timezone.now())


def _status(organisation_id: UUID, now: datetime) -> dict[str, Any]:
    row = _row(organisation_id)
    empty = dict.fromkeys(XeroOut.model_fields) | {
        "connected": False,
        "state": "none",
        "trouble": "Xero is not connected.",
        "writing": False,
        "counts": {},
        "drift": 0,
    }
    if row is None:
        return empty
    theirs = {"organisation_id": organisation_id, "tenant_id": row.tenant_id}
    agenda = Agenda.objects.filter(**theirs).first()
    budget = watching.budget(row, now)
    counted = Intent.objects.filter(**theirs).order_by().values_list("stage").annotate(Count("id"))
    return empty | {
        "connected": row.state == "connected",
        "state": row.state,
        "trouble": row.trouble or (agenda.trouble if agenda is not None else "") or None,
        "organisation": row.tenant_name,
        "tenant": row.tenant_id,
        "custom": row.custom,
        "country": row.country,
        "currency": row.currency,
        "pays_tax": row.pays_tax,
        "locked_until": row.locked_until,
        "since": row.since,
        "automatic": row.automatic,
        "read_at": row.read_at,
        "pulled_at": agenda.pulled_at if agenda is not None else None,
        "parked_until": budget.parked_until,
        "writing": watching.under_way(row),
        "budget": {
            "used": budget.used,
            "allowed": budget.allowed,
            "day_left": budget.day_left,
            "day_left_at": budget.day_at,
        },
        "counts": dict(counted),
        "drift": Copy.objects.filter(**theirs).exclude(drift=[]).count(),
    }


def _row(organisation_id: UUID) -> Connection | None:
    return Connection.objects.filter(organisation_id=organisation_id).first()


def _needed(organisation_id: UUID) -> Connection:
    """The connection, whatever its state. Raises `NotConnected` when there never was one."""
    row = _row(organisation_id)
    if row is None:
        raise NotConnected("Xero is not connected.")
    return row


def _engine(caller: MemberRequest) -> Identity:
    # The rows of the connection are the engine's to write; the person is who asked for it.
    return Identity(Role.SYSTEM, caller.organisation.pk, caller.user.pk)


@router.get(
    "/xero/queue",
    **openapi.reads(QueueOut, scope=_READ, name="xero_queue", summary="What is left to write to Xero"),
)
def queue(request: HttpRequest, asked: Query[PageAsked]) -> dict[str, Any]:
    """Documents, payments, credits and voids that are not in Xero yet, with the reason."""
    organisation = member(request).organisation
    row = _row(organisation.pk)
    if row is None:
        return {"queue": [], "next": None}
    rows = open_intents(row)
    if asked.cursor:
        when, which = paging.moment_and_id(asked.cursor)
        rows = rows.filter(Q(created_at__gt=when) | Q(created_at=when, pk__gt=which))
    found = list(rows.select_related("document").order_by("created_at", "pk")[: asked.limit + 1])
    page, today = found[: asked.limit], here.today(organisation)
    return {
        "queue": [
            {
                "id": each.pk,
                "what": each.what,
                "document": each.document_id,
                "number": each.document.number,
                "stage": each.stage,
                "reason": each.reason or None,
                "urgency": urgency(each, today).name.lower(),
                "created_at": each.created_at,
                "retry_at": each.retry_at,
            }
            for each in page
        ],
        "next": paging.encode(page[-1].created_at, page[-1].pk) if len(found) > asked.limit else None,
    }


@router.get(
    "/xero/drift",
    **openapi.reads(DriftsOut, scope=_READ, name="xero_drift", summary="Where Xero's documents differ"),
)
def drift(request: HttpRequest, asked: Query[PageAsked]) -> dict[str, Any]:
    """Both sides of what is no longer in Xero what was issued, as of the last read."""
    row = _row(member(request).organisation.pk)
    if row is None:
        return {"drift": [], "next": None}
    theirs = {"organisation_id": row.organisation_id, "tenant_id": row.tenant_id}
    rows = Copy.objects.filter(**theirs, drifted_at__isnull=False).exclude(drift=[])
    if asked.cursor:
        when, which = paging.moment_and_id(asked.cursor)
        rows = rows.filter(Q(drifted_at__lt=when) | Q(drifted_at=when, document_id__gt=which))
    found = list(rows.select_related("document").order_by("-drifted_at", "document_id")[: asked.limit + 1])
    page = found[: asked.limit]
    ids = dict(
        Intent.objects.filter(
            **theirs, what=What.DOCUMENT, target__in=[each.document_id for each in page]
        ).values_list("target", "xero_id")
    )
    last = page[-1] if len(found) > asked.limit else None
    return {
        "drift": [
            {
                "document": each.document_id,
                "number": each.document.number,
                "url": address(each.document, ids.get(each.document_id, "")),
                "found_at": each.drifted_at,
                **side,
            }
            for each in page
            for side in each.drift
        ],
        "next": paging.encode(last.drifted_at, last.document_id) if last is not None else None,
    }


@router.get(
    "/xero/history",
    **openapi.reads(CallsOut, scope=_READ, name="xero_history", summary="What was asked of Xero"),
)
def history(request: HttpRequest, asked: Query[CallsAsked]) -> dict[str, Any]:
    """Every call that was made for documents, or for one, with what Xero said."""
    rows = History.objects.filter(organisation_id=member(request).organisation.pk)
    if asked.document is not None:
        rows = rows.filter(intent__document_id=asked.document)
    if asked.cursor:
        [last] = paging.decode(asked.cursor, 1)
        rows = rows.filter(pk__lt=paging.number(last))
    found = list(rows.select_related("intent__document").order_by("-pk")[: asked.limit + 1])
    page = found[: asked.limit]
    return {
        "history": [
            {
                "id": each.pk,
                "at": each.at,
                "document": each.intent.document_id,
                "number": each.intent.document.number,
                "what": each.intent.what,
                "step": each.step,
                "outcome": each.outcome,
                "sent": each.sent or None,
                "received": each.received or None,
            }
            for each in page
        ],
        "next": paging.encode(page[-1].pk) if len(found) > asked.limit else None,
    }


@router.get(
    "/xero/mapping",
    **openapi.reads(
        MappingOut, scope=_READ, name="xero_mapping", summary="What is mapped to what in Xero", more=(409,)
    ),
)
def mapping(request: HttpRequest) -> dict[str, Any]:
    """Which accounts and tax rates in Xero stand for ours."""
    return {"mapping": queries.preview(_needed(member(request).organisation.pk))}


@router.put(
    "/xero/mapping",
    **openapi.writes(
        MappingOut,
        scope=_WRITE,
        roles=ADMINS,
        name="map_xero",
        summary="Map accounts and tax rates",
        body=openapi.fields(
            mapping={
                "type": "object",
                "description": f"Codes of Xero's by purpose. There are: {', '.join(purposes())}.",
                "additionalProperties": {"type": "string", "maxLength": 60},
                "needed": True,
            }
        ),
    ),
)
def map_xero(request: HttpRequest) -> dict[str, Any]:
    """What is named is mapped anew, the rest stays. 422 for what Xero does not have."""
    changes = bodies.read_object(request, "mapping").get("mapping")
    if not isinstance(changes, dict) or not all(isinstance(each, str) for each in changes.values()):
        raise bodies.BadBody("mapping: an object of codes by purpose is expected.")
    caller = member(request)
    with acting_as(_engine(caller)):
        row = services.set_mapping(caller.organisation.pk, changes)
    return {"mapping": queries.preview(row)}


@router.post(
    "/xero/push",
    **openapi.writes(
        PushAskedOut,
        scope=_WRITE,
        name="push_xero",
        summary="Write to Xero now",
        status=202,
        body=openapi.fields(document=openapi.UUID_FIELD),
        body_needed=False,
    ),
)
def push(request: HttpRequest) -> Any:
    """Has the worker write what is left; with `document`, what belongs to it before anything else."""
    data = bodies.read_object(request, "document")
    document = here.document(bodies.key(data, "document")).pk if data.get("document") is not None else None
    caller = member(request)
    with acting_as(_engine(caller)):
        left = asking.push(caller.organisation.pk, timezone.now(), document)
    return Status(202, {"left": left})


@router.post(
    "/xero/pull",
    **openapi.writes(
        PullAskedOut,
        scope=_WRITE,
        name="pull_xero",
        summary="Read from Xero now",
        status=202,
        body=openapi.fields(),
        body_needed=False,
    ),
)
def pull(request: HttpRequest) -> Any:
    """Has the worker read what changed in Xero: payments come over, differences are shown."""
    bodies.nothing(request)
    caller = member(request)
    with acting_as(_engine(caller)):
        asking.pull(caller.organisation.pk, timezone.now())
    return Status(202, {"asked": True})


@router.post(
    "/xero/disconnect",
    **openapi.writes(
        XeroOut,
        scope=_WRITE,
        roles=ADMINS,
        name="disconnect_xero",
        summary="Disconnect Xero",
        body=openapi.fields(),
        body_needed=False,
    ),
)
def disconnect(request: HttpRequest) -> dict[str, Any]:
    """Forgets the tokens and ends the consent at Xero. What was written stays there, and stays known here."""
    bodies.nothing(request)
    organisation_id = member(request).organisation.pk
    asyncio.run(services.disconnect(organisation_id))
    return _status(organisation_id, timezone.now())
