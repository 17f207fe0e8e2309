"""The operators' page: the installation itself, and nothing of a tenant's money or buyers."""

import platform
from collections import Counter
from collections.abc import Callable
from functools import wraps
from importlib.metadata import version
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

import django
from django.contrib import messages
from django.db import connection
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from housecount.box_office import bulk
from housecount.installation import environment, examination
from housecount.intake import checks as intake_checks
from housecount.intake import queries as intake_queries
from housecount.intake import services as intake_services
from housecount.intake.models import Hook, Status
from housecount.sync import checks as sync_checks
from housecount.sync import queue
from housecount.sync.models import HookDoor
from housecount.tenancy.access import to_sign_in
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Organisation, User

P = ParamSpec("P")
_JOBS = 25
_DEAD = 50
_LARGEST_ID = 2**63 - 1
#: What doctor asks beyond the installation itself, without what names accounts or asks platforms.
_CHECKS = (sync_checks.agenda, sync_checks.alerts, intake_checks.webhook_log)

_SIZE = (
    "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
    " WHERE relkind IN ('r', 'p', 'm') AND relnamespace = 'public'::regnamespace"
)


def operators_only(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let in operators. To everybody else who is signed in, there is nothing here."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return to_sign_in(request)
        if not request.user.is_staff:
            raise Http404
        return view(request, *args, **kwargs)

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", guarded)


@require_safe
@operators_only
def operate(request: HttpRequest) -> HttpResponse:
    """Versions, doctor's checks, workers, jobs, webhooks that were given up, organisations, and who operates.

    Acts as the engine in no organisation: it sees ids and causes across organisations, and no row of a tenant's.
    """
    now = timezone.now()
    with acting_as(Identity.system()):
        organisations = list(Organisation.objects.order_by("name", "pk"))
        names = {each.pk: each.name for each in organisations}
        doors = Counter(HookDoor.objects.values_list("organisation_id", flat=True))
        dead = Hook.objects.filter(status=Status.DEAD)
        causes = Counter(dead.values_list("outcome", flat=True))
        newest = dead.order_by("-received_at", "-id").only(
            "id", "organisation_id", "account_id", "platform", "action", "outcome", "attempts", "received_at"
        )[:_DEAD]
        context = {
            "facts": _facts(),
            "findings": list(examination.examine(_CHECKS)),
            "workers": queue.workers(now),
            "counts": queue.counts(),
            "failed": [(job, _whose(job, names)) for job in queue.jobs("failed", _JOBS)],
            "waiting": [(job, _whose(job, names)) for job in queue.jobs("todo", _JOBS)],
            "dead": [(hook, _named(hook, names)) for hook in newest],
            "dead_causes": causes.most_common(),
            "dead_number": causes.total(),
            "organisations": [(each, doors[each.pk]) for each in organisations],
            "operators": list(User.objects.filter(is_staff=True).order_by("email")),
        }
    return render(request, "web/operate/operate.html", context)


def _whose(job: queue.Job, names: dict[UUID, str]) -> str:
    return names.get(job.ids["organisation_id"], "") if "organisation_id" in job.ids else ""


def _named(hook: Hook, names: dict[UUID, str]) -> str:
    # A relay's, until it is found out for whom it is.
    return names.get(hook.organisation_id, "") if hook.organisation_id else "nobody knows yet"


def _facts() -> list[tuple[str, str]]:
    found = environment.load()
    server = connection.cursor().connection.info.server_version
    [(size,)] = bulk.fetch(_SIZE, [])
    [(applied, latest)] = bulk.fetch(
        "SELECT count(*), (SELECT app || ' ' || name FROM django_migrations ORDER BY id DESC LIMIT 1)"
        " FROM django_migrations",
        [],
    )
    return [
        ("Housecount", version("housecount")),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        (
            "PostgreSQL",
            f"{server // 10000}.{server % 10000}, {'embedded' if found.embedded else 'DATABASE_URL'}",
        ),
        ("Data", f"{size / 1_000_000:,.0f} MB in tables"),
        ("Migrations", f"{applied} applied, the last one {latest}"),
        ("Public address", found.public_url or "none: platforms cannot reach it"),
        ("Mail", "sent" if found.email_url else "not sent, printed only"),
    ]


@require_POST
@operators_only
def retry(request: HttpRequest, job_id: int) -> HttpResponse:
    """Has a failed job done again."""
    return _with_job(request, lambda: queue.retry(job_id, timezone.now()), f"Job {job_id} is done again.")


@require_POST
@operators_only
def cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """Takes a job that waits out of the queue."""
    return _with_job(request, lambda: queue.cancel(job_id), f"Job {job_id} is cancelled.")


@require_POST
@operators_only
def retry_hook(request: HttpRequest, hook_id: int) -> HttpResponse:
    """Has a webhook that was given up handled again."""
    return _with_hook(request, hook_id, intake_services.replay, f"Webhook {hook_id} is handled again.")


@require_POST
@operators_only
def dismiss_hook(request: HttpRequest, hook_id: int) -> HttpResponse:
    """Lets a webhook that was given up rest."""
    return _with_hook(request, hook_id, intake_services.dismiss, f"Webhook {hook_id} is dismissed.")


def _with_hook(
    request: HttpRequest, hook_id: int, work: Callable[[QuerySet[Hook]], int], done: str
) -> HttpResponse:
    found = None
    if 0 < hook_id <= _LARGEST_ID:
        with acting_as(Identity.system()):
            found = Hook.objects.filter(pk=hook_id, status=Status.DEAD).only("id", "organisation_id").first()
    if found is None:
        messages.error(request, f"Webhook {hook_id} does not wait for anybody (any more): nothing was done.")
        return redirect("operators")
    # Whose it is, the engine looks after; a relay's, whose nobody knows yet, in no organisation.
    user = cast("User", request.user)
    with acting_as(Identity(Role.SYSTEM, found.organisation_id, user.pk)):
        work(intake_queries.of_organisation(found.organisation_id).filter(pk=found.pk, status=Status.DEAD))
    messages.success(request, done)
    return redirect("operators")


def _with_job(request: HttpRequest, work: Callable[[], None], done: str) -> HttpResponse:
    with acting_as(Identity.system()):
        try:
            work()
        except queue.NotPossible as error:
            messages.error(request, error.message)
        else:
            messages.success(request, done)
    return redirect("operators")
