"""Reading what hooks point at: each object once, and only what is the account's."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from uuid import uuid4

import pytest

from housecount.box_office.models import Account, AccountState, Order
from housecount.platforms.base.errors import ConfigError, RateLimited, Transient
from housecount.platforms.base.hooks import Touch
from housecount.sync import accounts, touches
from housecount.sync.errors import Disconnected, UnknownAccount
from housecount.sync.touches import TouchOutcome, read_touches
from housecount.tenancy.identity import acting_as
from tests.promoters import impatient_client
from tests.sync.theatre import HUMANITIX, MELBOURNE, SYDNEY, Theatre


def order(object_id: str, event_id: str = "") -> Touch:
    return Touch(kind="order", object_id=object_id, event_id=event_id)


def ticket(object_id: str, event_id: str) -> Touch:
    return Touch(kind="ticket", object_id=object_id, event_id=event_id)


def event(object_id: str) -> Touch:
    return Touch(kind="event", object_id=object_id, event_id=object_id)


def read(stage: Theatre, wanted: Iterable[Touch], account: int = MELBOURNE) -> dict[Touch, TouchOutcome]:
    found = stage.promoter.accounts[account]
    return asyncio.run(
        read_touches(
            found.organisation_id, found.pk, wanted, client_of=impatient_client, now=stage.clock, told_at=stage.clock()
        )
    )  # fmt: skip


def result(stage: Theatre, touch: Touch, account: int = MELBOURNE) -> str:
    return read(stage, [touch], account)[touch].result


def asked(stage: Theatre, platform: str = "eventbrite") -> int:
    return sum(stage.sandbox.requests(platform).values())


def counted(stage: Theatre) -> bool:
    return stage.promoter.count() == stage.promoter.truth()


def test_no_touches_are_no_questions(read_stage: Theatre) -> None:
    before = asked(read_stage)
    assert read(read_stage, []) == {}
    assert asked(read_stage) == before


def test_a_new_order_and_its_event_take_one_question(read_stage: Theatre) -> None:
    """The ticket types of events on sale are known: nothing else is asked."""
    bought = read_stage.world.buy(read_stage.friday, 2)
    before = asked(read_stage)
    outcome = read(read_stage, [order(bought.id)])[order(bought.id)]
    assert (outcome.result, outcome.changed_at) == ("changed", bought.changed)
    assert asked(read_stage) - before == 1
    assert counted(read_stage)
    again = read(read_stage, [order(bought.id)])[order(bought.id)]
    assert (again.result, again.changed_at) == ("unchanged", bought.changed)
    assert again.read_at == read_stage.clock()


def test_a_ticket_class_that_is_new_is_learned(read_stage: Theatre) -> None:
    with read_stage.world.stage.lock:
        read_stage.world.eventbrite.add_ticket_class(read_stage.friday, "Balcony", 5500, include_fee=True)
    bought = read_stage.world.buy(read_stage.friday, ticket="Balcony")
    assert result(read_stage, order(bought.id)) == "changed"
    assert counted(read_stage)


def test_a_ticket_is_found_by_the_ledger_or_by_the_platform(read_stage: Theatre) -> None:
    known = read_stage.friday.orders[0]
    with read_stage.world.stage.lock:
        read_stage.clock.pass_by(minutes=5)
        read_stage.world.eventbrite.refund(known)
    touch = ticket(known.attendees[0].id, read_stage.friday.id)
    before = asked(read_stage)
    assert result(read_stage, touch) == "changed"
    assert asked(read_stage) - before == 1, "its order is known"
    bought = read_stage.world.buy(read_stage.friday, 3)
    mine = [ticket(attendee.id, read_stage.friday.id) for attendee in bought.attendees]
    before = asked(read_stage)
    outcomes = read(read_stage, mine)
    assert [outcomes[touch].result for touch in mine] == ["changed"] * 3
    assert asked(read_stage) - before == 2, "the platform tells its order once, for all three"
    assert counted(read_stage)


def test_an_order_of_a_past_event_is_read_with_what_the_ledger_knows(read_stage: Theatre) -> None:
    read_stage.clock.pass_by(days=200)
    late = read_stage.friday.orders[0]
    with read_stage.world.stage.lock:
        read_stage.world.eventbrite.refund(late)
    before = asked(read_stage)
    assert result(read_stage, order(late.id)) == "changed"
    assert asked(read_stage) - before == 1
    assert counted(read_stage)


def test_what_is_not_ours_is_not_taken(read_stage: Theatre) -> None:
    before = read_stage.entries()
    theirs = read_stage.sydney
    assert result(read_stage, order(theirs.orders[0].id)) == "foreign"
    assert result(read_stage, event(theirs.id)) == "unknown"
    assert result(read_stage, ticket(theirs.orders[0].attendees[0].id, theirs.id)) == "unknown"
    assert result(read_stage, order("999999999999")) == "not_there"
    assert result(read_stage, ticket("999999999999", read_stage.friday.id)) == "not_there"
    assert result(read_stage, order("../users/me")) == "not_there", (
        "what cannot be an id is never put into an address"
    )
    assert read_stage.entries() == before
    with acting_as(read_stage.promoter.identity):
        account = Account.objects.get(pk=read_stage.promoter.accounts[MELBOURNE].pk)
        assert account.state == AccountState.ACTIVE
        assert not Order.objects.filter(account_id=account.pk, external_id=theirs.orders[0].id).exists()


def test_an_order_of_an_event_that_the_account_has_not_shown_is_not_taken(read_stage: Theatre) -> None:
    """The key opens it, and yet only the account's list says that its event is the account's."""
    made = read_stage.world.add_eventbrite_event("Extra", read_stage.clock() + timedelta(days=3))
    bought = read_stage.world.buy(made)
    assert result(read_stage, order(bought.id)) == "unknown"
    assert made.id not in read_stage.listings()
    read_stage.read(minutes=1)
    assert result(read_stage, order(bought.id)) == "unchanged"


def test_many_orders_are_read_by_the_lists_of_their_events(read_stage: Theatre) -> None:
    bought = [read_stage.world.buy(read_stage.friday, 2) for _ in range(30)]
    wanted = [order(each.id) for each in bought]
    wanted += [ticket(attendee.id, read_stage.friday.id) for each in bought for attendee in each.attendees]
    before = asked(read_stage)
    outcomes = read(read_stage, wanted)
    assert {outcomes[touch].result for touch in wanted} == {"changed"}
    assert asked(read_stage) - before == 1, "one page of one event's orders"
    assert counted(read_stage)


def test_many_orders_of_unnamed_events_are_read_by_the_accounts_list(read_stage: Theatre) -> None:
    bought = [read_stage.world.buy(read_stage.friday) for _ in range(10)]
    bought += [read_stage.world.buy(read_stage.late) for _ in range(10)]
    strange = order("999999999999")
    before = asked(read_stage)
    outcomes = read(read_stage, [*(order(each.id) for each in bought), strange])
    assert {outcomes[order(each.id)].result for each in bought} == {"changed"}
    assert outcomes[strange].result == "not_there"
    assert asked(read_stage) - before <= 5
    assert counted(read_stage)


def test_nothing_is_asked_after_a_limit_was_met(read_stage: Theatre) -> None:
    bought = [read_stage.world.buy(read_stage.friday) for _ in range(3)]
    fault = {"kind": "rate_limit", "platform": "eventbrite", "path": "/orders/", "retry_after": 600}
    read_stage.sandbox.faults.set([fault])
    wanted = [order(each.id) for each in bought] + [event(read_stage.friday.id)]
    before = asked(read_stage)
    outcomes = read(read_stage, wanted)
    assert all(isinstance(outcome.error, RateLimited) for outcome in outcomes.values())
    assert asked(read_stage) - before <= 3, "those that were under way together"


def test_one_object_that_fails_fails_alone(read_stage: Theatre) -> None:
    bad, good = read_stage.world.buy(read_stage.friday), read_stage.world.buy(read_stage.friday)
    read_stage.sandbox.faults.set([{"kind": "server_error", "path": f"/orders/{bad.id}/"}])
    outcomes = read(read_stage, [order(bad.id), order(good.id)])
    assert isinstance(outcomes[order(bad.id)].error, Transient)
    assert outcomes[order(good.id)].result == "changed"
    read_stage.sandbox.faults.clear()
    assert result(read_stage, order(bad.id)) == "changed"
    assert counted(read_stage)


def test_nothing_is_asked_after_the_key_was_refused(read_stage: Theatre) -> None:
    read_stage.sandbox.faults.set([{"kind": "revoke", "platform": "eventbrite"}])
    wanted = [order(str(number)) for number in range(4)]
    wanted += [event(read_stage.friday.id), event(read_stage.late.id)]
    before = asked(read_stage)
    outcomes = read(read_stage, wanted)
    assert all(isinstance(outcome.error, ConfigError) for outcome in outcomes.values())
    assert asked(read_stage) - before <= 3, "those that were under way together"
    read_stage.sandbox.faults.clear()


def test_a_key_that_is_refused_is_told_and_stops_nothing(read_stage: Theatre) -> None:
    read_stage.sandbox.faults.set([{"kind": "revoke", "platform": "eventbrite"}])
    outcome = read(read_stage, [order("1")])[order("1")]
    assert isinstance(outcome.error, ConfigError)
    assert read_stage.account(MELBOURNE).state == AccountState.ACTIVE
    read_stage.sandbox.faults.clear()


def test_an_account_that_is_not_there_is_refused(read_stage: Theatre) -> None:
    with pytest.raises(UnknownAccount):
        asyncio.run(read_touches(read_stage.promoter.organisation_id, uuid4(), [order("1")]))
    other = read_stage.promoter.accounts[SYDNEY]
    with pytest.raises(UnknownAccount):
        asyncio.run(read_touches(uuid4(), other.pk, [order("1")]))
    accounts.disconnect(read_stage.account(SYDNEY))
    with pytest.raises(Disconnected):
        read(read_stage, [order("1")], SYDNEY)


def test_an_ordinary_read_beside_it_changes_nothing(read_stage: Theatre) -> None:
    """Both take over the same orders at the same time, each without the other's lock."""
    bought = [read_stage.world.buy(read_stage.friday, 2) for _ in range(3)]
    account = read_stage.promoter.accounts[MELBOURNE]

    async def go() -> None:
        from housecount.sync.services import read_account

        await asyncio.gather(
            read_account(
                account.organisation_id, account.pk, full=True, client_of=impatient_client, now=read_stage.clock
            ),
            *(
                read_touches(
                    account.organisation_id, account.pk, [order(each.id)], client_of=impatient_client,
                    now=read_stage.clock,
                )
                for each in bought
            ),
        )  # fmt: skip

    asyncio.run(go())
    assert counted(read_stage)
    assert read_stage.promoter.differences() == []


