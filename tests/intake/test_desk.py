"""What becomes of hooks: read once, again when it was too early, and settled in words."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from housecount.box_office.models import AccountState
from housecount.core.counting import Figures
from housecount.intake import decisions
from housecount.intake.desk import Desk
from housecount.intake.locks import Locks
from housecount.intake.models import Hook
from housecount.platforms import registry
from housecount.sync import accounts, clients
from housecount.sync.asking import ASK_EVERY
from housecount.sync.models import Agenda, CircuitBreaker, CredentialBudget, HookDoor, ReadRun, Tally
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from tests.intake.post import Post
from tests.promoters import Promoter, impatient_client
from tests.sync.theatre import HUMANITIX, MELBOURNE, SYDNEY, Theatre


def counted(stage: Theatre) -> bool:
    return stage.promoter.count() == stage.promoter.truth()


# --- Orders ---------------------------------------------------------------------------------------------
def test_a_hook_brings_a_new_order_into_the_ledger(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    hook = post.order(order)
    assert post.handle() == 1
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)
    assert post.asked_for(order) == 1
    assert post.hook(hook).handled_at is not None
    assert post.hook(hook).attempts == 1


def test_a_hook_about_a_refund_moves_the_figures(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    post.order(order)
    post.handle()
    stage.clock.pass_by(minutes=5)
    stage.world.eventbrite.refund(order)
    hook = post.order(order, "order.refunded")
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_an_order_is_counted_once_however_often_it_is_told(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    hooks = [post.order(order) for _ in range(50)]
    assert post.handle() == 50
    assert {post.state(hook) for hook in hooks} == {("done", "changed")}
    assert post.asked_for(order) == 1, "a storm on one order is one read"
    again = post.order(order, late=10)
    post.handle(seconds=10)
    assert post.state(again) == ("done", "up_to_date")
    assert counted(stage)
    assert stage.promoter.differences() == []


def test_five_hooks_of_one_purchase_are_two_reads(stage: Theatre, post: Post) -> None:
    """In the recorded order of arrival, each handled as it comes."""
    order = stage.world.buy(stage.friday, 2)
    told = [
        (0.0, f"orders/{order.id}/", "order.updated"),
        (0.03, f"orders/{order.id}/", "order.placed"),
        (0.17, f"events/{stage.friday.id}/attendees/{order.attendees[0].id}/", "attendee.updated"),
        (0.10, f"events/{stage.friday.id}/attendees/{order.attendees[1].id}/", "attendee.updated"),
        (0.80, f"orders/{order.id}/", "order.updated"),
    ]
    hooks = []
    before = post.asked()
    for pause, path, action in told:
        stage.clock.pass_by(seconds=pause)
        hooks.append(post.eventbrite(path, action))
        post.handle()
        assert post.asked_for(order) == 1, "the first is read at once, the others wait for its end"
        assert counted(stage)
    assert post.state(hooks[0]) == ("done", "changed")
    assert {post.state(hook) for hook in hooks[1:]} == {("waiting", "collected")}
    post.handle(seconds=0.5)
    assert {post.state(hook) for hook in hooks[1:]} == {("done", "up_to_date")}
    assert post.asked_for(order) == 2
    assert post.asked() - before == 2, "and nothing else was asked"
    assert [post.hook(hook).attempts for hook in hooks] == [1, 1, 1, 1, 1], "waiting together is no attempt"


def test_all_hooks_of_a_purchase_at_once_are_one_read(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    before = post.asked()
    post.eventbrite(f"events/{stage.friday.id}/attendees/{order.attendees[1].id}/", "attendee.updated")
    post.order(order)
    post.eventbrite(f"events/{stage.friday.id}/attendees/{order.attendees[0].id}/", "attendee.updated")
    post.handle()
    assert post.asked() - before == 1
    assert counted(stage)


def test_a_ticket_of_an_unknown_order_brings_its_order(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    hook = post.eventbrite(f"events/{stage.friday.id}/attendees/{order.attendees[0].id}/", "attendee.updated")
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_two_unknown_tickets_of_one_order_are_asked_for_once(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday, 2)
    before = post.asked()
    for attendee in order.attendees:
        post.eventbrite(f"events/{stage.friday.id}/attendees/{attendee.id}/", "attendee.updated")
    post.handle()
    assert post.asked() - before == 2, "the first ticket, and its order with all tickets"
    assert counted(stage)


def test_a_check_in_is_done_at_once(stage: Theatre, post: Post) -> None:
    order = stage.world.eventbrite.orders[stage.friday.orders[0].id]
    path = f"events/{stage.friday.id}/attendees/{order.attendees[0].id}/"
    stage.clock.pass_by(hours=3)
    hooks = [post.eventbrite(path, "barcode.checked_in"), post.eventbrite(path, "attendee.checked_out")]
    other = post.eventbrite(path, "attendee.updated")
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("done", "up_to_date")}
    assert post.state(other) == ("waiting", "too_early"), "nothing tells that this was the change it means"


# --- Too early ---------------------------------------------------------------------------------------------
def test_an_order_that_is_not_there_yet_is_read_again_until_it_is(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    stage.sandbox.faults.set([{"kind": "stale", "platform": "eventbrite", "behind": 1}])
    hook = post.order(order)
    post.handle()
    assert post.state(hook) == ("waiting", "too_early")
    assert post.due_in(hook) == 5
    assert post.handle(seconds=4.9) == 0, "not before its time"
    stage.sandbox.faults.clear()
    post.handle(seconds=0.1)
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_a_stale_read_of_a_known_order_is_repeated(stage: Theatre, post: Post) -> None:
    order = stage.friday.orders[0]
    stage.clock.pass_by(minutes=30)
    stage.world.eventbrite.refund(order)
    stage.sandbox.faults.set([{"kind": "stale", "platform": "eventbrite", "behind": 1}])
    hook = post.order(order, "order.refunded")
    post.handle()
    assert post.state(hook) == ("waiting", "too_early")
    post.handle(seconds=5)
    assert post.due_in(hook) == 10
    stage.sandbox.faults.clear()
    post.handle(seconds=10)
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_what_never_comes_is_told_so_after_five_minutes(stage: Theatre, post: Post) -> None:
    stage.clock.pass_by(minutes=10)
    gone = post.eventbrite("orders/999999999999/", "order.placed")
    old = post.order(stage.friday.orders[0])
    foreign = post.order(stage.sydney.orders[0])
    begun = stage.clock()
    tries = []
    stage.clock.pass_by(minutes=0)
    while post.hook(gone).status == "waiting":
        post.handle()
        tries.append((stage.clock() - begun).total_seconds())
        if post.hook(gone).status == "waiting":
            stage.clock.pass_by(seconds=post.due_in(gone))
    assert tries == [0, 5, 15, 60, 180, 300]
    assert post.state(gone) == ("ignored", "unknown_object")
    assert post.state(foreign) == ("ignored", "foreign")
    assert post.state(old) == ("done", "nothing_new")
    assert post.hook(gone).attempts == 6
    assert stage.account(MELBOURNE).state == AccountState.ACTIVE, "somebody else's object stops no account"
    assert stage.figures()[stage.friday.id] == stage.promoter.truth()[("eventbrite", stage.friday.id, None)]


def test_an_order_that_a_read_has_brought_meanwhile_is_done(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    stage.clock.pass_by(minutes=10)
    hook = post.order(order)
    stage.read(minutes=0.02)
    before = post.asked()
    post.handle()
    assert post.state(hook) == ("done", "up_to_date"), "it was read since the hook came"
    assert post.asked() - before == 1


# --- Only what is ours ----------------------------------------------------------------------------------
def test_an_event_that_is_not_in_the_account_is_never_taken_from_a_hook(stage: Theatre, post: Post) -> None:
    """A public event can be read by anyone, which proves nothing."""
    event = post.eventbrite(f"events/{stage.sydney.id}/", "event.updated")
    order = post.eventbrite(f"events/{stage.sydney.id}/attendees/{stage.sydney.orders[0].attendees[0].id}/")
    before = set(stage.listings())
    for seconds in (0, 5, 10, 45, 120, 120):
        post.handle(seconds=seconds)
    assert set(stage.listings()) == before
    assert post.state(event) == ("ignored", "unknown_event")
    assert post.state(order)[0] == "ignored"


def test_a_new_event_is_read_in_the_ordinary_way_and_its_hook_waits(stage: Theatre, post: Post) -> None:
    made = stage.world.add_eventbrite_event("Extra Show", stage.clock() + timedelta(days=9))
    order = stage.world.buy(made, 2)
    hooks = [post.eventbrite(f"events/{made.id}/", "event.created"), post.order(order)]
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("waiting", "too_early")}
    assert made.id not in stage.listings(), "only the account's own list says whose an event is"
    with acting_as(stage.promoter.identity):
        asked = Agenda.objects.get(account_id=stage.promoter.accounts[MELBOURNE].pk, event_id="")
    assert asked.next_at <= stage.clock() + ASK_EVERY, "an ordinary read was asked for"
    stage.read(minutes=0.05)
    post.handle(seconds=2)
    assert {post.hook(hook).status for hook in hooks} == {"done"}
    assert counted(stage)


def test_a_changed_event_of_ours_is_read_at_once(stage: Theatre, post: Post) -> None:
    stage.world.eventbrite.move_event(stage.friday, stage.friday.start + timedelta(days=1))
    hook = post.eventbrite(f"events/{stage.friday.id}/", "event.updated")
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert stage.listings()[stage.friday.id].listing.starts_at == stage.friday.start


def test_a_venue_asks_for_an_ordinary_read(stage: Theatre, post: Post) -> None:
    hook = post.eventbrite("venues/55/", "venue.updated")
    before = post.asked()
    post.handle()
    assert post.state(hook) == ("done", "read_asked")
    assert post.asked() == before


# --- What is clear without reading --------------------------------------------------------------------
def test_a_ping_is_answered_and_nothing_is_read(stage: Theatre, post: Post) -> None:
    ping = post.put("eventbrite", {"config": {"action": "test"}, "api_url": "{}"}, MELBOURNE)
    noise = post.put("eventbrite", ["what", "is", "this"], MELBOURNE)
    before = post.asked()
    post.handle()
    assert post.state(ping) == ("ignored", "test")
    assert post.state(noise) == ("ignored", "not_understood")
    assert post.asked() == before


def test_hooks_of_a_stopped_account_wait_for_a_person(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    account = stage.account(MELBOURNE)
    with acting_as(stage.promoter.identity):
        account.state, account.state_reason = AccountState.STOPPED, "The key was refused."
        account.save()
    hook = post.order(order)
    before = post.asked()
    post.handle()
    assert post.state(hook) == ("waiting", "account_stopped")
    assert "The key was refused." in post.hook(hook).explanation
    assert (post.hook(hook).attempts, post.asked()) == (0, before)
    with acting_as(stage.promoter.identity):
        account.state = AccountState.ACTIVE
        account.save()
    post.handle(seconds=60)
    assert post.state(hook)[0] == "done"


def test_hooks_of_a_disconnected_account_are_ignored(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    hook = post.order(order)
    accounts.disconnect(stage.account(MELBOURNE))
    post.handle()
    assert post.state(hook) == ("ignored", "disconnected")


# --- Whose webhook it is ----------------------------------------------------------------------------------
def test_the_id_of_a_webhook_entered_by_hand_is_learned(stage: Theatre, post: Post) -> None:
    ours = post.registered(MELBOURNE)
    hook = post.order(stage.world.buy(stage.friday), webhook_id=ours)
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert post.door(MELBOURNE).webhook_ids == [ours]


def test_a_webhook_that_is_not_ours_is_ignored_and_asked_about_seldom(stage: Theatre, post: Post) -> None:
    ours = post.registered(MELBOURNE)
    strange = post.registered(MELBOURNE, url="https://other.example/hook")
    path = f"/v3/organizations/{stage.world.eventbrite.accounts[MELBOURNE].organization_id}/webhooks/"
    first = post.order(stage.world.buy(stage.friday), webhook_id=strange)
    post.handle()
    assert post.state(first) == ("ignored", "foreign_webhook")
    later = [post.order(stage.world.buy(stage.friday), webhook_id="77") for _ in range(5)]
    good = post.order(stage.world.buy(stage.friday), webhook_id=ours)
    post.handle(seconds=30)
    assert {post.state(hook) for hook in later} == {("waiting", "unknown_webhook")}
    assert post.state(good) == ("done", "changed"), "others are not kept waiting"
    assert stage.sandbox.requests("eventbrite")[path] == 1
    post.handle(seconds=600)
    assert {post.state(hook) for hook in later} == {("ignored", "foreign_webhook")}
    assert stage.sandbox.requests("eventbrite")[path] == 2


def test_where_webhooks_cannot_be_listed_the_secret_address_is_enough(stage: Theatre, post: Post) -> None:
    stage.sandbox.faults.set([{"kind": "server_error", "path": "/webhooks/"}])
    for _ in range(2):  # also while it is not asked again
        hook = post.order(stage.world.buy(stage.friday), webhook_id="77")
        post.handle(seconds=1)
        assert post.state(hook) == ("done", "changed")


def test_a_relay_forwards_hooks_of_a_webhook_of_its_own(stage: Theatre, post: Post) -> None:
    config = {"action": "order.placed", "webhook_id": "4711"}
    order = stage.world.buy(stage.friday)
    document = {"config": config, "api_url": f"https://www.eventbriteapi.com/v3/orders/{order.id}/"}
    hook = post.put("eventbrite", document, MELBOURNE, headers={"x-platform": "eventbrite"})
    post.handle()
    assert post.state(hook) == ("done", "changed")


def test_noise_has_the_account_read_now_and_then_only(stage: Theatre, post: Post) -> None:
    """A relay that names nothing asks for ordinary reads: not for more than the account can take."""
    account = stage.promoter.accounts[MELBOURNE].pk
    for _ in range(5):
        post.eventbrite("venues/1/", "venue.updated")
        post.handle(seconds=1)
        with acting_as(stage.promoter.identity):
            asked = Agenda.objects.get(account_id=account, event_id="")
            last = ReadRun.objects.filter(account_id=account).latest("started_at").started_at
        assert asked.next_at == last + ASK_EVERY


# --- Failures ---------------------------------------------------------------------------------------------
def test_a_failing_platform_is_asked_again_more_and_more_seldom_and_then_given_up(
    stage: Theatre, post: Post
) -> None:
    stage.sandbox.faults.set([{"kind": "server_error", "platform": "eventbrite", "path": "/orders/"}])
    hook = post.order(stage.world.buy(stage.friday))
    begun = stage.clock()
    pauses = []
    while post.hook(hook).status == "waiting":
        post.handle()
        if post.hook(hook).status == "waiting":
            pauses.append(post.due_in(hook))
            stage.clock.pass_by(seconds=pauses[-1])
    assert post.state(hook) == ("dead", "platform_unavailable")
    assert post.hook(hook).attempts == decisions.MOST_ATTEMPTS == 12
    assert stage.clock() - begun > timedelta(hours=2)
    assert pauses == sorted(pauses)
    assert max(pauses) <= 15 * 60 * 1.25
    assert "12 times" in post.hook(hook).explanation
    assert stage.account(MELBOURNE).state == AccountState.ACTIVE


def test_a_short_failure_is_made_good(stage: Theatre, post: Post) -> None:
    stage.sandbox.faults.set([{"kind": "outage", "platform": "eventbrite", "mode": "refuse"}])
    hook = post.order(stage.world.buy(stage.friday))
    post.handle()
    assert post.state(hook) == ("waiting", "platform_unavailable")
    stage.sandbox.faults.clear()
    post.handle(seconds=post.due_in(hook))
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_a_limit_makes_hooks_wait_without_an_attempt(stage: Theatre, post: Post) -> None:
    fault = {"kind": "rate_limit", "platform": "eventbrite", "path": "/orders/", "retry_after": 200}
    stage.sandbox.faults.set([fault])
    hooks = [post.order(stage.world.buy(stage.friday)) for _ in range(3)]
    before = post.asked()
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("waiting", "rate_limited")}
    assert {post.hook(hook).attempts for hook in hooks} == {0}
    assert all(200 <= post.due_in(hook) <= 250 for hook in hooks)
    assert post.asked() - before <= 3, "after the first refusal nothing more is begun"
    stage.sandbox.faults.clear()
    post.handle(seconds=250)
    assert {post.hook(hook).status for hook in hooks} == {"done"}


def test_an_open_breaker_makes_hooks_wait_without_an_attempt(stage: Theatre, post: Post) -> None:
    """The desk's own clients share the account's breaker with every read of it."""
    account = stage.promoter.accounts[MELBOURNE]
    hook = post.order(stage.world.buy(stage.friday))
    with acting_as(stage.promoter.identity):
        now = Post.real_now()
        CircuitBreaker.objects.update_or_create(
            account_id=account.pk,
            defaults={
                "organisation_id": account.organisation_id, "failures": 5, "opened_at": now,
                "retry_at": now + timedelta(minutes=3),
            },
        )  # fmt: skip
    before = post.asked()
    asyncio.run(_handle_as_a_worker_does(stage))
    assert post.asked() == before
    assert post.state(hook) == ("waiting", "circuit_open")
    assert post.hook(hook).attempts == 0
    assert 170 <= post.due_in(hook) <= 225


async def _handle_as_a_worker_does(stage: Theatre) -> None:
    async with Desk(now=stage.clock) as desk:
        await desk.handle_waiting()


def test_a_budget_that_is_used_up_makes_hooks_wait_without_an_attempt(
    stage: Theatre, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "_HASTY_PATIENCE", 0.1)
    hook = post.order(stage.world.buy(stage.friday))
    with acting_as(stage.promoter.identity):
        secret = crypto.decrypt(stage.account(MELBOURNE).credential)
        CredentialBudget.objects.update_or_create(
            credential=clients.profile_of(registry.source("eventbrite"), secret).credential,
            defaults={"used": 9999, "allowed": 1600, "ends_at": Post.real_now() + timedelta(seconds=30)},
        )
    before = post.asked()
    asyncio.run(_handle_as_a_worker_does(stage))
    assert post.asked() == before
    assert post.state(hook) == ("waiting", "rate_limited")
    assert (post.hook(hook).attempts, 10 <= post.due_in(hook) <= 20) == (0, True)


def test_a_revoked_key_fails_hooks_and_leaves_the_account_to_ordinary_reads(
    stage: Theatre, post: Post
) -> None:
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "eventbrite"}])
    hook = post.order(stage.world.buy(stage.friday))
    post.handle()
    assert post.state(hook) == ("waiting", "account_needs_a_person")
    assert stage.account(MELBOURNE).state == AccountState.ACTIVE


def test_a_record_that_cannot_be_read_is_set_aside(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    fault = {
        "kind": "absurd_amount",
        "platform": "eventbrite",
        "id": order.id,
        "field": "created",
        "value": 17,
    }
    stage.sandbox.faults.set([fault])
    hook = post.order(order)
    post.handle()
    assert post.state(hook) == ("done", "set_aside")
    assert order.id in stage.set_aside()


# --- Many at once, and several desks -------------------------------------------------------------------
def test_many_orders_at_once_are_read_by_lists(stage: Theatre, post: Post) -> None:
    orders = [stage.world.buy(stage.friday) for _ in range(60)]
    hooks = [post.order(order) for order in orders]
    before = post.asked()
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("done", "changed")}
    assert post.asked() - before <= 8
    assert counted(stage)


def test_a_rush_leaves_calls_for_others(stage: Theatre, post: Post) -> None:
    """Two orders a second for two minutes: one by one, they would use up an hour's calls in a quarter of one."""
    before = post.asked()
    hooks = []
    for _ in range(120):
        for _ in range(2):
            order = stage.world.buy(stage.friday)
            hooks.append(post.order(order))
            path = f"events/{stage.friday.id}/attendees/{order.attendees[0].id}/"
            hooks.append(post.eventbrite(path, "attendee.updated"))
        post.handle(seconds=1)
    used = post.asked() - before
    post.handle(seconds=30)
    post.handle(seconds=30)
    assert {post.hook(hook).status for hook in hooks} == {"done"}
    assert used <= 60, "of an hour's calls 27 a minute may be used"
    assert counted(stage)


