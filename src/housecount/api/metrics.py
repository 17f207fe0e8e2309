"""`/metrics`: what Prometheus collects."""

import hmac
from collections.abc import Iterator
from importlib.metadata import version
from ipaddress import ip_address

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from housecount.api.gauges import Gauges, Labelled, measure
from housecount.installation import environment
from housecount.tenancy.access import outside_tenancy

#: Of what is counted per account (`sync.tally`): the metric and its words.
_COUNTED = {
    "requests": ("requests", "Requests sent to the platform, retries included."),
    "rate_limited": ("rate_limited", "Answers that said we asked too often (429)."),
    "sweeps": ("sweeps", "Full sweeps that were complete."),
    "orders_changed": ("orders_changed", "Orders that a read found new or changed."),
    "tickets_changed": ("tickets_changed", "Tickets that a read found new or changed."),
    "gaps": ("gaps", "Changes that reads had missed and a sweep found and closed."),
    "touch_reads": ("touch_reads", "Objects read because a webhook pointed at them."),
}
#: One metric with a label for its outcome, from several counters.
_OUTCOMES = {
    "reads": ("Reads of accounts, by how they ended.", {"reads_complete": "complete", "reads_failed": "failed"}),
    "hooks": (
        "Webhooks that were dealt with, by what became of them.",
        {"hooks_done": "done", "hooks_ignored": "ignored", "hooks_dead": "dead"},
    ),
}  # fmt: skip


#: By metric: the field of `Gauges`, the labels, and its words.
_GAUGES = {
    "accounts": (
        "accounts", "platform state", "Connected accounts. failing: the last read failed; stopped: it needs a person.",
    ),
    "sweep_age_seconds": ("sweep_age", "platform", "Since the oldest of the accounts' last full sweeps."),
    "breakers_open": ("breakers_open", "platform", "Accounts left alone for a while: too many failures in a row."),
    "events_stale": (
        "events_stale", "platform why", "Events whose last read failed: by themselves, or with their whole account.",
    ),
    "figures_age_seconds": ("figures_age", "platform", "Age of the oldest figures, of accounts and of failing events."),
    "reads_due": ("reads_due", "platform", "Reads that are due and have not ended."),
    "reads_late": ("reads_late", "platform", "Reads due for more than 15 minutes and for more than their interval."),
    "read_lateness_seconds": ("lateness", "platform", "How long the read that waits longest has been due."),
    "hooks_open": ("hooks", "status", "Webhooks that wait to be handled, or that died and wait for a person."),
    "hooks_open_age_seconds": ("hooks_age", "status", "Age of the oldest of them."),
    "hook_latency_seconds": (
        "hook_latency", "quantile", "From receiving a webhook to its handling, over the last 15 minutes.",
    ),
    "hook_latency_sample": ("hook_latency_sample", "", "From how many webhooks that was taken."),
    "queue_jobs": ("jobs", "queue status", "Background jobs that wait (todo) or run (doing)."),
    "queue_age_seconds": ("jobs_age", "queue", "How long the oldest job that is due has waited."),
    "workers": ("workers", "", "Parts of workers seen in the last minute: each worker has two."),
    "budget_used_share": ("budget", "platform", "The most used call budget; 1: nothing is left for now."),
    "alerts_open": ("alerts", "cause", "Alerts that are open."),
}  # fmt: skip


@outside_tenancy
@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures of the whole installation. With HOUSECOUNT_OPERATOR_TOKEN set, for who shows it; otherwise for
    this machine alone."""
    refused = _refusal(request)
    if refused is not None:
        return refused
    try:
        gauges: Gauges | None = measure()
    except DatabaseError:
        gauges = None
    registry = CollectorRegistry()
    registry.register(_Figures(gauges))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(registry), content_type=content_type)


def _refusal(request: HttpRequest) -> HttpResponse | None:
    token = environment.load().operator_token
    if token is None:
        if _near(request):
            return None
        return HttpResponse(
            "Set HOUSECOUNT_OPERATOR_TOKEN to read this from another machine.\n",
            status=403,
            content_type="text/plain; charset=utf-8",
        )
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode()):
        return None
    return HttpResponse(
        "Show HOUSECOUNT_OPERATOR_TOKEN as a bearer token.\n",
        status=401,
        headers={"WWW-Authenticate": 'Bearer realm="housecount"'},
        content_type="text/plain; charset=utf-8",
    )


def _near(request: HttpRequest) -> bool:
    """Whether somebody on this machine asks, and not for somebody else: our own edge writes one address, that of
    its caller; a second one, or another way of saying it, was written by a proxy before it."""
    if "Forwarded" in request.headers or "X-Real-IP" in request.headers:
        return False
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    callers = [*hops, request.META.get("REMOTE_ADDR", "")]
    return len(hops) <= 1 and any(callers) and all(_loopback(each) for each in callers if each)


def _loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


class _Figures(Collector):
    """The figures as metrics; None: the database did not answer."""

    def __init__(self, gauges: Gauges | None) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        yield _gauge("build_info", "The version that answers.", ["version"], {(version("housecount"),): 1.0})
        up = 0.0 if self._gauges is None else 1.0
        yield _gauge(
            "database_up", "Whether the database answers with the tables of this version.", [], {(): up}
        )
        if self._gauges is not None:
            yield from _counters(self._gauges)
            yield from _gauges(self._gauges)


def _counters(found: Gauges) -> Iterator[Metric]:
    platforms = sorted({platform for platform, *_ in found.accounts} | {key[0] for key in found.tallies})
    for name, (metric, words) in _COUNTED.items():
        family = CounterMetricFamily(f"housecount_{metric}", words, labels=["platform"])
        for platform in platforms:
            family.add_metric([platform], found.tallies.get((platform, name), 0.0))
        yield family
    for metric, (words, outcomes) in _OUTCOMES.items():
        family = CounterMetricFamily(f"housecount_{metric}", words, labels=["platform", "outcome"])
        for platform in platforms:
            for name, outcome in outcomes.items():
                family.add_metric([platform, outcome], found.tallies.get((platform, name), 0.0))
        yield family


def _gauges(found: Gauges) -> Iterator[Metric]:
    for name, (field, labels, words) in _GAUGES.items():
        value: Labelled | float = getattr(found, field)
        yield _gauge(name, words, labels.split(), value if isinstance(value, dict) else {(): value})


def _gauge(name: str, words: str, labels: list[str], values: Labelled) -> Metric:
    family = GaugeMetricFamily(f"housecount_{name}", words, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family
