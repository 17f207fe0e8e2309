"""Tax invoices that recipients asked for, each to be given within 28 days of the request (TI-9, TI-10; NZ-3)."""

from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef

from housecount.core import gates
from housecount.core.documents import DepositKind, Direction, Kind
from housecount.core.money import format_money
from housecount.invoices import here, inputs
from housecount.invoices.errors import NotPossible
from housecount.invoices.issuing import remember
from housecount.invoices.models import Asked, Delivery, Document, Event, Purpose, Step
from housecount.sync.troubles import Cause, Trouble
from housecount.tenancy.models import Organisation, User

#: From so many days before the last one on, a request is urgent.
URGENT = timedelta(days=7)
#: What is older is not looked for any more, so that a page does not slow down as years pile up.
LOOKED_BACK = timedelta(days=366)
_LONGEST_WORDS = 2_000
_ADVICE: Final = "Issue it where it is a draft; then mail it, make a link, or say that you gave it to them."


class Request(NamedTuple):
    """A tax invoice that was asked for and not given since; `by` is the last day for it."""

    document: Document
    asked_on: date
    by: date
    late: bool
    urgent: bool
    words: str


def ask(
    document: Document,
    on: date,
    now: datetime,
    by: User | None = None,
    words: str = "",
    *,
    by_recipient: bool = False,
) -> Asked:
    """Keep that the recipient of a document of ours asked for its tax invoice on a day (`now` of `by_recipient`), with
    what they said. Raises `NotPossible` where nobody has to give one, and for a day to come; `Invalid`."""
    organisation = document.organisation
    if not by_recipient and on > here.today(organisation, now):
        raise NotPossible("not_that_day", "That day is still to come.")
    if refused := _against(document, on):
        raise refused
    start_of_day = datetime.combine(on, time(), ZoneInfo(organisation.timezone))
    kept = Asked.objects.create(
        organisation_id=document.organisation_id,
        document=document,
        at=now if by_recipient else start_of_day,
        words=inputs.text(words, "words", _LONGEST_WORDS),
        by=by,
    )
    if document.step == Step.ISSUED:
        remember(document, "tax_invoice_asked", by, on=on.isoformat(), words=kept.words)
    return kept


def may_ask(document: Document, on: date) -> bool:
    """Whether a recipient can ask for the tax invoice of this document."""
    return _against(document, on) is None


def _against(document: Document, on: date) -> NotPossible | None:
    own = here.own_identity()
    if (
        document.direction != Direction.RECEIVABLE
        or document.kind not in {Kind.INVOICE, Kind.DEPOSIT_INVOICE}
        or document.deposit_kind == DepositKind.SECURITY
        or own is None
        or own.country not in gates.TAX_INVOICE_COUNTRIES
        or not document.tax_total
    ):
        return NotPossible(
            "no_tax_invoice",
            "A tax invoice is asked for what we charge GST on, in Australia or New Zealand: there is none on this "
            "document.",
        )
    limit = gates.tax_invoice_above(own.country, on)
    if document.currency == "AUD" and document.total <= limit:
        return NotPossible(
            "too_small_to_ask",
            f"Up to {format_money(limit, 'AUD')} with tax, nobody can ask for a tax invoice (TI-9). Give it all the "
            "same.",
        )
    return None


def open_requests(organisation: Organisation, today: date, document: Document | None = None) -> list[Request]:
    """Every request of the last year that was not answered since (of one document, where it is given), the most urgent
    first; of several for one document the first. What was mailed, linked or given by hand after a request answers it.
    """
    of_document = {"organisation_id": organisation.pk, "document_id": OuterRef("document_id")}
    given = Delivery.objects.filter(
        sent_at__gte=OuterRef("at"), purpose=Purpose.DOCUMENT, bounced_at=None, **of_document
    )
    zone = ZoneInfo(organisation.timezone)
    rows = Asked.objects.filter(
        ~Exists(given),
        organisation_id=organisation.pk,
        document__ending=None,
        at__gt=datetime.combine(today - LOOKED_BACK, time(), zone),
    )
    if document is not None:
        rows = rows.filter(document=document)
    waiting = list(rows.select_related("document__party", "document__show__venue").order_by("at"))
    by_hand: dict[UUID, str] = {}
    for key, details in Event.objects.filter(
        organisation_id=organisation.pk,
        what="copy_given",
        document__in=[each.document_id for each in waiting],
    ).values_list("document_id", "details"):
        by_hand[key] = max(by_hand.get(key, ""), details["on"])
    found: dict[UUID, Request] = {}
    for each in waiting:
        on = each.at.astimezone(zone).date()
        if by_hand.get(each.document_id, "") >= on.isoformat():
            continue
        last = gates.tax_invoice_by(on)
        request = Request(each.document, on, last, last < today, last - today <= URGENT, each.words)
        found.setdefault(each.document_id, request)
    return list(found.values())


def request_json(request: Request) -> dict[str, str | bool | None]:
    """A request as the commands and the API tell it; dates as ISO 8601."""
    return {
        "document": str(request.document.pk),
        "number": request.document.number,
        "party_name": request.document.party.name,
        "asked_on": request.asked_on.isoformat(),
        "by": request.by.isoformat(),
        "late": request.late,
        "words": request.words,
    }


def troubles(organisation: Organisation, now: datetime) -> list[Trouble]:
    """What people are told of requests: of each when its time runs out, and once more when that is over."""
    found = []
    for each in open_requests(organisation, here.today(organisation, now)):
        if not each.urgent:
            continue
        document = each.document
        called = document.number or "an invoice that is not issued yet"
        what = f"{document.party.name} asked for the tax invoice {called} on {_day(each.asked_on)}"
        subject, verb = str(document.pk), "was" if each.late else "is"
        due = f"{what}: the last day for it {verb} {_day(each.by)}."
        found.append(Trouble(Cause.TAX_INVOICE_DUE, subject, due, _ADVICE))
        if each.late:
            late = f"{what}, and should have had it by {_day(each.by)}, 28 days after (TI-10)."
            found.append(Trouble(Cause.TAX_INVOICE_LATE, subject, late, _ADVICE))
    return found


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