def test_accounts_are_handled_beside_each_other(stage: Theatre, post: Post) -> None:
    hooks = [
        post.order(stage.world.buy(stage.friday)),
        post.order(stage.world.buy(stage.sydney), account=SYDNEY),
        post.put(
            "humanitix", {"orderId": stage.world.buy(stage.cellar).id, "eventId": stage.cellar.id}, HUMANITIX
        ),
    ]
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("done", "changed")}
    assert counted(stage)


def test_two_desks_read_an_account_one_at_a_time(stage: Theatre, post: Post) -> None:
    """Another process holds the account's lock: its hooks are left to it, and taken when it dies."""
    hook = post.order(stage.world.buy(stage.friday))

    async def go() -> None:
        other = Locks()
        account = stage.promoter.accounts[MELBOURNE].pk
        async with Desk(client_of=impatient_client, now=stage.clock) as desk:
            async with other.hold(str(account)) as mine:
                assert mine
                assert await desk.handle_waiting() == 0
            # It let go without having settled anything, as one that is killed does.
            await other.close()
            assert await desk.handle_waiting() == 1

    asyncio.run(go())
    assert post.state(hook) == ("done", "changed")


def test_desks_beside_each_other_settle_everything_once(stage: Theatre, post: Post) -> None:
    orders = [stage.world.buy(stage.friday) for _ in range(3)]
    hooks = [post.order(order) for order in orders for _ in range(4)]
    ready = threading.Barrier(3)

    def one() -> None:
        async def go() -> None:
            async with Desk(client_of=impatient_client, now=stage.clock) as desk:
                await asyncio.to_thread(ready.wait)
                await desk.handle_waiting()

        asyncio.run(go())

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: one(), range(3)))
    assert {post.hook(hook).status for hook in hooks} == {"done"}
    assert [post.asked_for(order) for order in orders] == [1] * 3
    assert counted(stage)


