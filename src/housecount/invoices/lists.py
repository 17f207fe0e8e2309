"""Lists of documents: filtered, a page at a time, the newest first; and what a whole list comes to.

A page costs what it holds, not what the organisation has: it follows the index of documents by date, and asks for
payments only where the filter does.
"""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Abs, Coalesce

from housecount.core.documents import PaymentStatus
from housecount.invoices.errors import Invalid
from housecount.invoices.models import Allocation, Deduction, Direction, Document, Ending, Kind, Party, Step
from housecount.invoices.sums import kept_sums
from housecount.tenancy.identity import Role, current_identity

STATUSES: Final = ("draft", "approved", "issued", "void", "written_off", "credited")
MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which documents of an organisation. `text` is looked for in numbers, references and parties' names."""

    status: str | None = None
    payment_status: str | None = None
    party: UUID | None = None
    show: UUID | None = None
    direction: str | None = None
    kind: str | None = None
    overdue: bool = False
    text: str = ""
    issued_from: date | None = None
    issued_to: date | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents, and where the next page begins; None when there is none."""

    documents: list[Document]
    after: str | None


@dataclass(frozen=True, slots=True)
class ListSum:
    """What the documents of one direction and currency come to, in minor units. Notes count with what they give
    taken off; what has ended, and drafts, have no balance."""

    direction: str
    currency: str
    count: int
    total: int
    balance: int


def list_documents(
    organisation_id: UUID,
    wanted: Filter | None = None,
    *,
    today: date,
    after: str | None = None,
    limit: int = 50,
    **fields: Any,
) -> Page:
    """One page, the newest first by issue date. The filter may be given as its fields. Raises `Invalid`."""
    rows = matching(organisation_id, replace(wanted or Filter(), **fields), today)
    if after is not None:
        day, moment, key = _position(after)
        rows = rows.filter(
            Q(issue_date__lt=day)
            | Q(issue_date=day, created_at__lt=moment)
            | Q(issue_date=day, created_at=moment, pk__lt=key),
            issue_date__lte=day,
        )
    limit = max(1, min(limit, MOST))
    # The keys alone first: joined at once, row security would have every document sorted for one page.
    keys = list(rows.order_by("-issue_date", "-created_at", "-pk").values_list("pk", flat=True)[: limit + 1])
    more = len(keys) > limit
    loaded = (
        Document.objects.filter(organisation_id=organisation_id)
        .select_related("party", "organisation", "show__venue")
        .in_bulk(keys[:limit])
    )
    found = [loaded[key] for key in keys[:limit] if key in loaded]
    return Page(found, _cursor(found[-1]) if more and found else None)


def list_sums(
    organisation_id: UUID, wanted: Filter | None = None, *, today: date, **fields: Any
) -> list[ListSum]:
    """What all the documents of the filter come to, by direction and currency.

    Of a filter by party, direction, kind or a state before issue, from the sums that are kept. For others each table is
    summed by itself: a balance is what is owed less what was settled, so its sum is too.
    """
    asked = replace(wanted or Filter(), **fields)
    plain = replace(asked, party=None, direction=None, kind=None, status=None) == Filter()
    identity = current_identity()
    # An act sees its own documents, and none of the organisation's sums.
    if plain and asked.status in {None, "draft", "approved"} and identity and identity.role is not Role.ACT:
        _one_of(asked.direction, set(Direction), "direction")
        _one_of(asked.kind, set(Kind), "kind")
        return [
            ListSum(*each)
            for each in kept_sums(
                organisation_id,
                party=asked.party,
                direction=Direction(asked.direction) if asked.direction else None,
                kind=Kind(asked.kind) if asked.kind else None,
                state=asked.status,
            )
        ]
    if asked.payment_status is not None or asked.overdue:
        return _sums_by_balance(organisation_id, asked, today)
    with _by_hash():
        return _sums_of(matching(organisation_id, asked, today))


def _sums_of(rows: QuerySet[Any]) -> list[ListSum]:
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    totals = (
        rows.order_by()
        .annotate(gives=_GIVES_CASE, open=_OPEN)
        .values_list("direction", "currency", "gives", "open")
        .annotate(
            number_of=Count("pk"),
            amount=Sum(Case(When(_GIVES, then=Abs("total")), default=F("total"))),
            kept=Sum("withheld"),
        )
    )
    for direction, currency, gives, is_open, count, amount, kept in totals:
        found, sign = counts[direction, currency], -1 if gives else 1
        found[0] += count
        found[1] += sign * amount
        found[2] += sign * (amount - kept) if is_open else 0
    # What a note took off others is taken off it: a note's own sign is the other way round.
    for settled, sign in (("allocations", -1), ("allocated", 1), ("deductions", -1)):
        for direction, currency, amount in (
            rows.filter(**{f"{settled}__isnull": False, "step": Step.ISSUED, "ending": None})
            .order_by()
            .values_list("direction", "currency")
            .annotate(settled_by=Sum(f"{settled}__amount"))
        ):
            counts[direction, currency][2] += sign * amount
    return [ListSum(*key, *figures) for key, figures in sorted(counts.items())]


_BALANCE_IS: Final[Mapping[PaymentStatus, str]] = {
    PaymentStatus.OVERPAID: "balance < 0",
    PaymentStatus.PAID: "balance = 0",
    PaymentStatus.PART_PAID: "balance > 0 AND settled > 0",
    PaymentStatus.UNPAID: "balance > 0 AND settled <= 0",
}
#: `_with_balance` of many documents: what settled them is summed once for all, not once for each.
_SUMS_BY_BALANCE: Final = """
    WITH found (id, direction, currency, total, withheld, gives, is_open) AS MATERIALIZED ({found}),
    moved AS MATERIALIZED (
        SELECT id, sum(paid) AS paid, sum(noted) AS noted, sum(given) AS given FROM (
            SELECT document_id, CASE WHEN credit_note_id IS NULL THEN amount ELSE 0 END,
                   CASE WHEN credit_note_id IS NULL THEN 0 ELSE amount END, 0
              FROM invoices_allocation WHERE organisation_id = %s
            UNION ALL
            SELECT credit_note_id, 0, 0, amount
              FROM invoices_allocation WHERE organisation_id = %s AND credit_note_id IS NOT NULL
            UNION ALL
            SELECT document_id, 0, amount, 0 FROM invoices_deduction WHERE organisation_id = %s
        ) AS each (id, paid, noted, given) GROUP BY id),
    standing AS (
        SELECT direction, currency, is_open, gives, CASE WHEN gives THEN -1 ELSE 1 END AS sign,
               CASE WHEN gives THEN abs(total) ELSE total END AS amount, withheld,
               coalesce(CASE WHEN gives THEN given - paid ELSE paid + noted END, 0) AS settled
          FROM found LEFT JOIN moved USING (id)),
    balances AS (SELECT *, amount - withheld - settled AS balance FROM standing)
    SELECT direction, currency, count(*), sum(sign * amount)::bigint,
           sum(CASE WHEN is_open THEN sign * balance ELSE 0 END)::bigint
      FROM balances WHERE {wanted} GROUP BY direction, currency ORDER BY direction, currency
