"""What is read when: only what is due, found across organisations, and written anew after each read."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.sync import accounts, agenda
from housecount.sync.agenda import Planned
from housecount.sync.models import Agenda
from housecount.sync.reader import utc_now
from housecount.sync.tasks import begin_missing
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_account, make_organisation
from tests.sync.theatre import HUMANITIX, MELBOURNE, Theatre

NOW = datetime(2026, 4, 5, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def key(organisation_id: UUID | None = None) -> AccountKey:
    organisation_id = organisation_id or make_organisation()
    return AccountKey(organisation_id, make_account(organisation_id))


def put(
    account: AccountKey,
    event_id: str,
    due_in: timedelta,
    sweep_in: timedelta | None = None,
    every: timedelta = 60 * MINUTE,
) -> None:
    with acting_as(Identity.system(account.organisation_id)):
        Agenda.objects.create(
            organisation_id=account.organisation_id,
            account_id=account.account_id,
            event_id=event_id,
            next_at=NOW + due_in,
            every=every.total_seconds(),
            sweep_at=None if sweep_in is None else NOW + sweep_in,
        )


def found(*keys: AccountKey, thorough: bool = True) -> list[tuple[AccountKey, bool, bool]]:
    """Which of these accounts are due at NOW, in this order, and whether a read and a sweep are."""
    with acting_as(Identity.system()):
        due = agenda.find_due(NOW, thorough=thorough)
    return [(mine, each.read, each.sweep) for each in due if (mine := AccountKey(*each[:2])) in keys]


def test_what_is_due_is_found_across_organisations_the_longest_due_first() -> None:
    settled, late, later, swept = key(), key(), key(), key()
    put(settled, "", MINUTE, MINUTE)
    put(late, "", MINUTE, MINUTE)
    put(late, "e1", -MINUTE)
    put(late, "e2", -3 * MINUTE)
    put(later, "", timedelta(), MINUTE)
    put(swept, "", MINUTE, -MINUTE)
    expected = [(late, True, False), (later, True, False), (swept, False, True)]
    assert found(settled, late, later, swept) == expected
    assert found(settled, late, later, swept, thorough=False) == expected


def test_a_time_that_a_wrong_clock_set_is_due() -> None:
    reads, sweeps, planned = key(), key(), key()
    put(reads, "", timedelta(hours=5), timedelta(hours=5), 2 * MINUTE)
    put(sweeps, "", MINUTE, timedelta(days=40))
    put(planned, "", 4 * MINUTE, timedelta(hours=36), 2 * MINUTE)
    assert found(reads, sweeps, planned) == [(sweeps, False, True), (reads, True, False)]
    with acting_as(Identity.system(reads.organisation_id)):
        assert agenda.due(reads, NOW).account
    with acting_as(Identity.system(sweeps.organisation_id)):
        assert agenda.due(sweeps, NOW).sweep
    with acting_as(Identity.system(planned.organisation_id)):
        assert not agenda.due(planned, NOW).anything


def test_asking_makes_an_account_due_with_its_events_or_with_some() -> None:
    account = key()
    for event_id in ("", "e1", "e2"):
        put(account, event_id, timedelta(hours=1), timedelta(hours=9) if not event_id else None)
    with acting_as(Identity.system(account.organisation_id)):
        agenda.ask(account, NOW, ["e2", "unknown"])
        assert agenda.due(account, NOW)[:3] == (True, {"e2"}, False)
        agenda.ask(account, NOW)
        assert agenda.due(account, NOW)[:3] == (True, {"e1", "e2"}, False)
    assert found(account) == [(account, True, False)]


def test_what_is_asked_for_while_it_is_read_is_read_again() -> None:
    account = key()
    put(account, "", -MINUTE)
    put(account, "e1", -MINUTE)
    began, ended = NOW, NOW + MINUTE
    with acting_as(Identity.system(account.organisation_id)):
        agenda.ask(account, NOW + MINUTE / 2, ["e1"])
        plans = {each: Planned(ended + MINUTE, 60, "later") for each in ("", "e1", "e2")}
        agenda.put(account, plans, since=began, now=ended, only=plans)
        assert agenda.due(account, ended)[:2] == (True, {"e1"})
        agenda.put(account, plans, since=ended, now=ended, only=plans)
        assert not agenda.due(account, ended).anything


def test_what_was_left_out_of_a_plan_has_no_time_any_more() -> None:
    account = key()
    for event_id in ("", "e1", "e2"):
        put(account, event_id, MINUTE)
    with acting_as(Identity.system(account.organisation_id)):
        agenda.put(account, {"e3": Planned(NOW, 60, "")}, since=NOW, now=NOW, only=["e2", "e3"])
        assert agenda.due(account, NOW).rows == {"e2", "e3"}
        assert Agenda.objects.filter(account_id=account.account_id, event_id="").exists()


def test_an_account_that_stands_on_no_agenda_is_found_and_a_stopped_one_is_not() -> None:
    organisation_id = make_organisation()
    missing, known, stopped = (key(organisation_id) for _ in range(3))
    put(known, "", MINUTE, MINUTE)
    with acting_as(Identity.system(organisation_id)):
        Account.objects.filter(pk=stopped.account_id).update(state=AccountState.STOPPED)
    begin_missing(NOW)
    assert found(missing, known, stopped) == [(missing, False, True)]


# --- Reads by the agenda ------------------------------------------------------------------------------


def test_a_connected_account_is_due_and_a_disconnected_one_is_not(stage: Theatre) -> None:
    account = stage.promoter.accounts[HUMANITIX]
    mine = AccountKey(account.organisation_id, account.pk)

    def is_due() -> bool:
        with acting_as(Identity.system()):
            return mine in [AccountKey(*each[:2]) for each in agenda.find_due(utc_now())]

    assert is_due()
    accounts.disconnect(account)
    assert not is_due()
    secret = Secret(stage.world.credentials()["humanitix"][0]["key"])
    asyncio.run(accounts.reconnect(stage.account(HUMANITIX), secret))
    assert is_due()


def begin(stage: Theatre) -> None:
    """Has the theatre's accounts begin by its clock."""
    for account in stage.promoter.accounts:
        with acting_as(stage.promoter.identity):
            Agenda.objects.filter(account_id=account.pk).delete()
            agenda.begin(AccountKey(account.organisation_id, account.pk), stage.clock())


