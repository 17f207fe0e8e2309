"""A sweep that was broken off goes on where it stopped: a platform that allows few calls cannot keep it from ending."""

from typing import Any

import pytest

from housecount.sync import reader
from tests.sync.theatre import MELBOURNE, Theatre


def order_lists(stage: Theatre, event_id: str) -> int:
    """How often the list of an event's orders was asked for."""
    asked = stage.sandbox.requests("eventbrite").items()
    return sum(count for path, count in asked if f"/events/{event_id}/orders/" in path)


def test_what_a_broken_off_sweep_walked_is_not_walked_again(
    read_stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_stage
    monkeypatch.setattr(reader, "CONCURRENCY", 1)
    stage.clock.pass_by(hours=40)
    stage.sell(2)
    first, second = _in_order(stage)
    refuse: dict[str, Any] = {
        "kind": "rate_limit",
        "platform": "eventbrite",
        "path": f"/events/{second}/orders",
        "retry_after": 600,
    }
    stage.sandbox.faults.set([refuse])
    before = order_lists(stage, first)
    run = stage.read_due(MELBOURNE, sweep=True)
    assert run is not None
    assert run.error_code == "rate_limited"
    walked_once = order_lists(stage, first)
    assert walked_once > before

    # Meanwhile something is sold for what was walked already.
    stage.clock.pass_by(minutes=20)
    stage.sandbox.faults.clear()
    stage.sell(1)
    again = stage.read_due(MELBOURNE, sweep=True)
    assert again is not None
    assert again.complete
    assert order_lists(stage, first) == walked_once, "it was walked again"
    # The account is told to be as fresh as the older of the two attempts, and loses nothing that came between.
    stage.read(minutes=5)
    assert stage.promoter.count() == stage.promoter.truth()
    assert stage.promoter.differences() == []
    assert stage.gaps() == []


def test_the_next_night_everything_is_walked(read_stage: Theatre) -> None:
    stage = read_stage
    first, second = _in_order(stage)
    for _ in range(2):
        stage.clock.pass_by(hours=40)
        before = order_lists(stage, first), order_lists(stage, second)
        run = stage.read_due(MELBOURNE, sweep=True)
        assert run is not None
        assert run.complete
        assert order_lists(stage, first) > before[0]
        assert order_lists(stage, second) > before[1]


def test_a_sweep_that_a_person_asks_for_walks_everything(
    read_stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = read_stage
    monkeypatch.setattr(reader, "CONCURRENCY", 1)
    stage.clock.pass_by(hours=40)
    first, second = _in_order(stage)
    stage.sandbox.faults.set(
        [
            {
                "kind": "rate_limit",
                "platform": "eventbrite",
                "path": f"/events/{second}/orders",
                "retry_after": 600,
            }
        ]
    )
    stage.read_due(MELBOURNE, sweep=True)
    stage.sandbox.faults.clear()
    walked = order_lists(stage, first)
    stage.read(full=True)
    assert order_lists(stage, first) > walked


def _in_order(stage: Theatre) -> tuple[str, str]:
    """The two events of the account, in the order in which a sweep walks them."""
    from housecount.sync import store
    from housecount.tenancy.identity import acting_as

    account = stage.promoter.accounts[MELBOURNE]
    with acting_as(stage.promoter.identity):
        known = store.known_events(store.AccountKey(account.organisation_id, account.pk))
    ids = [event.event_id for event in known]
    assert set(ids) == {stage.friday.id, stage.late.id}
    return ids[0], ids[1]