"""


def _sums_by_balance(organisation_id: UUID, asked: Filter, today: date) -> list[ListSum]:
    rows = matching(organisation_id, replace(asked, payment_status=None, overdue=False), today)
    wanted = []
    if asked.overdue:
        rows = rows.filter(due_date__lt=today)
        wanted.append("is_open AND NOT gives AND balance > 0")
    if asked.payment_status is not None:
        _one_of(asked.payment_status, list(PaymentStatus), "payment_status")
        wanted.append(_BALANCE_IS[PaymentStatus(asked.payment_status)])
    columns = ("pk", "direction", "currency", "total", "withheld", "gives", "open")
    found: Any = rows.order_by().annotate(gives=_GIVES_CASE, open=_OPEN).values_list(*columns)
    try:
        sql, values = found.query.sql_with_params()
    except EmptyResultSet:
        return []
    with _by_hash(), connection.cursor() as cursor:
        cursor.execute(
            _SUMS_BY_BALANCE.format(found=sql, wanted=" AND ".join(wanted)),
            [*values, organisation_id, organisation_id, organisation_id],
        )
        return [ListSum(*row) for row in cursor.fetchall()]


@contextmanager
def _by_hash() -> Iterator[None]:
    """Have tables joined by hashing. The planner cannot know how many rows row security and a text leave, expects a
    handful, and would go through a table once for each of tens of thousands."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_nestloop', 'off', true)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('enable_nestloop', 'on', true)")