def test_a_hook_that_was_never_handled_is_found(stage: Theatre, post: Post) -> None:
    """Nobody was woken for it: the log itself says that it waits."""
    hook = post.order(stage.world.buy(stage.friday))
    stage.clock.pass_by(hours=5)
    post.handle()
    assert post.hook(hook).status == "done"


def test_a_sweep_does_not_keep_hooks_waiting(stage: Theatre, post: Post) -> None:
    """Reads of the account have a lock of their own."""
    from housecount.sync.lock import account_lock

    hook = post.order(stage.world.buy(stage.friday))

    async def go() -> None:
        async with (
            account_lock(stage.promoter.accounts[MELBOURNE].pk, 0),
            Desk(client_of=impatient_client, now=stage.clock) as desk,
        ):
            await desk.handle_waiting()

    asyncio.run(go())
    assert post.state(hook) == ("done", "changed")


def test_what_is_handled_is_counted_for_monitoring(stage: Theatre, post: Post) -> None:
    post.order(stage.world.buy(stage.friday))
    post.put("eventbrite", {"config": {"action": "test"}}, MELBOURNE)
    post.handle()
    account = stage.promoter.accounts[MELBOURNE].pk
    with acting_as(stage.promoter.identity):
        tallies = dict(Tally.objects.filter(account_id=account).values_list("name", "value"))
    assert (tallies["hooks_done"], tallies["hooks_ignored"], tallies["touch_reads"]) == (1, 1, 1)