def test_before_the_first_sweep_nothing_else_is_read(stage: Theatre) -> None:
    begin(stage)
    stage.clock.pass_by(minutes=20)
    before = stage.asked("humanitix")
    assert stage.read_due(HUMANITIX) is None
    assert stage.asked("humanitix") == before
    run = stage.read_due(HUMANITIX, sweep=True)
    assert run is not None
    assert run.complete
    assert run.full
    assert stage.read_due(HUMANITIX, sweep=True) is None, "a sweep is not due again"
    assert stage.figures()[stage.cellar.id].sold == 2


def test_an_event_is_read_by_itself_when_it_is_due_and_nothing_else(read_stage: Theatre) -> None:
    stage = read_stage
    rows = stage.agenda(HUMANITIX)
    assert set(rows) == {"", stage.cellar.id, stage.attic.id}
    assert rows[stage.cellar.id].why == "new on sale", "its first order is from today"
    stage.sell()
    with acting_as(stage.promoter.identity):
        Agenda.objects.filter(account_id=rows[""].account_id).exclude(event_id=stage.cellar.id).update(
            next_at=stage.clock() + timedelta(minutes=20), every=1200
        )
    stage.until_due(HUMANITIX, stage.cellar.id)
    before = stage.asked("humanitix")
    run = stage.read_due(HUMANITIX)
    assert run is not None
    assert not run.full
    assert (stage.figures()[stage.cellar.id].sold, stage.figures()[stage.attic.id].sold) == (3, 2)
    assert stage.asked("humanitix") - before == 3, "orders, and tickets of two kinds: no catalogue"
    after = stage.agenda(HUMANITIX)
    assert after[stage.cellar.id].next_at > stage.clock()
    assert after[stage.attic.id].next_at == after[""].next_at


