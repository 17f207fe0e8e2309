"""Tax that was withheld, by payee (W-6), and earnings that super is reckoned on, by payee. Money in minor units."""

from datetime import date
from uuid import UUID

import msgspec
from django.db.models import Count, Q, Sum

from housecount.core.documents import Direction, Kind, gives_credit
from housecount.invoices.models import Document, EndingKind, Line, Step


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """What was withheld from one payee in a period: of documents issued in it, less what notes took back."""

    party: UUID
    name: str
    abn: str
    currency: str
    total: int
    withheld: int
    documents: int


class Earnings(msgspec.Struct, frozen=True, kw_only=True):
    """What of one payee's documents is marked as ordinary time earnings, without tax, less what notes took back.
    Which share of it is due as super is not reckoned here: no rate is on file."""

    party: UUID
    name: str
    currency: str
    earnings: int
    lines: int


class WithheldReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was withheld from `since` to `until`, both included."""

    since: date
    until: date
    payees: tuple[Withheld, ...]


class EarningsReport(msgspec.Struct, frozen=True, kw_only=True):
    """Earnings for super from `since` to `until`, both included."""

    since: date
    until: date
    payees: tuple[Earnings, ...]


def withheld_by_payee(organisation_id: UUID, since: date, until: date) -> list[Withheld]:
    """What was withheld from each payee by documents issued from `since` to `until`, both included."""
    rows = (
        Document.objects.filter(
            organisation_id=organisation_id,
            direction=Direction.PAYABLE,
            step=Step.ISSUED,
            issue_date__range=(since, until),
            withheld__gt=0,
        )
        .exclude(ending__kind=EndingKind.VOID)
        .order_by("party__name", "party_id", "currency")
    )
    found: dict[tuple[UUID, str, str, str], list[int]] = {}
    for party, name, abn, currency, kind, total, kept in rows.values_list(
        "party_id", "party__name", "party__abn", "currency", "kind", "total", "withheld"
    ):
        sign = -1 if gives_credit(Kind(kind), total) else 1
        sums = found.setdefault((party, name, abn, currency), [0, 0, 0])
        sums[0] += sign * abs(total)
        sums[1] += sign * kept
        sums[2] += 1
    return [
        Withheld(
            party=party, name=name, abn=abn, currency=currency, total=total, withheld=kept, documents=count
        )
        for (party, name, abn, currency), (total, kept, count) in found.items()
    ]


def earnings_by_payee(organisation_id: UUID, since: date, until: date) -> list[Earnings]:
    """Earnings for super of each payee in documents issued from `since` to `until`, both included."""
    rows = (
        Line.objects.filter(
            organisation_id=organisation_id,
            ote=True,
            document__direction=Direction.PAYABLE,
            document__step=Step.ISSUED,
            document__issue_date__range=(since, until),
        )
        .exclude(document__ending__kind=EndingKind.VOID)
        .order_by("document__party__name")
        .values_list("document__party_id", "document__party__name", "document__currency")
        .annotate(
            taken=Sum("net_amount", filter=Q(document__kind=Kind.CREDIT_NOTE)),
            given=Sum("net_amount", filter=~Q(document__kind=Kind.CREDIT_NOTE)),
            number=Count("pk"),
        )
    )
    return [
        Earnings(
            party=party, name=name, currency=currency, earnings=(given or 0) - (taken or 0), lines=number
        )
        for party, name, currency, taken, given, number in rows
    ]