# --- Platforms whose tickets come apart ------------------------------------------------------------------
def test_an_event_of_many_hooks_is_read_once(stage: Theatre, post: Post) -> None:
    orders = [stage.world.buy(stage.cellar, 2) for _ in range(6)]
    hooks = [
        post.put("humanitix", {"orderId": order.id, "eventId": stage.cellar.id}, HUMANITIX)
        for order in orders
    ]
    hooks.append(post.put("humanitix", {"data": {"event": {"_id": stage.cellar.id}}}, HUMANITIX))
    before = post.asked("humanitix")
    post.handle()
    assert {post.state(hook) for hook in hooks} == {("done", "changed")}
    assert post.asked("humanitix") - before <= 4, "its orders, its tickets of both kinds, and itself"
    assert counted(stage)


def test_an_order_without_its_event_is_found_in_the_ledger(stage: Theatre, post: Post) -> None:
    order = stage.cellar.orders[0]
    stage.clock.pass_by(minutes=30)
    stage.world.humanitix.refund(order)
    hook = post.put("humanitix", {"orderId": order.id}, HUMANITIX)
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert counted(stage)


def test_an_unknown_order_without_its_event_asks_for_an_ordinary_read(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.cellar)
    hook = post.put("humanitix", {"orderId": order.id}, HUMANITIX)
    post.handle()
    assert post.state(hook) == ("waiting", "too_early")
    stage.read(minutes=0.05)
    post.handle(seconds=3)
    assert post.state(hook) == ("done", "up_to_date")


