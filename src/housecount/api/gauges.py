"""What monitoring is told, from the database, so that every process says the same. No organisation is named, and
nothing is told of what one sells: figures are per platform."""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from housecount.box_office import bulk
from housecount.platforms.registry import SOURCES
from housecount.sync.troubles import Cause
from housecount.tenancy.identity import Identity, acting_as

#: No scrape may hold the database up for longer.
_MOST = "5s"

Labelled = dict[tuple[str, ...], float]
_NO_HOOKS: Labelled = {("waiting",): 0.0, ("dead",): 0.0}
_KEYS = {source.label: key for key, source in SOURCES.items()}
_QUANTILES = ("0.5", "0.95", "0.99")


class Gauges(Struct, frozen=True, kw_only=True):
    """One look. Keys are the labels' values; ages are in seconds, shares from 0 to 1."""

    tallies: Labelled
    accounts: Labelled
    sweep_age: Labelled
    breakers_open: Labelled
    events_stale: Labelled
    figures_age: Labelled
    reads_due: Labelled
    reads_late: Labelled
    lateness: Labelled
    hooks: Labelled
    hooks_age: Labelled
    hook_latency: Labelled
    hook_latency_sample: float
    jobs: Labelled
    jobs_age: Labelled
    workers: float
    budget: Labelled
    alerts: Labelled


def measure() -> Gauges:
    """The figures as they are now, in one short transaction. Raises `DatabaseError` when they cannot be had.

    Every query goes by an index to what is open, waiting or wrong, or to one row per account: none grows with
    what was sold.
    """
    with acting_as(Identity.system()):
        bulk.run("SELECT set_config('statement_timeout', %s, true)", [_MOST])
        accounts = bulk.fetch(_ACCOUNTS, [])
        agenda = bulk.fetch(_AGENDA, [])
        stale = bulk.fetch(_STALE, [])
        hooks = bulk.fetch(_HOOKS, [])
        ((*quantiles, sample),) = bulk.fetch(_LATENCY, [])
        jobs = bulk.fetch(_JOBS, [])
        ((workers,),) = bulk.fetch(_WORKERS, [])
        tallies = bulk.fetch(_TALLIES, [])
        breakers = bulk.fetch(_BREAKERS, [])
        budget = bulk.fetch(_BUDGET, [])
        alerts = bulk.fetch(_ALERTS, [])
    ages = [(row[0], row[3]) for row in stale] + [(row[0], row[4]) for row in accounts]
    return Gauges(
        tallies=_column(tallies, 2, labels=2),
        accounts=_everywhere(_column(accounts, 2, labels=2), ("active", "failing", "stopped")),
        sweep_age=_everywhere(_most((row[0], row[3]) for row in accounts)),
        breakers_open=_everywhere(_column(breakers, 1)),
        events_stale=_everywhere(_column(stale, 2, labels=2), ("account", "event")),
        figures_age=_everywhere(_most(ages)),
        reads_due=_everywhere(_column(agenda, 1)),
        reads_late=_everywhere(_column(agenda, 2)),
        lateness=_everywhere(_column(agenda, 3)),
        hooks=_NO_HOOKS | _column(hooks, 1),
        hooks_age=_NO_HOOKS | _column(hooks, 2),
        hook_latency=_column(zip(_QUANTILES, quantiles, strict=True), 1) if sample else {},
        hook_latency_sample=float(sample),
        jobs=_column(jobs, 2, labels=2),
        jobs_age=_most((row[0], row[3]) for row in jobs),
        workers=float(workers),
        budget={
            (_KEYS.get(label, label) or "unknown",): share for (label,), share in _column(budget, 1).items()
        },
        alerts={(cause.value,): 0.0 for cause in Cause} | _column(alerts, 1),
    )


def _column(rows: Iterable[tuple[Any, ...]], number: int, *, labels: int = 1) -> Labelled:
    return {tuple(str(part) for part in row[:labels]): float(row[number] or 0) for row in rows}


def _most(rows: Iterable[tuple[Any, Any]]) -> Labelled:
    found: Labelled = {}
    for label, value in rows:
        found[(str(label),)] = max(found.get((str(label),), 0.0), float(value or 0))
    return found


def _everywhere(found: Labelled, states: tuple[str, ...] = ()) -> Labelled:
    """With a zero where nothing is: a series that is not there raises no alarm."""
    keys: list[tuple[str, ...]] = [(platform,) for platform in SOURCES]
    if states:
        keys = [(*key, state) for key in keys for state in states]
    return dict.fromkeys(keys, 0.0) | found


