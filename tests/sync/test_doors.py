"""The webhooks that platforms have for our accounts: registered, learned, repaired, and removed with care."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from housecount.box_office.ledger import AccountKey
from housecount.box_office.models import Account, AccountState
from housecount.installation import environment
from housecount.platforms import registry
from housecount.platforms.eventbrite.hooks import ACTIONS
from housecount.sync import accounts, doors
from housecount.sync.models import HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.crypto import Secret
from housecount.tenancy.identity import Identity, acting_as
from housecount_sandbox.eventbrite.model import Account as EventbriteAccount
from housecount_sandbox.eventbrite.model import Webhook
from housecount_sandbox.sandbox import Sandbox
from housecount_sandbox.world import World
from tests.factories import make_organisation
from tests.promoters import Clock, impatient_client, new_seed, served

PUBLIC = "https://tickets.example.org"


class Desk:
    """An organisation that connects the first Eventbrite account of a sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.shop = sandbox.world.eventbrite
        self.there: EventbriteAccount = self.shop.accounts[0]
        self.organisation_id: UUID = make_organisation()
        self.identity = Identity.system(self.organisation_id)
        self.clock = Clock()

    def connect(self) -> Account:
        connecting = accounts.connect(self.organisation_id, "eventbrite", Secret(self.there.token))
        return asyncio.run(connecting)

    def key(self, account: Account) -> AccountKey:
        return AccountKey(self.organisation_id, account.pk)

    def ensure(self, account: Account) -> doors.Door:
        return asyncio.run(
            doors.ensure_webhooks(self.key(account), client_of=impatient_client, now=self.clock)
        )

    def door(self, account: Account) -> HookDoor:
        with acting_as(self.identity):
            return HookDoor.objects.get(account_id=account.pk)

    def state(self, account: Account) -> doors.Door:
        with acting_as(self.identity):
            return doors.state_of(account)

    def address(self, account: Account, base: str = PUBLIC) -> str:
        return f"{base}/hooks/eventbrite/{crypto.decrypt(account.hook_token).reveal()}"

    def by_hand(self, url: str, actions: tuple[str, ...] = ACTIONS, event_id: str | None = None) -> Webhook:
        return self.shop.add_webhook(self.there, url, list(actions), event_id)

    def check_due(self, now: datetime) -> None:
        """As the daily job does, with no organisation here but this one."""
        with acting_as(Identity.system()):
            others = set(HookDoor.objects.values_list("organisation_id", flat=True))
        for organisation_id in others - {self.organisation_id}:
            with acting_as(Identity.system(organisation_id)):
                HookDoor.objects.filter(organisation_id=organisation_id).delete()
        asyncio.run(doors.check_due(now, client_of=impatient_client))

    def urls(self) -> list[str]:
        return sorted(webhook.endpoint_url for webhook in self.there.webhooks)


@pytest.fixture
def desk(database: str) -> Iterator[Desk]:
    """Without a public address."""
    with served(World.blank(seed=new_seed(), now=Clock())) as sandbox:
        yield Desk(sandbox)


