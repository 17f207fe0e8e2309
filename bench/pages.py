"""How long the site takes to make its pages as seasons pile up: the real pages with all that stands before them, asked
in this process, so that the network is left out."""

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING
from uuid import UUID

from bench import season
from bench.report import Line

if TYPE_CHECKING:
    from django.test import Client

_CALLS = 40
#: What a page may take at most, at the most tickets, in milliseconds.
_GOAL = 100


def run(*, quick: bool) -> list[Line]:
    """Each page's middle and the time that 19 of 20 stay under, at each size."""
    sizes = (10_000, 50_000) if quick else (10_000, 200_000, 2_000_000)
    now = datetime.now(UTC)
    asked = []
    for size in sizes:
        organisation_id = season.organisation(size, now)
        client = _signed_in(organisation_id)
        asked += [(name, size, client, path) for name, path in _pages(organisation_id, now).items()]
    took: dict[tuple[str, int], list[float]] = {}
    for _, _, client, path in asked:
        _ask(client, path)
    for _ in range(10 if quick else _CALLS):
        for name, size, client, path in asked:
            took.setdefault((name, size), []).append(_ask(client, path))
    lines = []
    for (name, size), values in sorted(took.items()):
        middle, most = median(values), sorted(values)[-1 - len(values) // 20]
        ratio = middle / median(took[name, sizes[0]])
        lines.append(
            Line(
                "pages", f"{name}, {size:,} tickets, p50", middle, "ms", ratio, f"times that at {sizes[0]:,}"
            )
        )
        goal = _GOAL if name.startswith("analytics") and size == sizes[-1] else None
        lines.append(
            Line("pages", f"{name}, {size:,} tickets, p95", most, "ms", most, "ms", goal, at_most=True)
        )
    return lines


def _ask(client: "Client", path: str) -> float:
    started = time.perf_counter()
    response = client.get(path, HTTP_HOST="localhost")
    took = (time.perf_counter() - started) * 1000
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    return took


def _signed_in(organisation_id: UUID) -> "Client":
    """A browser of the organisation's admin."""
    from django.test import Client

    from housecount.tenancy.identity import Identity, Role, acting_as
    from housecount.tenancy.models import Membership, User

    with acting_as(Identity.system(organisation_id)):
        user = User(email=f"admin-{organisation_id}@example.com", password="!")
        user.save(force_insert=True)
        Membership.objects.create(organisation_id=organisation_id, user=user, role=Role.ADMIN.value)
    client = Client()
    with acting_as(Identity.nobody(user.pk)):
        client.force_login(User.objects.get(pk=user.pk))
    return client


def _pages(organisation_id: UUID, now: datetime) -> dict[str, str]:
    """Addresses by what they show."""
    from django.urls import reverse

    from housecount.box_office.models import Show
    from housecount.tenancy.identity import Identity, acting_as

    with acting_as(Identity.system(organisation_id)):
        shows = Show.objects.filter(organisation_id=organisation_id, starts_at__gt=now).order_by("starts_at")
        first, second = shows.values_list("id", flat=True)[:2]
    analytics = reverse("analytics")
    found = {
        "shows": reverse("shows"),
        "show": reverse("show", args=[first]),
        "ledger lines": reverse("show_lines", args=[first]),
        "sync": reverse("sync"),
        "invoices": reverse("invoices"),
        "analytics, two shows": f"{reverse('analytics_compare')}?first={first}&second={second}",
    }
    for part in ("day", "platform", "room", "weekday", "run", "hour"):
        for period, name in (("90", "90 days"), ("365", "a year"), ("all", "everything")):
            found[f"analytics by {part}, {name}"] = f"{analytics}?by={part}&period={period}"
    return found