def test_an_account_whose_platform_tells_all_changes_at_once_has_one_time(read_stage: Theatre) -> None:
    stage = read_stage
    assert set(stage.agenda(MELBOURNE)) == {""}
    fresh = stage.listings()[stage.friday.id].freshness
    assert fresh.next_read_at == stage.agenda(MELBOURNE)[""].next_at
    stage.sell()
    stage.until_due(MELBOURNE)
    run = stage.read_due(MELBOURNE)
    assert run is not None
    assert stage.figures()[stage.friday.id].sold == 3
    assert stage.read_due(MELBOURNE) is None
    stage.clock.pass_by(days=3)
    stage.read()
    assert stage.agenda(MELBOURNE)[""].why == "within a month, evening"
    stage.sell()
    stage.read()
    assert stage.agenda(MELBOURNE)[""].why == "selling"


def test_a_new_event_is_found_with_the_catalogue_and_read_at_once(read_stage: Theatre) -> None:
    stage = read_stage
    made = stage.world.add_humanitix_event("Extra Night", stage.clock() + timedelta(days=3))
    stage.world.buy(made, 4)
    stage.until_due(HUMANITIX)
    stage.read_due(HUMANITIX)
    assert stage.figures()[made.id].sold == 4
    assert stage.agenda(HUMANITIX)[made.id].next_at > stage.clock()


def test_an_event_long_over_is_left_to_the_sweeps(read_stage: Theatre) -> None:
    stage = read_stage
    stage.clock.pass_by(days=100)
    stage.read()
    assert set(stage.agenda(HUMANITIX)) == {""}
    before = stage.asked("humanitix")
    stage.read()
    assert stage.asked("humanitix") - before == 2, "the catalogue of two regions"
    late = stage.world.buy(stage.cellar, 1)
    assert late
    stage.read()
    assert stage.figures()[stage.cellar.id].sold == 2
    assert stage.healed()


def test_what_is_over_for_good_for_one_is_still_read_by_another(
    read_stage: Theatre, monkeypatch: pytest.MonkeyPatch
) -> None:
    from housecount.installation import environment

    stage = read_stage
    monkeypatch.setenv("HOUSECOUNT_REFUND_DAYS", "90")
    environment.load.cache_clear()
    stage.clock.pass_by(days=32 + 80)
    stage.read()
    assert {stage.cellar.id, stage.attic.id} < set(stage.agenda(HUMANITIX))
    assert stage.agenda(HUMANITIX)[stage.attic.id].why == "refunds"


def test_a_failing_account_is_tried_again_later_and_later(read_stage: Theatre) -> None:
    stage = read_stage
    stage.sandbox.faults.set([{"kind": "outage", "platform": "humanitix"}])
    pauses = []
    for _ in range(6):
        stage.until_due(HUMANITIX)
        run = stage.read_due(HUMANITIX)
        assert run is not None
        assert not run.complete
        row = stage.agenda(HUMANITIX)[""]
        assert row.why == "platform_unavailable"
        pauses.append((row.next_at - stage.clock()) / MINUTE)
        assert stage.read_due(HUMANITIX) is None, "an event or the sweep is due in between"
        assert stage.listings()[stage.cellar.id].freshness.next_read_at == row.next_at
    assert pauses == [2, 2, 4, 8, 15, 15]
    stage.sandbox.faults.clear()
    stage.until_due(HUMANITIX)
    run = stage.read_due(HUMANITIX)
    assert run is not None
    assert run.complete
    assert stage.healed()


def test_an_event_that_fails_alone_is_tried_again_alone(read_stage: Theatre) -> None:
    stage = read_stage
    for number, event in ((HUMANITIX, stage.cellar), (MELBOURNE, stage.friday)):
        stage.sandbox.faults.set([{"kind": "server_error", "path": f"/events/{event.id}/orders"}])
        stage.read(full=True)
        row = stage.agenda(number)[event.id]
        assert (row.why, row.next_at - stage.clock()) == ("failed", 2 * MINUTE)
        stage.sandbox.faults.clear()
        with acting_as(stage.promoter.identity):
            others = Agenda.objects.filter(account_id=row.account_id).exclude(event_id=event.id)
            others.update(next_at=stage.clock() + 30 * MINUTE, every=1800)
        stage.until_due(number, event.id)
        run = stage.read_due(number)
        assert run is not None
        assert run.complete
        assert stage.reason(event) is None
        assert stage.agenda(number).get(event.id) is None or number == HUMANITIX


