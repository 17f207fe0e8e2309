"""The pages of the webhook log: searched, opened, handled again."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from housecount.intake.models import Hook
from housecount.tenancy.identity import acting_as
from housecount.web.views import hooks as views
from tests.web.stage import Stage, look
from tests.world import make_house


def arrive(
    stage: Stage, number: int = 1, *, platform: str = "eventbrite", hours: float = 1, **facts: Any
) -> list[int]:
    """Hooks in the log, the newest first; their ids."""
    key = stage.accounts[platform]
    given = {
        "body": b'{"api_url": "https://www.eventbriteapi.com/v3/orders/77/"}',
        "verdict": "understood",
        "status": "done",
        "action": "order.placed",
        "touches": [{"kind": "order", "object_id": "77", "event_id": ""}],
        **facts,
    }
    with acting_as(stage.house.system):
        return [
            Hook.objects.create(
                organisation_id=key.organisation_id,
                account_id=key.account_id,
                platform=platform,
                received_at=stage.now - timedelta(hours=hours, seconds=place),
                **given,
            ).pk
            for place in range(number)
        ]


def kept(stage: Stage, hook_id: int) -> Hook:
    with acting_as(stage.house.system):
        return Hook.objects.get(organisation_id=stage.organisation_id, pk=hook_id)


def test_the_log_is_for_who_sells(stage: Stage) -> None:
    [hook_id] = arrive(stage, explanation="Read: one order changed.")
    for person in (stage.house.admin, stage.house.promoter):
        text = look(person, "/sync/hooks/").text
        assert "eventbrite account order.placed order 77 Handled 0 Read: one order changed." in text
    for path in ("/sync/hooks/", f"/sync/hooks/{hook_id}/", "/sync/hooks/replayed/"):
        assert "order.placed" not in look(stage.house.bookkeeper, path, 403).text
    assert "Webhooks" not in look(stage.house.bookkeeper, "/sync/").text
    other = make_house().admin.signed_in()
    assert other.get(f"/sync/hooks/{hook_id}/").status_code == 404
    assert other.post(f"/sync/hooks/{hook_id}/replay/").status_code == 404
    assert other.get(f"/sync/hooks/{2**63}/").status_code == 404
    for path in (f"/sync/hooks/{hook_id}/replay/", "/sync/hooks/replay/"):
        assert stage.house.bookkeeper.signed_in().post(path, {"status": "done"}).status_code == 403
    assert kept(stage, hook_id).status == "done"


@pytest.fixture(scope="module")
def busy(database: str) -> Iterator[Stage]:
    stage = Stage()
    arrive(stage, 52, hours=1)
    arrive(stage, 2, status="dead", hours=30, action="attendee.updated", explanation="The platform was down.")
    arrive(
        stage,
        platform="humanitix",
        hours=200,
        touches=[{"kind": "event", "object_id": "e9", "event_id": "e9"}],
    )
    return stage


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("status=dead", 2),
        ("action=attendee", 2),
        ("action=ATTENDEE.up", 2),
        ("object=e9", 1),
        ("object=77&since=24h", 52),
        ("since=7d", 54),
        ("account={humanitix}", 1),
        ("account={eventbrite}&status=dead", 2),
        ("status=waiting", 0),
        ("object=%00", None),
        ("status=other&since=ever&account=x", None),
    ],
)
def test_the_log_is_searched(busy: Stage, query: str, number: int | None) -> None:
    ids = {platform: key.account_id for platform, key in busy.accounts.items()}
    page = look(busy.house.promoter, f"/sync/hooks/?{query.format(**ids)}")
    if number is None:
        assert "Replay" not in page.text, "without a search the whole log is not replayed"
    elif number:
        assert f"{number} fit" in page.text
        assert page.text.count("Handled 0") + page.text.count("Given up 0") == min(number, 50)
    else:
        assert "No webhook is like that" in page.text
        assert "Replay" not in page.text


def test_the_log_goes_on_page_by_page(busy: Stage) -> None:
    def queries(path: str) -> int:
        client = busy.house.promoter.signed_in()
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured.captured_queries)

    page = look(busy.house.promoter, "/sync/hooks/?since=7d")
    [older] = [link for link in page.links if "before=" in link]
    rest = look(busy.house.promoter, older)
    assert rest.text.count("Handled 0") + rest.text.count("Given up 0") == 4
    assert "54 fit" in rest.text
    assert queries("/sync/hooks/?since=7d") == queries("/sync/hooks/?object=e9") <= 20


def test_a_webhook_in_full(stage: Stage) -> None:
    [hook_id] = arrive(
        stage,
        status="dead",
        attempts=12,
        outcome="platform_unavailable",
        explanation="Eventbrite did not answer.",
        headers={"content-type": "application/json", "x-eventbrite-event": "order.placed"},
        body=b'{"note": "<script>alert(1)</script>", "to": "/hooks/eventbrite/abcdefgh12345678", "x": "\x00\xff"}',
        webhook_id="900",
    )
    page = look(stage.house.admin, f"/sync/hooks/{hook_id}/")
    for words in (
        "Given up",
        "platform_unavailable",
        "Eventbrite did not answer.",
        "Tries 12",
        "Order 77 All webhooks about it",
        "x-eventbrite-event order.placed",
        "webhook 900 at the platform",
        "Understood: it names what has changed",
        "<script>alert(1)</script>",
        "/hooks/eventbrite/[token]",
    ):
        assert words in page.text, words
    assert "abcdefgh12345678" not in page.text
    assert b"<script>alert" not in stage.house.admin.signed_in().get(f"/sync/hooks/{hook_id}/").content


def test_one_is_handled_again_and_watched(stage: Stage) -> None:
    [hook_id] = arrive(stage, status="dead", attempts=12, explanation="Eventbrite did not answer.")
    client = stage.house.promoter.signed_in()
    page = client.post(f"/sync/hooks/{hook_id}/replay/", follow=True)
    assert page.redirect_chain == [("/sync/hooks/replayed/", 302)]
    assert "0 of 1 handled again so far" in page.content.decode()
    assert b'hx-trigger="every 2s"' in page.content
    hook = kept(stage, hook_id)
    assert (hook.status, hook.attempts, hook.outcome) == ("waiting", 0, "replayed")
    with acting_as(stage.house.system):
        Hook.objects.filter(organisation_id=stage.organisation_id, pk=hook_id).update(status="done")
    html = client.get("/sync/hooks/replayed/").content.decode()
    assert "It was handled again." in html
    assert "hx-trigger" not in html.split("<main")[1], "nothing is left to watch"
    assert "Nothing was replayed" in look(stage.house.admin, "/sync/hooks/replayed/").text, (
        "that was somebody else"
    )


def test_all_that_fit_are_handled_again_within_bounds(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_REPLAYED", 3)
    dead = arrive(stage, 5, status="dead")
    [done] = arrive(stage)
    client = stage.house.admin.signed_in()
    assert "Replay the newest 3" in client.get("/sync/hooks/?status=dead").content.decode()
    page = client.post("/sync/hooks/replay/", {"status": "dead"}, follow=True).content.decode()
    assert "More fit: the newest 3 were taken." in page
    assert "0 of 3 handled again so far" in page
    assert [kept(stage, each).status for each in dead] == ["waiting"] * 3 + ["dead"] * 2
    with acting_as(stage.house.system):
        Hook.objects.filter(organisation_id=stage.organisation_id, pk=dead[0]).update(
            status="dead", explanation="It failed again."
        )
    page = client.get("/sync/hooks/replayed/").content.decode()
    assert "1 of 3 handled again so far" in page
    assert "It failed again." in page
    assert (
        "More fit" not in client.post("/sync/hooks/replay/", {"status": "dead"}, follow=True).content.decode()
    )
    assert "Search first" in client.post("/sync/hooks/replay/", follow=True).content.decode()
    nothing = client.post("/sync/hooks/replay/", {"object": "unheard-of"}, follow=True)
    assert "No webhook fits any more" in nothing.content.decode()
    assert kept(stage, done).status == "done"


def test_one_that_was_given_up_is_dismissed_and_no_other(stage: Stage) -> None:
    [given_up], [done] = arrive(stage, status="dead"), arrive(stage, status="done")
    client = stage.house.promoter.signed_in()
    assert "/dismiss/" in client.get(f"/sync/hooks/{given_up}/").content.decode()
    assert "/dismiss/" not in client.get(f"/sync/hooks/{done}/").content.decode()
    told = [
        client.post(f"/sync/hooks/{each}/dismiss/", follow=True).content.decode() for each in (given_up, done)
    ]
    assert "is dismissed" in told[0]
    assert "Only a webhook that was given up" in told[1]
    assert (kept(stage, given_up).status, kept(stage, done).status) == ("ignored", "done")
    assert stage.house.bookkeeper.signed_in().post(f"/sync/hooks/{done}/dismiss/").status_code == 403
