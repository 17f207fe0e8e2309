"""Whatever a platform does: the last good figures stay, they say how old they are and why, and others go on."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from housecount.box_office.models import Account, AccountState
from housecount.platforms.base.errors import ConfigError
from housecount.platforms.http.budget import Breaker, Budget, LocalBreaker
from housecount.platforms.http.client import Client, Limits
from housecount.platforms.http.profile import Profile
from housecount.sync import accounts, services
from housecount.sync.models import CredentialBudget
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, acting_as
from tests.factories import make_organisation
from tests.sync.theatre import HUMANITIX, MELBOURNE, SYDNEY, Theatre, theatre

pytestmark = pytest.mark.slow


# --- Keys ---------------------------------------------------------------------------------------------


def connect(organisation_id: Any, platform: str, key: str) -> None:
    asyncio.run(accounts.connect(organisation_id, platform, Secret(key)))


@pytest.mark.parametrize(
    ("platform", "key"), [("eventbrite", "WRONGWRONGWRONGWRONG"), ("humanitix", "deadbeef" * 12)]
)
def test_a_wrong_key_connects_nothing_and_is_not_repeated(stage: Theatre, platform: str, key: str) -> None:
    organisation_id = make_organisation()
    with pytest.raises(ConfigError) as refusal:
        connect(organisation_id, platform, key)
    assert key not in refusal.value.message
    with acting_as(Identity.system(organisation_id)):
        assert not Account.objects.exists()


@pytest.mark.parametrize("platform", ["eventbrite", "humanitix"])
@pytest.mark.parametrize("key", ["", "   ", "with\nnewline", "snow☃man", "x" * 5000], ids=repr)
def test_a_malformed_key_asks_nobody(stage: Theatre, platform: str, key: str) -> None:
    before = sum(stage.sandbox.requests(platform).values())
    with pytest.raises(ConfigError):
        connect(make_organisation(), platform, key)
    assert sum(stage.sandbox.requests(platform).values()) == before


def test_a_key_revoked_in_the_middle_of_a_read_stops_that_account_alone(read_stage: Theatre) -> None:
    stage = read_stage
    before, ages = stage.figures(), stage.ages()
    stage.sell()
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "humanitix", "after": 1}])
    melbourne, sydney, humanitix = stage.read(full=True)
    assert (melbourne.complete, sydney.complete, humanitix.complete) == (True, True, False)
    assert humanitix.error_code == "account_needs_a_person"
    assert humanitix.requests > 1, "it was revoked before the read began"
    account = stage.account(HUMANITIX)
    assert account.state == AccountState.STOPPED
    assert account.state_reason == humanitix.error
    for event in (stage.cellar, stage.attic):
        assert stage.figures()[event.id] == before[event.id]
        assert stage.ages()[event.id] == ages[event.id]
        assert stage.reason(event) == account.state_reason
    for other in (stage.friday, stage.late, stage.sydney):
        assert stage.reason(other) is None
        assert stage.figures()[other.id].sold == before[other.id].sold + 1
    # The key works again. Nobody says so, so the account waits; a person who asks for a read gets one.
    stage.sandbox.faults.clear()
    assert stage.account(HUMANITIX).state == AccountState.STOPPED
    stage.read()
    assert stage.account(HUMANITIX).state == AccountState.ACTIVE
    assert stage.account(HUMANITIX).state_reason == ""
    assert stage.healed()


def test_a_new_key_heals_a_stopped_account(read_stage: Theatre) -> None:
    stage = read_stage
    stage.sandbox.faults.set([{"kind": "revoke", "platform": "eventbrite"}])
    stage.read()
    assert stage.account(MELBOURNE).state == AccountState.STOPPED
    key = stage.world.credentials()["eventbrite"][MELBOURNE]["token"]
    with pytest.raises(ConfigError):  # it is not accepted yet: the account stays as it is
        asyncio.run(accounts.reconnect(stage.account(MELBOURNE), Secret(key)))
    assert stage.account(MELBOURNE).state == AccountState.STOPPED
    stage.sandbox.faults.clear()
    asyncio.run(accounts.reconnect(stage.account(MELBOURNE), Secret(key)))
    account = stage.account(MELBOURNE)
    assert (account.state, account.state_reason) == (AccountState.ACTIVE, "")
    assert stage.account(SYDNEY).state == AccountState.STOPPED
    assert stage.healed()


# --- Answers that cannot be read ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "full"),
    [
        ({"kind": "html"}, True),
        ({"kind": "truncate", "mode": "length"}, False),
        ({"kind": "outage"}, False),
        ({"kind": "outage", "mode": "refuse"}, True),
    ],
    ids=["html", "cut-off", "out-of-order", "refusing"],
)
def test_a_platform_that_is_down_changes_no_figure_and_leaves_none_fresh(
    read_stage: Theatre, fault: dict[str, Any], full: bool
) -> None:
    stage = read_stage
    before, ages, lines = stage.figures(), stage.ages(), len(stage.entries())
    stage.sell()
    stage.sandbox.faults.set([fault])
    runs = stage.read(full=full)
    stage.sandbox.faults.clear()
    assert [(run.complete, run.error_code) for run in runs] == [(False, "platform_unavailable")] * 3
    assert all(run.error for run in runs)
    assert stage.figures() == before
    assert stage.ages() == ages
    assert len(stage.entries()) == lines
    assert all(stage.reason(event) for event in stage.events)
    assert [run.error for run in stage.read()] == ["", "", ""]
    assert stage.promoter.count() == stage.promoter.truth()
    assert not any(stage.reason(event) for event in stage.events)


#: What an order cannot do without, and an amount that no order has, by platform.
NEEDED = ("attendees", "totals")
ABSURD: tuple[dict[str, Any], ...] = (
    {"field": "costs.discount_amount", "value": {"currency": "AUD", "value": 10**17}},
    {},
)


def chosen(stage: Theatre, number: int) -> Any:
    """An event of either platform."""
    return [stage.friday, stage.cellar][number]


def damaged(stage: Theatre, number: int, kind: str, **fields: Any) -> tuple[Any, dict[str, Any]]:
    """An event of either platform, and a fault that hurts its orders."""
    event = chosen(stage, number)
    platform = ["eventbrite", "humanitix"][number]
    if kind == "missing_field":
        fields["field"] = NEEDED[number]
    if kind == "absurd_amount":
        fields |= ABSURD[number]
    return event, {"kind": kind, "platform": platform, "path": f"/events/{event.id}/orders", **fields}


BOTH = pytest.mark.parametrize("number", [0, 1], ids=["eventbrite", "humanitix"])


@BOTH
@pytest.mark.parametrize(
    ("kind", "fields"),
    [("missing_field", {}), ("absurd_amount", {}), ("wrong_currency", {"value": "NZD"})],
    ids=["missing-field", "absurd-amount", "wrong-currency"],
)
def test_one_bad_record_is_set_aside_and_taken_back_when_it_is_good(
    stage: Theatre, number: int, kind: str, fields: dict[str, Any]
) -> None:
    event, fault = damaged(stage, number, kind, **fields)
    bad = stage.world.buy(event, 4)
    stage.sandbox.faults.set([fault | {"id": bad.id}])
    runs = stage.read()
    assert [run.error for run in runs] == ["", "", ""]
    assert bad.id in stage.set_aside()
    assert stage.set_aside()[bad.id]
    assert stage.figures()[event.id].sold == 2, "the other order was not counted, or the bad one was"
    assert stage.figures()[event.id].gross == 6000
    stage.sandbox.faults.clear()
    assert stage.healed()
    assert stage.set_aside() == {}


@BOTH
def test_a_good_record_that_comes_bad_once_keeps_what_it_counted(stage: Theatre, number: int) -> None:
    event, fault = damaged(stage, number, "missing_field")
    order = stage.world.buy(event, 4)
    stage.read()
    before = stage.figures()
    stage.sandbox.faults.set([fault | {"id": order.id}])
    stage.read(full=True)
    assert order.id in stage.set_aside()
    assert stage.figures() == before
    assert stage.healed()
    assert stage.figures() == before
    assert stage.set_aside() == {}, "the order is as it was and could be read, yet it stays set aside"


def test_a_bad_ticket_is_set_aside_and_taken_back(stage: Theatre) -> None:
    order = stage.world.buy(stage.cellar, 2)
    ticket = order.tickets[0]
    fault = {"kind": "missing_field", "path": f"/events/{stage.cellar.id}/tickets", "id": ticket.id}
    stage.sandbox.faults.set([fault | {"field": "orderId"}])
    stage.read()
    assert list(stage.set_aside()) == [ticket.id]
    assert stage.figures()[stage.cellar.id].sold == 3
    assert stage.healed()
    assert stage.set_aside() == {}


@BOTH
def test_a_bad_event_is_set_aside_and_taken_back(stage: Theatre, number: int) -> None:
    event = chosen(stage, number)
    path = ["/organizations/.*/events", "/events$"][number]
    field = ["start", "startDate"][number]
    stage.sandbox.faults.set([{"kind": "missing_field", "path": path, "id": event.id, "field": field}])
    stage.read()
    if number == 0:
        assert list(stage.set_aside()) == [event.id]
        assert event.id not in stage.figures()
    assert stage.healed()
    assert stage.set_aside() == {}


@BOTH
def test_a_page_of_which_most_cannot_be_read_is_not_taken_at_all(read_stage: Theatre, number: int) -> None:
    stage = read_stage
    event, fault = damaged(stage, number, "missing_field")
    orders = [stage.world.buy(event) for _ in range(12)]
    stage.sandbox.faults.set([fault | {"id": order.id} for order in orders[:8]])
    before, ages = stage.figures(), stage.ages()
    runs = stage.read(full=True)
    assert [run.error_code for run in runs if run.error] == ["contract_changed"]
    assert stage.figures()[event.id] == before[event.id]
    assert stage.ages()[event.id] == ages[event.id]
    assert stage.reason(event)
    assert [other.id for other in stage.events if stage.reason(other)] == [event.id]
    assert stage.healed()


@BOTH
def test_a_status_that_no_document_names_is_noted_and_breaks_nothing(
    read_stage: Theatre, number: int
) -> None:
    stage = read_stage
    event, fault = damaged(stage, number, "unknown_value", value="half-placed")
    order = stage.world.buy(event)
    stage.sandbox.faults.set([fault | {"id": order.id}])
    assert [run.error for run in stage.read(full=True)] == ["", "", ""]
    with acting_as(stage.promoter.identity):
        from housecount.box_office.models import SetAside

        noted = SetAside.objects.filter(external_id=order.id, kind="order")
        assert [row.notice for row in noted] == [True]
    assert stage.healed()


# --- One event, one limit -----------------------------------------------------------------------------


@BOTH
def test_an_event_that_always_fails_is_stale_alone_and_is_read_whole_again(
    read_stage: Theatre, number: int
) -> None:
    stage = read_stage
    event, _ = damaged(stage, number, "html")
    before, ages = stage.figures(), stage.ages()
    stage.sell()
    stage.sandbox.faults.set([{"kind": "server_error", "path": f"/events/{event.id}/orders"}])
    runs = stage.read(full=True)
    assert sum(not run.complete for run in runs) == 1
    assert stage.figures()[event.id] == before[event.id]
    assert stage.ages()[event.id] == ages[event.id]
    assert stage.reason(event)
    for other in stage.events:
        if other is not event:
            assert stage.reason(other) is None
            assert stage.figures()[other.id].sold == before[other.id].sold + 1
    assert stage.account(HUMANITIX).state == AccountState.ACTIVE
    # An ordinary read makes good what the sweep missed.
    stage.sandbox.faults.clear()
    assert [run.error for run in stage.read()] == ["", "", ""]
    assert stage.promoter.count() == stage.promoter.truth()
    assert not any(stage.reason(each) for each in stage.events)


def test_a_platform_that_asks_for_patience_gets_it(read_stage: Theatre) -> None:
    stage = read_stage
    stage.sell()
    stage.sandbox.faults.set([{"kind": "rate_limit", "retry_after": 3, "count": 2}])
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    def client(profile: Profile, budget: Budget, _: Breaker) -> Client:
        return Client(profile, _Unlimited(), LocalBreaker(), limits=Limits(attempts=4), sleep=wait)

    reading = services.read_accounts(
        stage.promoter.accounts, full=True, wait=5, client_of=client, now=stage.clock
    )
    runs = asyncio.run(reading)
    assert [getattr(run, "error", run) for run in runs] == ["", "", ""]
    assert [seconds >= 3 for seconds in waited] == [True, True]
    assert stage.promoter.count() == stage.promoter.truth()


class _Unlimited:
    async def acquire(self) -> None: ...
    async def report(self, reading: object) -> None: ...
    async def hold(self, seconds: float) -> None: ...


def test_a_platform_that_asks_for_too_much_patience_ends_the_read(read_stage: Theatre) -> None:
    stage = read_stage
    before, ages = stage.figures(), stage.ages()
    stage.sell()
    stage.sandbox.faults.set([{"kind": "rate_limit", "platform": "humanitix", "retry_after": 600}])
    *_, humanitix = stage.read(full=True)
    assert (humanitix.complete, humanitix.error_code) == (False, "rate_limited")
    assert humanitix.requests == 1, "the platform was asked again although it asked to be left alone"
    for event in (stage.cellar, stage.attic):
        assert stage.figures()[event.id] == before[event.id]
        assert stage.ages()[event.id] == ages[event.id]
        assert stage.reason(event) == f"{humanitix.error} It is tried again in 10 minutes."
        assert stage.listings()[event.id].freshness.next_read_at == stage.clock() + timedelta(seconds=600)
    assert stage.healed()


def test_a_budget_that_is_used_up_asks_nobody(database: str) -> None:
    with theatre(seed=4711) as stage:
        stage.read()
        before = stage.figures()
        stage.sell()
        keys = stage.world.credentials()
        hashes = [
            accounts.profile_of(_source(platform), Secret(key)).credential
            for platform, key in [
                ("eventbrite", keys["eventbrite"][0]["token"]),
                ("eventbrite", keys["eventbrite"][1]["token"]),
                ("humanitix", keys["humanitix"][0]["key"]),
            ]
        ]
        later = datetime.now(UTC) + timedelta(minutes=10)
        with acting_as(Identity.system()):
            for credential in hashes:
                CredentialBudget.objects.update_or_create(
                    credential=credential, defaults={"used": 10, "allowed": 10, "ends_at": later}
                )
        asked = [sum(stage.sandbox.requests(name).values()) for name in ("eventbrite", "humanitix")]

        def client(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
            return Client(profile, budget, breaker)

        runs = asyncio.run(
            services.read_accounts(
                stage.promoter.accounts, full=False, wait=5, client_of=client, now=stage.clock
            )
        )
        assert [getattr(run, "error_code", run) for run in runs] == ["rate_limited"] * 3
        assert asked == [sum(stage.sandbox.requests(name).values()) for name in ("eventbrite", "humanitix")]
        assert stage.figures() == before
        assert all(stage.reason(event) for event in stage.events)
        with acting_as(Identity.system()):
            CredentialBudget.objects.filter(credential__in=hashes).update(used=0)
        assert stage.healed()


def _source(platform: str) -> Any:
    from housecount.platforms import registry

    return registry.source(platform)


# --- Accounts of several organisations ----------------------------------------------------------------


def test_one_failing_organisation_of_an_account_leaves_the_account_stale(read_stage: Theatre) -> None:
    """Eventbrite's changes are read per organisation: that one of two answers does not make both fresh."""
    stage = read_stage
    ours = stage.world.eventbrite.accounts[0].organization_id
    for first in (True, False):
        with acting_as(stage.promoter.identity):
            account = Account.objects.get(pk=stage.promoter.accounts[MELBOURNE].pk)
            account.organisation_ids = [ours, "999"] if first else ["999", ours]
            account.save()
        stage.clock.pass_by(minutes=25)
        run = asyncio.run(_read_with_a_second_organisation(stage, ours))
        assert not run.complete
        assert stage.reason(stage.friday), "the organisation that answered made the other look fresh"
        assert stage.reason(stage.late)


async def _read_with_a_second_organisation(stage: Theatre, ours: str) -> Any:
    """Reads the account; the organisation 999 shows ours's events, and fails when it is asked for changes."""
    from collections.abc import Mapping

    import msgspec

    from housecount.platforms.base.errors import Transient

    class Both(Client):
        async def get(
            self, path: str, decoder: msgspec.json.Decoder[Any], params: Mapping[str, str] | None = None
        ) -> Any:
            if "/organizations/999/" in path and "/events/" not in path:
                raise Transient("That organisation does not answer.")
            return await super().get(path.replace("/999/", f"/{ours}/"), decoder, params)

    def client(profile: Profile, budget: Budget, breaker: Breaker) -> Client:
        return Both(profile, _Unlimited(), LocalBreaker(), limits=Limits(attempts=1))

    account = stage.promoter.accounts[MELBOURNE]
    return await services.read_account(
        account.organisation_id, account.id, wait=5, client_of=client, now=stage.clock
    )
