"""What must hold when the dust has settled. Every check says in words what is wrong, and nothing when nothing is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from housecount_sandbox.eventbrite.hooks import Delivery
from housecount_sandbox.world import World
from tests.faults.ground import Ground

FIGURES = (
    "orders", "sold", "comps", "cancelled", "gross", "discounts", "refunds", "absorbed_fees", "passed_on_fees", "tax",
    "net",
)  # fmt: skip
#: A job is in the hands of nobody when its worker has been silent for longer.
SILENT_SECONDS = 75
#: How long after a broken commit an edge may still store what it could not know to be stored.
_AGAIN_WITHIN = timedelta(seconds=15)
_NEVER: Counter[bytes] = Counter()


def figures(ground: Ground, world: World, slug: str) -> list[str]:
    """Every listing's figures against the sandbox's truth, both ways."""
    counted = {
        (each["platform"], each["external_event_id"], each["external_session_id"]): each
        for show in ground.told("sales", "--organisation", slug)["shows"]
        for each in show["listings"]
    }
    true = {
        (each.platform, each.external_event_id, each.external_session_id): {
            **asdict(each.figures),
            "net": each.figures.net,
        }
        for each in world.truth(first_read=0)
    }
    problems = [f"{key} is counted and does not exist" for key in counted.keys() - true.keys()]
    for key, truth in true.items():
        here = counted.get(key)
        if here is None:
            problems.append(f"{key} is not counted at all")
            continue
        problems += [
            f"{key}: {name} is {here[name]} and should be {truth[name]}"
            for name in FIGURES
            if here[name] != truth[name]
        ]
    return problems


def rebuilt(ground: Ground, slug: str) -> list[str]:
    """What a rebuild from the raw records would find different."""
    done = ground.command("rebuild", "--organisation", slug, "--check", "--json")
    if done.returncode == 0:
        return []
    try:
        found = json.loads(done.stdout)["differences"]
    except ValueError:
        return [f"rebuild --check ended with {done.returncode}: {done.stderr[-500:]}"]
    return [f"rebuild: {difference}" for difference in found]


def ledger(ground: Ground) -> list[str]:
    """Every ticket is in the ledger once, and the entries of every listing sum to its total."""
    problems = [
        f"ticket {ticket} of order {order} is in the ledger {count} times"
        for order, ticket, count in ground.rows(
            """
            SELECT order_id, ticket_id, sum(sold + comps + cancelled) FROM box_office_sales_entry
            WHERE ticket_id <> '' GROUP BY organisation_id, account_id, order_id, ticket_id
            HAVING sum(sold + comps + cancelled) NOT IN (0, 1)
            """
        )
    ]
    problems += [
        f"order {order} counts as {count} orders"
        for order, count in ground.rows(
            """
            SELECT order_id, sum(orders) FROM box_office_sales_entry
            GROUP BY organisation_id, account_id, order_id HAVING sum(orders) NOT IN (0, 1)
            """
        )
    ]
    problems += [
        f"sequence {sequence} was given {count} times"
        for sequence, count in ground.rows(
            """
            SELECT sequence, count(*) FROM box_office_sales_entry GROUP BY organisation_id, sequence HAVING count(*) > 1
            """
        )
    ]
    problems += [
        f"listing {listing}: its entries say {entries} and its total {total}"
        for listing, entries, total in ground.rows(
            """
            SELECT coalesce(e.listing_id, t.listing_id)::text, e.sums, t.sums
            FROM (SELECT listing_id, ARRAY[sum(orders), sum(sold), sum(comps), sum(cancelled), sum(gross),
                         sum(discounts), sum(refunds), sum(absorbed_fees), sum(passed_on_fees), sum(tax), sum(rebates),
                         sum(extras)] AS sums
                  FROM box_office_sales_entry GROUP BY listing_id) e
            FULL JOIN (SELECT listing_id, ARRAY[orders, sold, comps, cancelled, gross, discounts, refunds,
                              absorbed_fees, passed_on_fees, tax, rebates, extras]::numeric[] AS sums
                       FROM box_office_listing_total) t USING (listing_id)
            WHERE e.sums IS DISTINCT FROM t.sums AND NOT (e.sums IS NULL AND 0 = ALL (t.sums))
            """
        )
    ]
    return problems


def stored_again(ground: Ground, breaks: Sequence[tuple[datetime, datetime]]) -> Counter[bytes]:
    """By body, the hooks that were stored once more because the database broke off at their commit.

    Whoever loses a connection while it commits cannot know whether it did. The edge stores such a hook again rather
    than lose it; the log then holds it twice, and the order is read once. `breaks`: from when to when the database
    was taken away.
    """
    again: Counter[bytes] = Counter()
    rows = ground.rows("SELECT body, received_at FROM webhook_log ORDER BY body, received_at")
    for (body, first), (next_body, second) in pairwise(rows):
        same = bytes(body) == bytes(next_body) and second - first < _AGAIN_WITHIN
        if same and any(first <= back and second >= away for away, back in breaks):
            again[bytes(body)] += 1
    return again


def _logged(ground: Ground) -> list[tuple[bytes, int]]:
    """Every body in the log, and how often it is there."""
    rows = ground.rows("SELECT body, count(*) FROM webhook_log GROUP BY body")
    return [(bytes(body), int(count)) for body, count in rows]


def own_hooks(ground: Ground, answers: dict[str, int], again: Mapping[bytes, int] = _NEVER) -> list[str]:
    """Every hook of our own sender that was answered with 200 is in the log exactly once, every other at most once;
    `again`: as `stored_again` tells it, beside that."""
    logged: Counter[str] = Counter()
    for body, times in _logged(ground):
        marker = json.loads(body).get("marker")
        if marker:
            logged[marker] += times - again.get(body, 0)
    problems = [
        f"hook {marker} was acknowledged and is in the log {logged[marker]} times"
        for marker, status in answers.items()
        if status == 200 and logged[marker] != 1
    ]
    problems += [
        f"hook {marker} was answered with {answers.get(marker)} and is in the log {count} times"
        for marker, count in logged.items()
        if count > 1 and answers.get(marker) != 200
    ]
    return problems


def platform_hooks(
    ground: Ground, deliveries: list[Delivery], again: Mapping[bytes, int] = _NEVER
) -> list[str]:
    """Of what the sandbox itself posted: as many in the log as were acknowledged, and no more than were sent;
    `again`: as `stored_again` tells it, beside that."""
    logged: Counter[tuple[str, str, str]] = Counter()
    repeated: Counter[tuple[str, str, str]] = Counter()
    for body, times in _logged(ground):
        said: dict[str, Any] = json.loads(body)
        if "marker" not in said and "config" in said:
            key = (said["config"]["webhook_id"], said["config"]["action"], said["api_url"])
            logged[key] += times
            repeated[key] += again.get(body, 0)
    taken: Counter[tuple[str, str, str]] = Counter()
    sent: Counter[tuple[str, str, str]] = Counter()
    for each in deliveries:
        key = (each.webhook.id, each.action, each.api_url)
        taken[key] += each.status == 200
        sent[key] += each.attempts
    return [
        f"hook {key}: {taken[key]} acknowledged, {sent[key]} sent, {logged[key]} in the log"
        for key in sent.keys() | logged.keys()
        if not taken[key] <= logged[key] <= sent[key] + repeated[key]
    ]


def unfinished_hooks(ground: Ground) -> list[tuple[int, str, str, str]]:
    """Hooks that still wait or that were given up, as (id, status, outcome, explanation)."""
    return [
        (int(row[0]), str(row[1]), str(row[2]), str(row[3]))
        for row in ground.rows(
            "SELECT id, status, outcome, explanation FROM webhook_log WHERE status NOT IN ('done', 'ignored')"
        )
    ]


def stuck_jobs(ground: Ground) -> list[str]:
    """Jobs that nobody works at: taken by a worker that is gone or silent, or in the queue although nobody holds them
    back."""
    return [
        f"job {number} ({task}) is {status} and in nobody's hands"
        for number, task, status in ground.rows(
            """
            SELECT j.id, j.task_name, j.status::text FROM procrastinate_jobs j
            LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
            WHERE (j.status = 'doing'
                   AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %(silent)s)))
               OR (j.status = 'todo' AND coalesce(j.scheduled_at, (
                    SELECT max(at) FROM procrastinate_events e WHERE e.job_id = j.id
                  )) < now() - make_interval(secs => %(silent)s))
            """,
            {"silent": SILENT_SECONDS},
        )
    ]
