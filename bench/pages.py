"""How long the site takes to make its pages as seasons pile up: the real pages with all that stands before them, asked
in this process, so that the network is left out."""

import time
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from bench import season
from bench.report import Line

if TYPE_CHECKING:
    from django.test import Client

_CALLS = 40
#: What a page may take at most at the most tickets, in milliseconds, by how its name begins; and the times of what it
#: takes at a tenth of them. With the fewest, the lists of shows are not full: they say little.
_GOALS = {"analytics": 100, "show": 150}
_MOST_TIMES = 1.5


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
    base = sizes[-2]
    lines = []
    for (name, size), values in sorted(took.items()):
        middle, most = median(values), sorted(values)[-1 - len(values) // 20]
        ratio = middle / median(took[name, base])
        limits = [limit for begin, limit in _GOALS.items() if name.startswith(begin) and size == sizes[-1]]
        flat = _MOST_TIMES if limits and name.startswith("show") else None
        told = f"times that at {base:,}"
        lines += [
            Line(
                "pages", f"{name}, {size:,} tickets, p50", middle, "ms", ratio, told, flat, at_most=True
            ),
            Line(
                "pages", f"{name}, {size:,} tickets, p95", most, "ms", most, "ms", min(limits, default=None),
                at_most=True,
            ),
        ]  # fmt: skip
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
        venue_id, title = shows.values_list("venue_id", "title")[0]
    analytics = reverse("analytics")
    found = {
        "shows": reverse("shows"),
        "shows, by gross": f"{reverse('shows')}?sort=gross",
        "shows, found by a word": f"{reverse('shows')}?q=friday",
        "show": reverse("show", args=[first]),
        "ledger lines": reverse("show_lines", args=[first]),
        "sync": reverse("sync"),
        "invoices": reverse("invoices"),
        "analytics, two shows": f"{reverse('analytics_compare')}?first={first}&second={second}",
    }
    for part in ("day", "platform", "room", "weekday", "run", "hour"):
        for period, name in (("90", "90 days"), ("365", "a year"), ("all", "everything")):
            found[f"analytics by {part}, {name}"] = f"{analytics}?by={part}&period={period}"
    everything = f"{analytics}?period=all&"
    for part in ("day", "hour"):
        found[f"analytics by {part}, everything in one room"] = f"{everything}by={part}&room={venue_id}"
    run = urlencode({"run": f"{venue_id}:{title.lower()}"})
    found["analytics by platform, everything of one run"] = f"{everything}by=platform&{run}"
    found["analytics by weekday, everything at one platform"] = f"{everything}by=weekday&platform=humanitix"
    return found