def test_a_platform_that_asks_for_patience_is_left_alone_for_so_long(read_stage: Theatre) -> None:
    stage = read_stage
    stage.sandbox.faults.set([{"kind": "rate_limit", "platform": "humanitix", "retry_after": 600}])
    stage.read()
    assert {row.next_at for row in stage.agenda(HUMANITIX).values()} == {stage.clock() + 10 * MINUTE}
    assert all(row.every == 600 for row in stage.agenda(HUMANITIX).values()), (
        "it would look like a wrong clock"
    )


def test_a_sweep_that_failed_is_tried_again_in_an_hour_and_reads_go_on(read_stage: Theatre) -> None:
    stage = read_stage
    stage.clock.pass_by(hours=36)
    stage.sandbox.faults.set([{"kind": "outage", "platform": "humanitix"}])
    run = stage.read_due(HUMANITIX, sweep=True)
    assert run is not None
    assert not run.complete
    assert stage.agenda(HUMANITIX)[""].sweep_at == stage.clock() + timedelta(hours=1)
    stage.sandbox.faults.clear()
    stage.until_due(HUMANITIX)
    run = stage.read_due(HUMANITIX)
    assert run is not None
    assert (run.complete, run.full) == (True, False)
    stage.clock.pass_by(hours=1)
    run = stage.read_due(HUMANITIX, sweep=True)
    assert run is not None
    assert run.complete
    due = stage.agenda(HUMANITIX)[""].sweep_at
    assert due is not None
    assert timedelta(hours=12) < due - stage.clock() < timedelta(hours=36)


def test_a_first_sweep_that_failed_is_tried_again_sooner(stage: Theatre) -> None:
    begin(stage)
    stage.sandbox.faults.set([{"kind": "outage", "platform": "humanitix"}])
    stage.read_due(HUMANITIX, sweep=True)
    assert stage.agenda(HUMANITIX)[""].sweep_at == stage.clock() + 2 * MINUTE
    stage.clock.pass_by(minutes=2)
    stage.sandbox.faults.clear()
    run = stage.read_due(HUMANITIX, sweep=True)
    assert run is not None
    assert run.complete


def test_an_account_that_waits_for_a_person_is_off_the_agenda_until_somebody_reads_it(
    read_stage: Theatre,
) -> None:
    stage = read_stage
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "humanitix"}])
    stage.read()
    assert stage.agenda(HUMANITIX) == {}
    assert stage.listings()[stage.cellar.id].freshness.next_read_at is None
    with acting_as(stage.promoter.identity):  # a hook, a person
        account = stage.promoter.accounts[HUMANITIX]
        agenda.ask(AccountKey(account.organisation_id, account.pk), stage.clock())
    assert stage.read_due(HUMANITIX) is None
    assert stage.agenda(HUMANITIX) == {}
    stage.sandbox.faults.clear()
    stage.read()
    assert set(stage.agenda(HUMANITIX)) == {"", stage.cellar.id, stage.attic.id}
    assert stage.agenda(HUMANITIX)[""].sweep_at is not None


def test_reads_are_counted(read_stage: Theatre) -> None:
    stage = read_stage
    first = stage.tallies(HUMANITIX)
    assert first == {
        "reads_complete": 1,
        "sweeps": 1,
        "requests": first["requests"],
        "orders_changed": 2,
        "tickets_changed": 4,
    }
    stage.sandbox.faults.set([{"kind": "outage", "platform": "humanitix"}])
    run = stage.read()[HUMANITIX]
    second = stage.tallies(HUMANITIX)
    assert second["reads_failed"] == 1
    assert second["requests"] == first["requests"] + run.requests
    assert second["reads_complete"] == 1