def test_an_older_version_that_comes_late_changes_nothing(read_stage: Theatre) -> None:
    bought = read_stage.world.buy(read_stage.friday, 2)
    read(read_stage, [order(bought.id)])
    read_stage.clock.pass_by(minutes=1)
    read_stage.world.eventbrite.refund(bought)
    read(read_stage, [order(bought.id)])
    read_stage.sandbox.faults.set([{"kind": "stale", "platform": "eventbrite", "behind": 1}])
    read(read_stage, [order(bought.id)])
    assert counted(read_stage)


# --- Tickets on lists of their own ------------------------------------------------------------------------
def test_what_changed_in_an_event_is_read_once_for_all_touches_of_it(read_stage: Theatre) -> None:
    bought = [read_stage.world.buy(read_stage.cellar, 2) for _ in range(5)]
    wanted = [order(each.id, read_stage.cellar.id) for each in bought]
    wanted += [ticket(each.id, read_stage.cellar.id) for one in bought for each in one.tickets]
    before = asked(read_stage, "humanitix")
    outcomes = read(read_stage, wanted, HUMANITIX)
    assert {outcomes[touch].result for touch in wanted} == {"changed"}
    assert asked(read_stage, "humanitix") - before == 3, "its orders, and its tickets of either status"
    assert counted(read_stage)
    assert {each.result for each in read(read_stage, wanted, HUMANITIX).values()} == {"unchanged"}