def matching(organisation_id: UUID, wanted: Filter, today: date) -> QuerySet[Document]:
    """The documents of a filter, in no order. Raises `Invalid` for a word that is no status or direction."""
    rows: QuerySet[Any] = Document.objects.filter(organisation_id=organisation_id)
    plain: Mapping[str, Any] = {
        "party_id": wanted.party,
        "show_id": wanted.show,
        "direction": _one_of(wanted.direction, set(Direction), "direction"),
        "kind": _one_of(wanted.kind, set(Kind), "kind"),
        "issue_date__gte": wanted.issued_from,
        "issue_date__lte": wanted.issued_to,
    }
    rows = rows.filter(**{name: value for name, value in plain.items() if value is not None})
    if wanted.text:
        named = Party.objects.filter(organisation_id=organisation_id, name__icontains=wanted.text)
        rows = rows.filter(
            Q(number__icontains=wanted.text)
            | Q(reference__icontains=wanted.text)
            | Q(party_id__in=list(named.values_list("pk", flat=True)[:MOST]))
        )
    if wanted.status is not None:
        rows = _of_status(rows, _one_of(wanted.status, STATUSES, "status") or "")
    if wanted.overdue:
        rows = _with_balance(rows.filter(step=Step.ISSUED, due_date__lt=today)).filter(
            ended=False, gives=False, balance__gt=0
        )
    if wanted.payment_status is not None:
        rows = _of_payment_status(rows, wanted.payment_status)
    return rows


def _one_of(value: str | None, known: Any, what: str) -> str | None:
    if value is not None and value not in known:
        raise Invalid(f"{what} is one of {', '.join(known)}.")
    return value


_ENDING = Ending.objects.filter(document_id=OuterRef("pk"))
_GIVES = Q(kind=Kind.CREDIT_NOTE) | Q(kind=Kind.ADJUSTMENT_NOTE, total__lt=0)


_GIVES_CASE = Case(When(_GIVES, then=Value(True)), default=Value(False))
_OPEN = Case(When(~Exists(_ENDING), step=Step.ISSUED, then=Value(True)), default=Value(False))


def _sum(rows: QuerySet[Any], by: str, value: str = "amount") -> Coalesce:
    """The sum over the rows that name this document by `by`."""
    summed = (
        rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(found=Sum(value)).values("found")
    )
    return Coalesce(
        Subquery(summed, output_field=BigIntegerField()), Value(0, output_field=BigIntegerField())
    )


def _of_status(rows: QuerySet[Any], status: str) -> QuerySet[Any]:
    if status in {"draft", "approved"}:
        return rows.filter(step=status)
    if status in {"void", "written_off"}:
        return rows.filter(Exists(_ENDING.filter(kind=status)), step=Step.ISSUED)
    credited = (
        Document.objects.filter(_GIVES, step=Step.ISSUED, ending=None, credits__total__gt=0)
        .order_by()
        .values("credits_id")
        .annotate(noted=Sum(Abs("total")))
        .filter(noted__gte=F("credits__total"))
        .values("credits_id")
    )
    rows = rows.filter(~Exists(_ENDING), step=Step.ISSUED)
    return rows.filter(pk__in=credited) if status == "credited" else rows.exclude(pk__in=credited)


def _with_balance(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With `balance` as it is told of each document, and both figures with a note's taken off."""
    by_payment = Allocation.objects.filter(credit_note=None)
    by_note = Allocation.objects.filter(payment=None)
    number = BigIntegerField()
    with_balance: QuerySet[Any] = rows.annotate(
        ended=Exists(_ENDING),
        gives=_GIVES_CASE,
        owed=Case(When(_GIVES, then=Abs("total")), default=F("total"), output_field=number) - F("withheld"),
        paid=_sum(by_payment, "document_id"),
        settled=Case(
            When(_GIVES, then=_sum(by_note, "credit_note_id") - F("paid")),
            default=F("paid") + _sum(by_note, "document_id") + _sum(Deduction.objects.all(), "document_id"),
            output_field=number,
        ),
        balance=ExpressionWrapper(F("owed") - F("settled"), output_field=number),
    )
    return with_balance


def _of_payment_status(rows: QuerySet[Any], status: str) -> QuerySet[Any]:
    _one_of(status, list(PaymentStatus), "payment_status")
    rows = _with_balance(rows)
    match PaymentStatus(status):
        case PaymentStatus.OVERPAID:
            return rows.filter(balance__lt=0)
        case PaymentStatus.PAID:
            return rows.filter(balance=0)
        case PaymentStatus.PART_PAID:
            return rows.filter(balance__gt=0, settled__gt=0)
    return rows.filter(balance__gt=0, settled__lte=0)


def _cursor(document: Document) -> str:
    text = f"{document.issue_date.isoformat()} {document.created_at.isoformat()} {document.pk}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(after: str) -> tuple[date, datetime, UUID]:
    try:
        text = base64.urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode()
        day, moment, key = text.split(" ")
        return date.fromisoformat(day), datetime.fromisoformat(moment), UUID(key)
    except (ValueError, binascii.Error):
        raise Invalid("This page of the list is not there. Start from the first.") from None
