"""Paying what is owed: a file for the bank, and a record of it once the bank has paid."""

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from housecount.core.errors import HousecountError
from housecount.invoices import here, mail, payouts, services
from housecount.invoices.payouts import Payout
from housecount.tenancy.access import MemberRequest, require_role
from housecount.web.context import OFFICE
from housecount.web.views.invoices import uuid_of


def _ids(request: MemberRequest) -> list[UUID]:
    return [found for text in request.POST.getlist("document") if (found := uuid_of(text))]


@require_http_methods(["GET", "HEAD", "POST"])
@require_role(*OFFICE)
def bank_file(request: MemberRequest) -> HttpResponse:
    """What is owed in Australian dollars; posted, the bank's file for what was chosen."""
    today = here.today(request.organisation)
    found = payouts.payouts(request.organisation.pk)
    if request.method != "POST":
        return _page(request, found, today)
    post = request.POST
    chosen = set(_ids(request))
    wanted = [each for each in found if each.document in chosen and not each.trouble]
    user_id = post.get("user_id", "").strip() or "0"
    try:
        day = date.fromisoformat(post.get("on", ""))
        content = payouts.bank_file(
            request.organisation.pk,
            wanted,
            day,
            institution=post.get("institution", "").strip().upper(),
            user_id=int(user_id) if user_id.isascii() and user_id.isdigit() else -1,
            balanced=post.get("balanced") == "yes",
        )
    except ValueError:
        return _page(request, found, today, problem="Enter the day on which the bank is to pay.")
    except HousecountError as error:
        return _page(request, found, today, problem=error.message)
    response = HttpResponse(content, content_type="text/plain; charset=us-ascii")
    response["Content-Disposition"] = f'attachment; filename="payments-{day.isoformat()}.aba"'
    response["Cache-Control"] = "no-store, private"
    return response


def _page(request: MemberRequest, found: list[Payout], today: date, problem: str = "") -> HttpResponse:
    chosen = set(_ids(request)) if request.method == "POST" else None
    rows = [
        (each, each.document in chosen if chosen is not None else bool(each.due and each.due <= today))
        for each in found
    ]
    return render(
        request,
        "web/invoices/bank_file.html",
        {
            "rows": rows,
            "problem": problem,
            "on": request.POST.get("on") or today.isoformat(),
            "institution": request.POST.get("institution", "")[:3],
            "user_id": request.POST.get("user_id", "")[:6],
            "balanced": request.POST.get("balanced") == "yes",
            "total": sum(each.amount for each in found),
        },
        status=422 if problem else 200,
    )


@require_POST
@require_role(*OFFICE)
def paid(request: MemberRequest) -> HttpResponse:
    """The bank has made these payments: record each, and tell whoever was paid."""
    try:
        day = date.fromisoformat(request.POST.get("on", ""))
    except ValueError:
        messages.error(request, "Enter the day on which the bank paid.")
        return redirect("bank_file")
    wanted = payouts.payouts(request.organisation.pk, documents=_ids(request))
    if not wanted:
        messages.info(request, "Choose what the bank has paid first.")
    done = told = 0
    for each in wanted:
        document = here.document(each.document)
        try:
            with transaction.atomic():
                services.pay(
                    each.document, each.amount, day, each.number, "bank transfer",
                    f"aba {day.isoformat()} {each.document} {each.amount}", request.user,
                )  # fmt: skip
                done += 1
        except HousecountError as error:
            messages.error(request, f"{each.number}: {error.message}")
            continue
        if request.POST.get("tell") == "yes":
            try:
                mail.advise(document, each.amount, day, timezone.now(), request.user)
                told += 1
            except HousecountError as error:
                messages.info(request, f"{each.number} is paid, but nobody was told. {error.message}")
    if done:
        messages.success(request, f"{done} payment{'s' if done != 1 else ''} recorded, {told} told by mail.")
    return redirect("bank_file")