# --- Relays that do not say whose it is -------------------------------------------------------------------
def test_a_relays_hook_goes_to_the_account_that_sells_its_event(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.sydney)
    document = {
        "config": {"action": "attendee.updated"},
        "api_url": f"https://www.eventbriteapi.com/v3/events/{stage.sydney.id}/attendees/{order.attendees[0].id}/",
    }
    post.close_other_doors()
    hook = post.put("eventbrite", document, None, headers={"x-platform": "eventbrite"})
    post.handle()
    assert post.hook(hook).account_id == stage.promoter.accounts[SYDNEY].pk
    assert post.hook(hook).organisation_id == stage.promoter.organisation_id
    post.handle()
    assert post.state(hook) == ("done", "changed")


def test_a_relays_hook_about_an_order_we_have_goes_to_its_account(stage: Theatre, post: Post) -> None:
    order = stage.sydney.orders[0]
    stage.clock.pass_by(minutes=30)
    stage.world.eventbrite.refund(order)
    document = {"config": {}, "api_url": f"https://www.eventbriteapi.com/v3/orders/{order.id}/"}
    post.close_other_doors()
    hook = post.put("eventbrite", document, None, headers={"x-platform": "eventbrite"})
    post.handle()
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert post.hook(hook).account_id == stage.promoter.accounts[SYDNEY].pk


