"""What becomes of a hook, as a rule: every outcome at every time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from housecount.intake import decisions
from housecount.intake.decisions import Waiting, decide
from housecount.intake.models import Status
from housecount.intake.pace import Pace
from housecount.platforms.base.errors import CircuitOpen, ConfigError, PlatformError, RateLimited, Transient
from housecount.platforms.base.hooks import Touch
from housecount.sync.touches import TouchOutcome

RECEIVED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ORDER = Touch(kind="order", object_id="1")
TICKET = Touch(kind="ticket", object_id="2")


def hook(*, attempts: int = 0, action: str = "order.updated", number: int = 1, touches: int = 1) -> Waiting:
    return Waiting(
        id=number,
        received_at=RECEIVED,
        webhook_id="",
        action=action,
        verdict="understood",
        touches=(ORDER, TICKET)[:touches],
        attempts=attempts,
        relayed=False,
    )


def after(seconds: float) -> datetime:
    return RECEIVED + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("elapsed", "again"), [(0, 5), (4.9, 5), (5, 15), (14, 15), (59, 60), (60, 180), (299, 300), (-30, 5)]
)
@pytest.mark.parametrize("result", ["not_there", "unknown", "foreign", "unchanged"])
def test_what_may_be_too_early_is_read_again_for_five_minutes(
    result: str, elapsed: float, again: float
) -> None:
    outcome = TouchOutcome(result=result)  # type: ignore[arg-type]
    made = decide(hook(), [outcome], after(elapsed))
    assert (made.status, made.next_try_at) == (Status.WAITING, after(again))


@pytest.mark.parametrize(
    ("result", "status", "outcome"),
    [
        ("not_there", Status.IGNORED, "unknown_object"),
        ("unknown", Status.IGNORED, "unknown_event"),
        ("foreign", Status.IGNORED, "foreign"),
        ("unchanged", Status.DONE, "nothing_new"),
    ],
)
def test_after_five_minutes_it_is_told_what_it_was(result: str, status: Status, outcome: str) -> None:
    made = decide(hook(), [TouchOutcome(result=result)], after(300))  # type: ignore[arg-type]
    assert (made.status, made.outcome) == (status, outcome)
    assert made.explanation.endswith(".")


@pytest.mark.parametrize(
    ("changed", "done"), [(-121, False), (-120, True), (-1, True), (0, True), (60, True)]
)
def test_a_change_shortly_before_the_hook_is_the_one_it_means(changed: float, done: bool) -> None:
    outcome = TouchOutcome(result="unchanged", changed_at=after(changed), read_at=after(-60))
    assert (decide(hook(), [outcome], after(1)).outcome == "up_to_date") == done


def test_what_was_read_since_the_hook_came_is_up_to_date() -> None:
    old = after(-9999)
    read_since = TouchOutcome(result="unchanged", changed_at=old, read_at=after(0))
    read_before = TouchOutcome(result="unchanged", changed_at=old, read_at=after(-1))
    assert decide(hook(), [read_since], after(1)).outcome == "up_to_date"
    assert decide(hook(), [read_before], after(1)).outcome == "too_early"
    assert decide(hook(action="barcode.un_checked_in"), [read_before], after(1)).outcome == "up_to_date"


@pytest.mark.parametrize("error", [RateLimited("Slow down.", 90.0), CircuitOpen("Left alone.", 90.0)])
def test_a_limit_is_no_attempt_and_is_waited_for(error: PlatformError) -> None:
    made = decide(hook(attempts=11), [TouchOutcome(result="failed", error=error)], after(1))
    assert (made.status, made.counted) == (Status.WAITING, False)
    assert made.next_try_at is not None
    assert after(91) <= made.next_try_at <= after(1 + 90 * 1.25)


@pytest.mark.parametrize("error", [Transient("Away."), ConfigError("No."), PlatformError("Odd."), None])
def test_failures_are_tried_again_and_end_as_dead(error: PlatformError | None) -> None:
    now, attempts = after(1), 0
    while True:
        made = decide(hook(attempts=attempts), [TouchOutcome(result="failed", error=error)], now)
        attempts += made.counted
        if made.next_try_at is None:
            break
        assert timedelta(seconds=30) <= made.next_try_at - now <= timedelta(minutes=15) * 1.25
        now = made.next_try_at
    assert (made.status, attempts) == (Status.DEAD, 12)
    assert now - RECEIVED > timedelta(hours=2)
    assert "replay" in made.explanation


def test_a_hook_that_points_at_two_objects_waits_for_both() -> None:
    done, missing = TouchOutcome(result="changed"), TouchOutcome(result="not_there")
    broken = TouchOutcome(result="failed", error=Transient("Away."))
    assert decide(hook(touches=2), [done, missing], after(1)).next_try_at == after(5)
    assert decide(hook(touches=2), [broken, missing], after(1)).next_try_at == after(5)
    assert decide(hook(touches=2), [done, missing], after(301)).outcome == "changed"
    assert decide(hook(touches=2, attempts=11), [done, broken], after(301)).status == Status.DEAD


@given(
    result=st.sampled_from(
        ["changed", "unchanged", "asked", "not_there", "unknown", "foreign", "set_aside", "failed"]
    ),
    elapsed=st.floats(-86_400, 86_400),
    attempts=st.integers(0, 20),
    number=st.integers(1, 2**63 - 1),
)
def test_whatever_happens_a_hook_ends_or_is_tried_later(
    result: str, elapsed: float, attempts: int, number: int
) -> None:
    now = after(elapsed)
    made = decide(hook(attempts=attempts, number=number), [TouchOutcome(result=result)], now)  # type: ignore[arg-type]
    assert (made.status == Status.WAITING) == (made.next_try_at is not None)
    assert made.next_try_at is None or made.next_try_at > now
    assert made.outcome
    assert len(made.outcome) <= 60


def test_the_first_hook_of_an_object_is_read_at_once_and_others_a_little_later() -> None:
    pace = Pace()
    objects = {ORDER: "order 1", TICKET: "order 1"}
    assert pace.too_soon(objects, after(0)) == {}
    pace.begin(["order 1"], after(0))
    assert pace.too_soon(objects, after(0.4)) == {ORDER: after(1.5), TICKET: after(1.5)}
    assert pace.too_soon({ORDER: "order 2"}, after(0.4)) == {}
    assert pace.too_soon(objects, after(1.5)) == {}
    assert pace.too_soon(objects, after(-3600)) == {}, "a clock that was set back keeps nobody waiting"


def test_pings_and_noise_are_clear_at_once() -> None:
    test = Waiting(
        id=1, received_at=RECEIVED, webhook_id="", action="test", verdict="test", touches=(), attempts=0, relayed=False
    )  # fmt: skip
    found = decisions.at_once(test)
    assert found is not None
    assert (found.outcome, found.counted) == ("test", False)
    assert decisions.at_once(hook()) is None
