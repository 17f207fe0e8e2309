"""The page Sync on webhooks: whether the platforms tell us of sales, and what came by it."""

from datetime import timedelta
from typing import Any

from housecount.box_office.models import Account
from housecount.intake.models import Hook
from housecount.sync import doors
from housecount.sync.models import HookDoor
from housecount.tenancy import crypto
from housecount.tenancy.identity import acting_as
from tests.web.stage import Stage, look
from tests.world import make_house


def open_door(stage: Stage, platform: str, **facts: Any) -> str:
    """The account gets a webhook address; its secret."""
    key = stage.accounts[platform]
    token = f"secret-{key.account_id.hex}"
    with acting_as(stage.house.system):
        here = Account.objects.filter(organisation_id=key.organisation_id, pk=key.account_id)
        here.update(hook_token=crypto.encrypt(token))
        doors.open_door(here.get(), token)
        HookDoor.objects.filter(organisation_id=key.organisation_id, account_id=key.account_id).update(
            **facts
        )
    return token


def hook(stage: Stage, status: str, number: int = 1, *, hours: float = 1) -> None:
    key = stage.accounts["eventbrite"]
    with acting_as(stage.house.system):
        for _ in range(number):
            Hook.objects.create(
                organisation_id=key.organisation_id,
                account_id=key.account_id,
                platform="eventbrite",
                body=b"{}",
                verdict="understood",
                status=status,
                received_at=stage.now - timedelta(hours=hours),
            )


def test_a_registered_webhook_and_what_came_by_it(stage: Stage) -> None:
    token = open_door(stage, "eventbrite", webhook_ids=["77"])
    hook(stage, "done", 3)
    hook(stage, "ignored")
    hook(stage, "waiting", 2)
    hook(stage, "done", 5, hours=30)
    for person in (stage.house.admin, stage.house.promoter):
        text = look(person, "/sync/").text
        assert "Registered at Eventbrite · 6 in the last 24 h: 3 handled, 2 waiting, 1 ignored" in text
        assert token not in text
    text = look(stage.house.bookkeeper, "/sync/").text
    assert "Registered at Eventbrite" in text
    assert "in the last 24 h" not in text, "the log is not for bookkeepers"


def test_an_address_to_be_entered_by_hand_is_for_admins(stage: Stage) -> None:
    tokens = [open_door(stage, "eventbrite"), open_door(stage, "humanitix")]
    client = stage.house.admin.signed_in()
    page = client.get("/sync/")
    text = page.content.decode()
    assert "Not registered at Eventbrite" in text
    assert "Humanitix has none; a relay can send them" in text
    for platform, token in zip(("eventbrite", "humanitix"), tokens, strict=True):
        assert f"/hooks/{platform}/{token}" in text
    assert "no-store" in page["Cache-Control"]
    for person in (stage.house.promoter, stage.house.bookkeeper):
        text = person.signed_in().get("/sync/").content.decode()
        assert "Not registered at Eventbrite" in text
        assert not any(token in text for token in tokens)
    for stranger in (stage.house.act, make_house().admin):
        assert b"/hooks/eventbrite/" not in stranger.signed_in().get("/sync/").content


def test_a_webhook_that_is_not_in_order(stage: Stage) -> None:
    open_door(stage, "eventbrite", webhook_ids=["77"], trouble="Eventbrite does not answer.")
    assert "Not in order: Eventbrite does not answer." in look(stage.house.promoter, "/sync/").text


def test_webhooks_that_died_come_with_what_to_do(stage: Stage) -> None:
    open_door(stage, "eventbrite", webhook_ids=["77"])
    hook(stage, "dead", 2, hours=200)
    account = stage.accounts["eventbrite"].account_id
    page = look(stage.house.promoter, "/sync/")
    assert "2 webhooks could not be handled." in page.text
    assert f"/sync/hooks/?account={account}&status=dead" in page.links
    assert "could not be handled" not in look(stage.house.bookkeeper, "/sync/").text