@pytest.fixture
def public(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """With a public address."""
    monkeypatch.setenv("HOUSECOUNT_PUBLIC_URL", PUBLIC)
    environment.load.cache_clear()
    yield desk
    monkeypatch.undo()
    environment.load.cache_clear()


# --- With a public address ------------------------------------------------------------------------------
def test_connecting_registers_a_complete_webhook(public: Desk) -> None:
    account = public.connect()
    [webhook] = public.there.webhooks
    assert webhook.endpoint_url == public.address(account)
    assert set(webhook.actions) == set(ACTIONS)
    assert public.door(account).webhook_ids == [webhook.id]
    assert public.state(account) == doors.Door(True)
    assert doors.address_of(account) == webhook.endpoint_url


def test_a_second_look_changes_nothing(public: Desk) -> None:
    account = public.connect()
    before = list(public.there.webhooks)
    assert public.ensure(account) == doors.Door(True)
    assert public.there.webhooks == before
    assert public.door(account).checked_at == public.clock()


def test_those_of_others_are_never_touched(public: Desk) -> None:
    others = [
        "https://other.example/hooks/eventbrite/somebody-elses-token",
        PUBLIC + "/hooks/eventbrite/another-accounts-token",
        "https://other.example/",
    ]
    for url in others:
        public.by_hand(url, ("order.placed",))
    account = public.connect()
    public.ensure(account)
    assert public.urls() == sorted([*others, public.address(account)])
    accounts.disconnect(account)
    assert public.urls() == sorted(others)


def test_one_that_went_is_made_again(public: Desk) -> None:
    account = public.connect()
    public.there.webhooks.clear()
    assert public.ensure(account).registered
    assert public.urls() == [public.address(account)]
    assert public.door(account).webhook_ids == [public.there.webhooks[0].id]


def test_one_with_wrong_actions_is_replaced(public: Desk) -> None:
    account = public.connect()
    public.there.webhooks[0].actions = ["order.placed"]
    wrong = public.there.webhooks[0].id
    public.ensure(account)
    [webhook] = public.there.webhooks
    assert (webhook.id != wrong, set(webhook.actions)) == (True, set(ACTIONS))


def test_one_for_a_single_event_is_replaced(public: Desk) -> None:
    account = public.connect()
    event = public.sandbox.world.add_eventbrite_event("Gala", datetime(2026, 5, 1, 9, tzinfo=UTC))
    public.there.webhooks.clear()
    public.by_hand(public.address(account), event_id=event.id)
    public.ensure(account)
    assert [webhook.event_id for webhook in public.there.webhooks] == [None]


def test_one_of_an_older_public_address_is_replaced(public: Desk) -> None:
    account = public.connect()
    public.there.webhooks.clear()
    public.by_hand(public.address(account, "https://old.example.org"))
    public.ensure(account)
    assert public.urls() == [public.address(account)]


def test_doubles_are_removed(public: Desk) -> None:
    account = public.connect()
    kept = public.there.webhooks[0].id
    for _ in range(3):
        public.by_hand(public.address(account))
    public.ensure(account)
    assert [webhook.id for webhook in public.there.webhooks] == [kept]
    assert public.door(account).webhook_ids == [kept]


def test_a_lost_answer_leaves_no_double(public: Desk) -> None:
    """The webhook was made; the connection broke before we were told."""
    path = "/webhooks/$"
    public.sandbox.faults.set([{"kind": "truncate", "path": path, "after": 1, "count": 1}])
    account = public.connect()
    assert len(public.there.webhooks) == 1
    assert public.state(account) == doors.Door(True)
    assert public.door(account).webhook_ids == [public.there.webhooks[0].id]


def test_a_failure_does_not_fail_the_connect_and_is_made_good_within_the_hour(public: Desk) -> None:
    public.sandbox.faults.set([{"kind": "server_error", "path": "/webhooks/", "html": False}])
    account = public.connect()
    door = public.state(account)
    assert account.state == AccountState.ACTIVE
    assert (door.registered, "Eventbrite failed" in door.trouble) == (False, True)
    public.sandbox.faults.clear()
    checked_at = public.door(account).checked_at
    assert checked_at is not None
    now = checked_at + timedelta(minutes=61)
    public.check_due(now)
    assert public.state(account) == doors.Door(True)
    assert public.urls() == [public.address(account)]


def test_every_organisation_of_an_account_has_its_own(public: Desk) -> None:
    account = public.connect()
    other = public.there.user_id
    with acting_as(public.identity):
        Account.objects.filter(pk=account.pk).update(organisation_ids=[public.there.organization_id, other])
    public.ensure(account)
    # The sandbox shows the same webhooks at both: one is enough then, and is not taken for a double.
    assert public.urls() == [public.address(account)]


def test_a_new_key_sees_to_the_webhook_too(public: Desk) -> None:
    account = public.connect()
    public.there.webhooks.clear()
    asyncio.run(accounts.reconnect(account, Secret(public.there.token)))
    assert public.urls() == [public.address(account)]


def test_a_disconnected_account_leaves_nothing_behind_and_can_come_back(public: Desk) -> None:
    account = public.connect()
    old = public.address(account)
    accounts.disconnect(account)
    assert public.urls() == []
    with acting_as(public.identity):
        again = Account.objects.get(pk=account.pk)
        assert not HookDoor.objects.filter(account_id=account.pk).exists()
    again = asyncio.run(accounts.reconnect(again, Secret(public.there.token)))
    assert public.urls() == [public.address(again)]
    assert public.address(again) != old


def test_a_disconnect_succeeds_while_the_platform_is_away(public: Desk) -> None:
    account = public.connect()
    public.sandbox.faults.set([{"kind": "revoke", "platform": "eventbrite"}])
    accounts.disconnect(account)
    with acting_as(public.identity):
        assert Account.objects.get(pk=account.pk).state == AccountState.DISCONNECTED
    public.sandbox.faults.clear()


def test_a_platform_without_webhooks_is_not_asked(public: Desk) -> None:
    key = public.sandbox.world.credentials()["humanitix"][0]["key"]
    account = asyncio.run(accounts.connect(public.organisation_id, "humanitix", Secret(key)))
    before = sum(public.sandbox.requests("humanitix").values())
    assert public.ensure(account) == doors.Door(False)
    assert sum(public.sandbox.requests("humanitix").values()) == before
    assert doors.address_of(account).startswith(f"{PUBLIC}/hooks/humanitix/")


# --- Without -----------------------------------------------------------------------------------------------
def test_without_a_public_address_nothing_is_registered(desk: Desk) -> None:
    account = desk.connect()
    assert desk.urls() == []
    assert doors.address_of(account).startswith("http://localhost:8000/hooks/eventbrite/")
    assert "HOUSECOUNT_PUBLIC_URL" in doors.no_public_address()
    assert desk.ensure(account) == doors.Door(False)
    assert desk.urls() == []


def test_one_entered_by_hand_is_learned_at_whatever_address(desk: Desk) -> None:
    account = desk.connect()
    ours = [
        desk.by_hand(desk.address(account, "https://by-hand.example.org"), ("order.placed",)).id,
        desk.by_hand(desk.address(account, "https://by-hand.example.org/below") + "?x=1").id,
    ]
    desk.by_hand("https://by-hand.example.org/hooks/eventbrite/other")
    assert desk.ensure(account) == doors.Door(True)
    assert sorted(desk.door(account).webhook_ids) == sorted(ours)
    assert len(desk.there.webhooks) == 3, "what a person entered is left alone"


# --- Daily --------------------------------------------------------------------------------------------------
def test_each_webhook_is_looked_at_once_a_day_at_a_time_of_its_own(public: Desk) -> None:
    account = public.connect()
    public.ensure(account)

    def checked(hours: float) -> bool:
        now = public.clock() + timedelta(hours=hours)
        public.check_due(now)
        return public.door(account).checked_at == now

    assert not checked(23.9)
    assert checked(26.1)


def test_one_that_cannot_be_asked_keeps_nobody_waiting(public: Desk) -> None:
    first, second = public.connect(), public.sandbox.world.eventbrite.accounts[1]
    other = asyncio.run(accounts.connect(public.organisation_id, "eventbrite", Secret(second.token)))
    with acting_as(public.identity):
        Account.objects.filter(pk=first.pk).update(credential=b"not ours to read")
    second.webhooks.clear()
    now = datetime.now(UTC) + timedelta(days=3)
    public.check_due(now)
    assert len(second.webhooks) == 1
    assert public.state(other).registered


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("https://tickets.example.org", False),
        ("https://tickets.example.org:443", False),
        ("https://tickets.example.org:8443", True),
        ("http://tickets.example.org:8000", True),
        ("http://127.0.0.1:8000", False),
    ],
)
def test_an_unusual_port_is_warned_of(url: str, warned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOUSECOUNT_PUBLIC_URL", url)
    environment.load.cache_clear()
    try:
        said = doors.unreachable_port(registry.source("eventbrite"))
        assert ("Eventbrite reaches default ports only" in said) == warned
        assert doors.unreachable_port(registry.source("humanitix")) == "", "it has no webhooks"
    finally:
        monkeypatch.undo()
        environment.load.cache_clear()
