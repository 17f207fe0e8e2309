"""What is open and since when, GST of a period, and the documents as files."""

from datetime import date, timedelta

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from housecount.core.documents import Direction
from housecount.invoices import exports, here, lists
from housecount.invoices.kept_back import earnings_by_payee, withheld_by_payee
from housecount.invoices.models import Document
from housecount.invoices.reports import aged
from housecount.invoices.tax_report import Basis, tax_report
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE
from housecount.web.documents import TREATMENT_NAMES
from housecount.web.views.invoices import filter_of

#: A file holds at most so many documents; a longer list is taken in parts, by its filter.
MOST_EXPORTED = 20_000
MOST_ZIPPED = 500
_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}


@require_safe
@require_role(*OFFICE)
def export(request: MemberRequest, kind: str) -> HttpResponse:
    """The documents of a filter as CSV, as a workbook, or their PDFs as a ZIP."""
    if kind not in _TYPES:
        raise Http404("There is no such file.")
    today = here.today(request.organisation)
    found = (
        lists.matching(request.organisation.pk, filter_of(request.GET), today)
        .select_related("party", "organisation", "show__venue")
        .order_by("-issue_date", "-created_at", "-pk")
    )
    return _file(
        _content(request, kind, found[: MOST_ZIPPED if kind == "zip" else MOST_EXPORTED]), kind, "documents"
    )


def _content(request: MemberRequest, kind: str, found: QuerySet[Document]) -> bytes:
    if kind == "csv":
        return b"".join(exports.to_csv(exports.documents_table(found)))
    if kind == "xlsx":
        return exports.to_xlsx([exports.documents_table(found), exports.lines_table(found)])
    ids = [document.pk for document in found if document.number]
    return b"".join(exports.zip_of_pdfs(request.identity, ids))


def _file(content: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@require_safe
@require_role(*OFFICE)
def reports(request: MemberRequest) -> HttpResponse:
    """Aged receivables and payables, and the GST of a period; `file` names the table that is wanted as CSV."""
    organisation_id, zone = request.organisation.pk, request.organisation.timezone
    today = here.today(request.organisation)
    on = _day(request.GET.get("on", "")) or today
    since, until = _period(request, today)
    basis = Basis.CASH if request.GET.get("basis") == "cash" else Basis.ACCRUAL
    open_ = [aged(organisation_id, direction=each, on=on, zone=zone) for each in Direction]
    tax = tax_report(organisation_id, since=since, until=until, basis=basis, zone=zone)
    wanted = request.GET.get("file", "")
    kept = withheld_by_payee(organisation_id, since, until)
    earnings = earnings_by_payee(organisation_id, since, until)
    tables = {each.direction.value: exports.aged_table(each) for each in open_} | {
        "tax": exports.tax_table(tax),
        "withheld": exports.withheld_table(kept),
        "super": exports.earnings_table(earnings),
    }
    if wanted in tables:
        return _file(b"".join(exports.to_csv(tables[wanted])), "csv", wanted)
    query = request.GET.copy()
    query.pop("file", None)
    return render(
        request,
        "web/invoices/reports.html",
        {
            "aged": open_,
            "tax": tax,
            "withheld": kept,
            "earnings": earnings,
            "treatments": TREATMENT_NAMES,
            "on": on.isoformat(),
            "since": since.isoformat(),
            "until": until.isoformat(),
            "basis": basis.value,
            "kept": query.urlencode(),
        },
    )


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1990 <= found.year <= 2200 else None


def _period(request: MemberRequest, today: date) -> tuple[date, date]:
    """The period in the address, else the last whole quarter."""
    since, until = _day(request.GET.get("since", "")), _day(request.GET.get("until", ""))
    if since is not None and until is not None and since <= until:
        return since, until
    until = date(today.year, (today.month - 1) // 3 * 3 + 1, 1) - timedelta(days=1)
    return date(until.year, until.month - 2, 1), until
