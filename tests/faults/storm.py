"""What is thrown in one round: decided by the seed alone, before anything is thrown."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

#: What the sandbox's platforms can do to a reader and take back, with how long or how often.
PLATFORM_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "latency", "seconds": 0.3, "probability": 0.5},
    {"kind": "rate_limit", "retry_after": 0, "html": False, "count": 2},
    {"kind": "rate_limit", "retry_after": 1, "count": 1},
    {"kind": "server_error", "status": 502, "count": 2},
    {"kind": "server_error", "status": 500, "html": False, "probability": 0.3, "count": 4},
    {"kind": "reset", "count": 2},
    {"kind": "outage", "mode": "unavailable", "count": 3},
    {"kind": "empty", "count": 1},
    {"kind": "html", "count": 1},
    {"kind": "truncate", "mode": "cut", "count": 2},
    {"kind": "truncate", "mode": "length", "count": 2},
    {"kind": "duplicates", "rows": 2},
    {"kind": "skips", "rows": 1},
    {"kind": "shift", "rows": 1, "count": 2},
    {"kind": "stale", "behind": 6},
    {"kind": "stale", "seconds": 3.0},
    {"kind": "missing_field", "count": 2},
    {"kind": "unknown_value", "count": 2},
    {"kind": "absurd_amount", "path": "/orders", "count": 1},
    {"kind": "wrong_currency", "path": "/orders", "count": 1},
    {"kind": "revoke", "count": 1},
)
#: What can become of hooks on their way: fields of the sandbox's limits.
HOOK_WEATHER: dict[str, dict[str, float]] = {
    "hooks lost": {"eventbrite_hook_losses": 0.6},
    "hooks doubled": {"eventbrite_hook_repeats": 0.7, "eventbrite_hook_pace": 0.2},
    "hooks reordered": {"eventbrite_hook_jitter_seconds": 2.0, "eventbrite_hook_pace": 0.0},
    "hooks delayed": {"eventbrite_hook_delay_seconds": 2.5},
    "hooks sent again": {"eventbrite_hook_retries": 4, "eventbrite_hook_retry_seconds": 0.4},
    "reads that lag": {"eventbrite_read_lag_seconds": 2.0},
}
_KILLS = ("worker killed", "edge killed", "pages killed")
_ENDS = ("worker told to end", "edge told to end", "pages told to end")
#: Of every kind of throw, how likely it is beside the others.
_WEIGHTS = {
    **dict.fromkeys(_KILLS[:2], 5),
    _KILLS[2]: 2,
    **dict.fromkeys(_ENDS[:2], 2),
    _ENDS[2]: 1,
    "database restarted": 3,
    "database away": 2,
    "platform fault": 10,
    "platform refuses connections": 3,
    "platform's clock stepped": 3,
    **dict.fromkeys(HOOK_WEATHER, 2),
}
#: What people do at the platforms, by how often they do it.
VERBS = {
    "buy": 50, "comp": 5, "refund": 9, "refund_ticket": 6, "refund_part": 8, "cancel": 6, "check_in": 4, "move": 3,
    "add_event": 2, "delete_order": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Throw:
    """One thing at one moment of a round, `at` in seconds from its beginning. `number` picks among what is there then,
    `span` says how long it lasts, `detail` what exactly."""

    at: float
    kind: str
    number: int
    span: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)


def plan(seed: int, number: int, seconds: float, *, throws: int, happenings: int, hooks: int) -> list[Throw]:
    """Everything that round `number` throws, in order of time."""
    dice = Random(f"storm {seed} {number}")
    made = [_throw(dice, seconds, each) for each in _kinds(dice, throws)]
    verbs, weights = list(VERBS), list(VERBS.values())
    made += [
        Throw(dice.uniform(0, seconds), "happening", dice.getrandbits(30), detail={"do": verb})
        for verb in dice.choices(verbs, weights, k=happenings)
    ]
    for _ in range(hooks):
        copies = 2 if dice.random() < 0.25 else 1
        at = dice.uniform(0, seconds)
        way = dice.choice(("eventbrite", "eventbrite", "eventbrite", "humanitix", "relay"))
        who = dice.getrandbits(30)
        made += [Throw(at, "hook", who, dice.uniform(0, 0.2), {"way": way}) for _ in range(copies)]
    return sorted(made, key=lambda throw: throw.at)


def _kinds(dice: Random, throws: int) -> list[str]:
    """At least one kill of a worker and of an edge and one blow to the database; the rest by the dice."""
    sure = ["worker killed", "edge killed", dice.choice(("database restarted", "database away"))][:throws]
    return sure + dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=throws - len(sure))


def _throw(dice: Random, seconds: float, kind: str) -> Throw:
    at, number, span = dice.uniform(0, seconds), dice.getrandbits(30), 0.0
    detail: dict[str, Any] = {}
    if kind in _KILLS or kind in _ENDS:
        span = dice.uniform(0.0, 1.0)
    elif kind == "database away":
        span = dice.uniform(0.8, 1.2)
    elif kind == "platform fault":
        detail = {**dice.choice(PLATFORM_FAULTS), "platform": dice.choice((None, "eventbrite", "humanitix"))}
        span = dice.uniform(0.5, 3.0)
    elif kind == "platform refuses connections":
        detail = {"kind": "outage", "mode": "refuse", "platform": dice.choice(("eventbrite", "humanitix"))}
        span = dice.uniform(0.2, 1.0)
    elif kind == "platform's clock stepped":
        detail = {"seconds": dice.choice((-1, 1)) * dice.choice((2, 45, 400, 1_300))}
    elif kind in HOOK_WEATHER:
        detail = dict(HOOK_WEATHER[kind])
        span = dice.uniform(1.0, 4.0)
    return Throw(at, kind, number, span, detail)