_TALLIES = "SELECT platform, name, sum(value) FROM sync_tally GROUP BY 1, 2 ORDER BY 1, 2"
# A connected account has a door; why it stopped is told by the row of its freshness.
_ACCOUNTS = """
    SELECT door.platform,
        CASE WHEN fresh.reason_code = 'account_needs_a_person' THEN 'stopped'
             WHEN fresh.reason_code <> '' THEN 'failing' ELSE 'active' END,
        count(*),
        max(extract(epoch FROM now() - fresh.swept_at)),
        max(extract(epoch FROM now() - fresh.as_of))
    FROM sync_hook_door door
    LEFT JOIN sync_freshness fresh
        ON fresh.organisation_id = door.organisation_id AND fresh.account_id = door.account_id AND fresh.event_id = ''
    GROUP BY 1, 2 ORDER BY 1, 2
"""
_BREAKERS = """
    SELECT door.platform, count(*) FROM sync_circuit_breaker breaker JOIN sync_hook_door door USING (account_id)
    WHERE breaker.opened_at IS NOT NULL GROUP BY 1 ORDER BY 1
"""
# Of an account that cannot be read as a whole, every event is stale; else those that fail by themselves.
_STALE = """
    WITH failing AS MATERIALIZED (
        SELECT organisation_id, account_id, bool_or(event_id = '') AS whole,
            count(*) FILTER (WHERE event_id <> '') AS events, min(as_of) FILTER (WHERE event_id <> '') AS oldest
        FROM sync_freshness WHERE reason_code <> '' GROUP BY 1, 2
    )
    SELECT door.platform, 'account', count(*), max(extract(epoch FROM now() - fresh.as_of))
    FROM failing JOIN sync_hook_door door USING (organisation_id, account_id)
    JOIN sync_freshness fresh USING (organisation_id, account_id)
    WHERE failing.whole AND fresh.event_id <> '' GROUP BY 1
    UNION ALL
    SELECT door.platform, 'event', sum(events), max(extract(epoch FROM now() - failing.oldest))
    FROM failing JOIN sync_hook_door door USING (organisation_id, account_id) WHERE NOT failing.whole GROUP BY 1
"""
# Late: by more than a quarter of an hour, or for slow ones by more than the interval.
_AGENDA = """
    SELECT door.platform, count(*),
        count(*) FILTER (WHERE agenda.next_at
            < now() - greatest(interval '15 minutes', agenda.every * interval '1 second')),
        max(extract(epoch FROM now() - agenda.next_at))
    FROM sync_agenda agenda JOIN sync_hook_door door USING (organisation_id, account_id)
    WHERE agenda.next_at <= now() GROUP BY 1 ORDER BY 1
"""
_HOOKS = """
    SELECT status, count(*), extract(epoch FROM now() - min(received_at))
    FROM webhook_log WHERE status = 'waiting' GROUP BY 1
    UNION ALL
    SELECT status, count(*), extract(epoch FROM now() - min(received_at))
    FROM webhook_log WHERE status = 'dead' GROUP BY 1
"""
# What had changed nothing yet was asked again on purpose: that is patience, not latency.
_LATENCY = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.95) WITHIN GROUP (ORDER BY took),
        percentile_cont(0.99) WITHIN GROUP (ORDER BY took), count(*)
    FROM (
        SELECT extract(epoch FROM handled_at - received_at)::float8 AS took FROM webhook_log
        WHERE received_at > now() - interval '15 minutes' AND status = 'done' AND attempts <= 1
        ORDER BY received_at DESC LIMIT 5000
    ) AS recent
"""
_JOBS = """
    WITH open AS (
        SELECT queue_name, status::text, count(*) AS number,
            min(id) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()) AS oldest
        FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY 1, 2
    )
    SELECT open.queue_name, open.status, open.number, extract(epoch FROM now() - coalesce(
        (SELECT scheduled_at FROM procrastinate_jobs WHERE id = open.oldest),
        (SELECT max(at) FROM procrastinate_events WHERE job_id = open.oldest)))
    FROM open ORDER BY 1, 2
"""
_WORKERS = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '1 minute'"
_BUDGET = """
    SELECT platform, max(used::float8 / greatest(allowed, 1)) FROM sync_credential_budget
    WHERE ends_at > now() GROUP BY 1 ORDER BY 1
"""
_ALERTS = "SELECT cause, count(*) FROM sync_alert WHERE closed_at IS NULL GROUP BY 1 ORDER BY 1"