def test_an_event_that_was_never_read_is_an_ordinary_reads_business(read_stage: Theatre) -> None:
    made = read_stage.world.add_humanitix_event("Extra", read_stage.clock() + timedelta(days=3))
    bought = read_stage.world.buy(made)
    touch = order(bought.id, made.id)
    assert result(read_stage, touch, HUMANITIX) == "unknown"
    read_stage.read(minutes=1)
    assert result(read_stage, touch, HUMANITIX) == "unchanged"


def test_an_order_that_an_event_does_not_show_is_not_there(read_stage: Theatre) -> None:
    touch = order("6a" * 12, read_stage.cellar.id)
    assert result(read_stage, touch, HUMANITIX) == "not_there"


def test_singles_and_lists_bring_the_same(read_stage: Theatre, monkeypatch: pytest.MonkeyPatch) -> None:
    bought = [read_stage.world.buy(read_stage.late, 2) for _ in range(3)]
    with read_stage.world.stage.lock:
        read_stage.world.eventbrite.refund(bought[0], bought[0].attendees[:1])
    wanted = [order(each.id) for each in bought]
    monkeypatch.setattr(touches, "_SINGLES", 0)
    read(read_stage, wanted)
    by_lists = read_stage.figures()
    assert counted(read_stage)
    monkeypatch.setattr(touches, "_SINGLES", 100)
    assert {outcome.result for outcome in read(read_stage, wanted).values()} == {"unchanged"}
    assert read_stage.figures() == by_lists
