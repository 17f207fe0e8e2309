"""Reports over HTTP: who owes what since when, and the tax of a period, with the documents behind every figure."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from housecount.api import bodies, openapi
from housecount.api.access import member
from housecount.api.schema_invoices import AgedAsked, PeriodAsked, TaxAsked
from housecount.invoices import here
from housecount.invoices.kept_back import EarningsReport, WithheldReport, earnings_by_payee, withheld_by_payee
from housecount.invoices.reports import Aged, aged
from housecount.invoices.tax_report import Basis, TaxReport, tax_report

router = Router(tags=["reports"])
_READ = "invoices:read"
_FIRST, _LAST = date(1990, 1, 1), date(2200, 12, 31)
_MOST_DAYS = 1_100


@router.get(
    "/reports/aged",
    **openapi.reads(Aged, scope=_READ, name="aged_report", summary="Aged receivables or payables"),
)
def aged_report(request: HttpRequest, asked: Query[AgedAsked]) -> HttpResponse:
    """What is open on the evening of a day, by party and currency, by how late it is then."""
    organisation = member(request).organisation
    on = _within(asked.on or here.today(organisation))
    found = aged(organisation.pk, direction=asked.direction, on=on, zone=organisation.timezone)
    return bodies.answer(found)


@router.get(
    "/reports/tax", **openapi.reads(TaxReport, scope=_READ, name="tax_report", summary="The tax of a period")
)
def tax(request: HttpRequest, asked: Query[TaxAsked]) -> HttpResponse:
    """GST (or VAT) charged and paid in a period, on accrual or cash basis, with the entries behind it."""
    since, until = _period(asked)
    organisation = member(request).organisation
    found = tax_report(
        organisation.pk, since=since, until=until, basis=Basis(asked.basis), zone=organisation.timezone
    )
    return bodies.answer(found)


@router.get(
    "/reports/withheld",
    **openapi.reads(
        WithheldReport, scope=_READ, name="withheld_report", summary="Tax that was withheld, by payee"
    ),
)
def withheld(request: HttpRequest, asked: Query[PeriodAsked]) -> HttpResponse:
    """What was withheld by documents issued in a period, less what notes took back."""
    since, until = _period(asked)
    payees = withheld_by_payee(member(request).organisation.pk, since, until)
    return bodies.answer(WithheldReport(since=since, until=until, payees=tuple(payees)))


@router.get(
    "/reports/super",
    **openapi.reads(
        EarningsReport,
        scope=_READ,
        name="super_report",
        summary="Earnings that super is reckoned on, by payee",
    ),
)
def earnings(request: HttpRequest, asked: Query[PeriodAsked]) -> HttpResponse:
    """Lines marked `ote` of documents issued in a period, without tax. Which share is due is not reckoned."""
    since, until = _period(asked)
    payees = earnings_by_payee(member(request).organisation.pk, since, until)
    return bodies.answer(EarningsReport(since=since, until=until, payees=tuple(payees)))


def _period(asked: PeriodAsked) -> tuple[date, date]:
    since, until = _within(asked.since), _within(asked.until)
    if not 0 <= (until - since).days <= _MOST_DAYS:
        raise bodies.BadBody("A period begins before it ends, and is no longer than three years.")
    return since, until


def _within(day: date) -> date:
    if not _FIRST <= day <= _LAST:
        raise bodies.BadBody(f"A day from {_FIRST} to {_LAST} is expected.")
    return day


OUTPUTS = (Aged, TaxReport, WithheldReport, EarningsReport)
"""What is answered with, for the description."""