def test_a_relays_hook_about_something_new_has_every_account_read(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    document = {"config": {}, "api_url": f"https://www.eventbriteapi.com/v3/orders/{order.id}/"}
    post.close_other_doors()
    hook = post.put("eventbrite", document, None, headers={"x-platform": "eventbrite"})
    post.handle()
    assert post.state(hook) == ("done", "read_asked")
    assert post.hook(hook).account_id is None
    with acting_as(stage.promoter.identity):
        due = set(
            Agenda.objects.filter(event_id="", next_at__lte=stage.clock() + ASK_EVERY).values_list(
                "account_id", flat=True
            )
        )
    assert {stage.promoter.accounts[MELBOURNE].pk, stage.promoter.accounts[SYDNEY].pk} <= due


def test_a_relays_hook_about_an_event_of_two_accounts_has_both_read(stage: Theatre, post: Post) -> None:
    other = Promoter(stage.sandbox, stage.clock)
    other.read()
    order = stage.world.buy(stage.cellar)
    post.close_other_doors(other.organisation_id)
    hook = post.put("humanitix", {"orderId": order.id, "eventId": stage.cellar.id}, None)
    post.handle()
    mine, theirs = stage.promoter.accounts[HUMANITIX].pk, other.accounts[HUMANITIX].pk
    chosen = post.hook(hook).account_id
    assert chosen in {mine, theirs}
    left = stage.promoter if chosen == theirs else other
    with acting_as(left.identity):
        asked = Agenda.objects.get(account_id=left.accounts[HUMANITIX].pk, event_id="")
    assert asked.next_at <= stage.clock() + ASK_EVERY


def test_a_relays_hook_where_there_is_one_account_is_that_ones(stage: Theatre, post: Post) -> None:
    post.close_other_doors()
    hook = post.put("humanitix", {"eventId": "6a" * 12}, None)
    post.handle()
    assert post.hook(hook).account_id == stage.promoter.accounts[HUMANITIX].pk


def test_a_relays_hook_where_there_is_no_account_is_ignored(stage: Theatre, post: Post) -> None:
    post.close_other_doors()
    with acting_as(stage.promoter.identity):
        HookDoor.objects.filter(platform="humanitix").delete()
    hook = post.put("humanitix", {"orderId": "6a" * 12}, None)
    post.handle()
    assert post.state(hook) == ("ignored", "no_account")


def test_the_figures_are_those_of_a_full_read_whatever_came(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.late, 3)
    post.order(order)
    post.handle()
    stage.world.eventbrite.refund(order, order.attendees[:1])
    post.order(order, late=2)
    post.handle(seconds=2)
    by_hooks = stage.figures()
    assert stage.healed()
    assert stage.figures() == by_hooks
    assert by_hooks[stage.late.id] != Figures()
    with acting_as(stage.promoter.identity):
        assert not Hook.objects.filter(
            organisation_id=stage.promoter.organisation_id, status="waiting"
        ).exists()
