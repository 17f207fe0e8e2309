"""What becomes of a hook after what it points at was read. Pure: told the time and what the read brought."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from housecount.core.errors import HousecountError
from housecount.intake.models import Status, Verdict
from housecount.platforms.base.errors import CircuitOpen, RateLimited
from housecount.platforms.base.hooks import Touch
from housecount.sync.touches import TouchOutcome

#: When a read that may have come too early is done again, after the hook was received. Reads lag behind hooks by
#: up to 5 minutes [observed].
EARLY = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 180, 300))
#: A change the platform dates so shortly before the hook is the one that the hook tells of.
RECENT = timedelta(minutes=2)
#: Failures are tried again after a pause that grows fourfold, and given up after so many: two hours and more.
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=15)
MOST_ATTEMPTS = 12
#: How long a hook of an account that is stopped waits before it is looked at again.
STOPPED_PAUSE = timedelta(minutes=1)
#: Check-ins change nothing that is counted: no platform's `changed` moves for them.
_CHECK_IN = "checked_"


class Waiting(Struct, frozen=True, kw_only=True):
    """A hook that waits. `relayed`: it came by a relay that signs, not to the account's own address."""

    id: int
    received_at: datetime
    webhook_id: str
    action: str
    verdict: str
    touches: tuple[Touch, ...]
    attempts: int
    relayed: bool


class Decision(Struct, frozen=True, kw_only=True):
    """What becomes of a hook. `counted`: this was one of its attempts."""

    status: Status
    outcome: str
    explanation: str
    next_try_at: datetime | None = None
    counted: bool = True


def at_once(hook: Waiting) -> Decision | None:
    """What is clear without reading anything; None when something is to be read."""
    if hook.verdict == Verdict.TEST:
        return ended(Status.IGNORED, "test", "A test: it was received, and there is nothing to read.")
    if not hook.touches:
        return ended(
            Status.IGNORED, "not_understood", "It names nothing that Housecount knows how to read. Nothing is lost: "
            "the platform is read regularly."
        )  # fmt: skip
    return None


def ended(status: Status, outcome: str, explanation: str) -> Decision:
    """The end of a hook without an attempt."""
    return Decision(status=status, outcome=outcome, explanation=explanation, counted=False)


def wait(until: datetime, outcome: str, explanation: str) -> Decision:
    """The hook waits, and this was no attempt."""
    return Decision(
        status=Status.WAITING, outcome=outcome, explanation=explanation, next_try_at=until, counted=False
    )


def decide(hook: Waiting, outcomes: Sequence[TouchOutcome], now: datetime) -> Decision:
    """What becomes of `hook`, whose touches brought `outcomes`."""
    made = [_of_one(hook, outcome, now) for outcome in outcomes]
    waiting = [each for each in made if each.next_try_at is not None]
    if waiting:
        return min(waiting, key=lambda each: each.next_try_at or now)
    return min(made, key=lambda each: _SAY_FIRST.index(each.status))


_SAY_FIRST = (Status.DEAD, Status.DONE, Status.IGNORED, Status.WAITING)


def _of_one(hook: Waiting, outcome: TouchOutcome, now: datetime) -> Decision:
    match outcome.result:
        case "changed":
            return _done("changed", "It was read, and changed something.")
        case "asked":
            return _done("read_asked", "An ordinary read of the account was asked for.")
        case "set_aside":
            return _done("set_aside", "What it points at cannot be read and was set aside.")
        case "unchanged":
            return _unchanged(hook, outcome, now)
        case "not_there":
            return _again(hook, now) or _ignored(
                "unknown_object", "The platform does not have what it points at, also after five minutes."
            )
        case "unknown":
            return _again(hook, now) or _ignored(
                "unknown_event", "It is of an event that is not this account's: its own list does not show it."
            )  # fmt: skip
        case "foreign":
            return _again(hook, now) or _ignored(
                "foreign", "The platform does not let this account see what it points at."
            )
        case "failed":
            return _failed(hook, outcome.error, now)


def _unchanged(hook: Waiting, outcome: TouchOutcome, now: datetime) -> Decision:
    known_since = outcome.read_at is not None and outcome.read_at >= hook.received_at
    tells_of_it = outcome.changed_at is not None and outcome.changed_at >= hook.received_at - RECENT
    if known_since or tells_of_it or _CHECK_IN in hook.action:
        return _done("up_to_date", "It was read; the ledger had it already.")
    return _again(hook, now) or _done(
        "nothing_new", "It was read several times over five minutes and brought nothing new."
    )


def _again(hook: Waiting, now: datetime) -> Decision | None:
    for pause in EARLY:
        if hook.received_at + pause > now:
            return Decision(
                status=Status.WAITING,
                outcome="too_early",
                explanation="The platform does not show it yet; it is read again.",
                next_try_at=hook.received_at + pause,
            )
    return None


def _failed(hook: Waiting, error: HousecountError | None, now: datetime) -> Decision:
    code = error.code if error else "failed"
    message = error.message if error else "It could not be read."
    if isinstance(error, RateLimited | CircuitOpen):
        pause = timedelta(seconds=min(max(error.after, 1.0), 3600.0))
        return wait(now + _spread(hook, pause), code, message)
    if hook.attempts + 1 >= MOST_ATTEMPTS:
        return Decision(
            status=Status.DEAD,
            outcome=code,
            explanation=f"{message} It was tried {hook.attempts + 1} times. Look into it, then replay it.",
        )
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 4 ** min(hook.attempts, 6))
    return Decision(
        status=Status.WAITING, outcome=code, explanation=message, next_try_at=now + _spread(hook, pause)
    )


def _spread(hook: Waiting, pause: timedelta) -> timedelta:
    """Up to a quarter more, another for each hook: what failed together does not come back together."""
    return pause * (1 + (hook.id * 7919 % 1000) / 4000)


def _done(outcome: str, explanation: str) -> Decision:
    return Decision(status=Status.DONE, outcome=outcome, explanation=explanation)


def _ignored(outcome: str, explanation: str) -> Decision:
    return Decision(status=Status.IGNORED, outcome=outcome, explanation=explanation)
