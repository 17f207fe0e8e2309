"""The webhook log: searched, shown, replayed, and forgotten in time; each organisation's for itself."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from django.db import ProgrammingError

from housecount.cli.main import cli
from housecount.installation import environment
from housecount.intake import queries, services, tasks
from housecount.intake.models import Hook
from housecount.tenancy.identity import Identity, Role, acting_as
from housecount.tenancy.models import Organisation
from tests.intake.post import Post
from tests.sync.theatre import HUMANITIX, MELBOURNE, SYDNEY, Theatre
from tests.world import House, make_house


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["webhooks", *arguments])


def document(*arguments: str) -> Any:
    ran = run(*arguments, "--json")
    assert ran.exit_code == 0, ran.output
    return json.loads(ran.stdout)


def ids(*arguments: str) -> list[int]:
    return [hook["id"] for hook in document("list", *arguments)["hooks"]]


def slug(stage: Theatre) -> str:
    with acting_as(stage.promoter.identity):
        return Organisation.objects.get(pk=stage.promoter.organisation_id).slug


# --- Seeing -------------------------------------------------------------------------------------------------
def test_the_log_is_listed_newest_first(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    first, second = post.order(order), post.order(order, "order.placed", late=1)
    post.handle(seconds=1)
    hooks = document("list", "--organisation", slug(stage))["hooks"]
    assert [hook["id"] for hook in hooks] == [second, first]
    assert set(hooks[0]) == {
        "id", "organisation", "account", "platform", "received_at", "action", "verdict", "status", "attempts",
        "next_try_at", "handled_at", "outcome", "explanation", "touches",
    }  # fmt: skip
    shown = hooks[1]
    assert shown["organisation"] == slug(stage)
    assert shown["account"] == str(stage.promoter.accounts[MELBOURNE].pk)
    assert (shown["platform"], shown["action"], shown["verdict"]) == (
        "eventbrite",
        "order.updated",
        "understood",
    )
    assert (shown["status"], shown["outcome"], shown["attempts"]) == ("done", "changed", 1)
    assert shown["touches"] == [{"kind": "order", "object_id": order.id, "event_id": ""}]
    assert datetime.fromisoformat(shown["received_at"]) == stage.clock() - timedelta(seconds=1)
    assert shown["next_try_at"] is None
    assert shown["explanation"]


def test_the_log_is_searched(stage: Theatre, post: Post) -> None:
    here = ("--organisation", slug(stage))
    order = stage.world.buy(stage.friday)
    done = post.order(order)
    post.handle()
    waiting = post.order(order, late=3600)
    other = post.order(stage.sydney.orders[0], account=SYDNEY, late=7200)
    assert ids(*here, "--account", str(stage.promoter.accounts[SYDNEY].pk)) == [other]
    assert ids(*here, "--status", "waiting") == [other, waiting]
    assert ids(*here, "--status", "waiting", "--status", "done") == [other, waiting, done]
    assert ids(*here, "--object", order.id) == [waiting, done]
    assert ids(*here, "--limit", "1") == [other]
    since = (stage.clock() + timedelta(minutes=30)).isoformat()
    assert ids(*here, "--since", since) == [other, waiting]
    assert ids(*here, "--object", "no-such-object") == []


@pytest.mark.parametrize(("ago", "found"), [("90m", 1), ("2h", 2), ("1d", 3), ("0d", 0)])
def test_since_may_say_how_long_ago(stage: Theatre, post: Post, ago: str, found: int) -> None:
    stage.clock.time = datetime.now(UTC)
    for minutes in (60, 110, 300):
        post.order(stage.friday.orders[0], late=-60 * minutes)
    assert len(ids("--organisation", slug(stage), "--since", ago)) == found


def test_without_an_organisation_all_are_listed_and_nobodys(stage: Theatre, post: Post) -> None:
    mine = post.order(stage.friday.orders[0], late=10**9)
    nobodys = post.put("eventbrite", {"config": {"action": "venue.updated"}}, None, late=10**9 + 1)
    hooks = document("list", "--limit", "2")["hooks"]
    assert [(hook["id"], hook["organisation"]) for hook in hooks] == [(nobodys, None), (mine, slug(stage))]
    assert nobodys not in ids("--organisation", slug(stage))


def test_a_hook_is_shown_without_secrets(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    address = post.address(MELBOURNE)
    body = {
        "config": {"action": "order.placed", "endpoint_url": address, "webhook_id": "77"},
        "api_url": f"https://www.eventbriteapi.com/v3/orders/{order.id}/",
        "odd": "\u202e\u0007",
    }
    hook = post.put("eventbrite", body, MELBOURNE, headers={"x-eventbrite-event": "order.placed"})
    shown = document("show", str(hook))
    assert order.id in shown["body"]
    assert address.rpartition("/")[2] not in json.dumps(shown)
    assert shown["headers"] == {"x-eventbrite-event": "order.placed"}
    assert shown["webhook_id"] == "77"
    text = run("show", str(hook))
    assert text.exit_code == 0
    assert "\u202e" not in text.output
    assert address.rpartition("/")[2] not in text.output


def test_a_body_that_is_no_text_is_shown_as_far_as_it_can_be(stage: Theatre) -> None:
    hook = Hook(body=b"\x1b[31mred\xff\x00 \xc3\xa9")
    assert queries.readable_body(hook) == "\ufffd[31mred\ufffd\ufffd é"
    assert len(queries.readable_body(Hook(body=b"x" * 300_000))) < 21_000


def test_the_list_is_readable(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    post.order(order)
    post.handle()
    told = run("list", "--organisation", slug(stage)).output
    assert order.id in told
    assert "changed" in told
    assert "No webhook" in run("list", "--organisation", slug(stage), "--object", "none").output


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "999999999"], 1, "no webhook 999999999"),
        (["replay", "999999999"], 1, "no webhook 999999999"),
        (["list", "--account", "c0ffee"], 1, "not the id of an account"),
        (["list", "--organisation", "no-such-organisation"], 1, "no-such-organisation"),
        (["list", "--since", "yesterday"], 2, "is no time"),
        (["list", "--since", "99999999999d"], 2, "is no time"),
        (["list", "--status", "lost"], 2, "lost"),
        (["list", "--limit", "0"], 2, "0"),
        (["show", "x"], 2, "x"),
        (["show", str(10**30)], 2, "range"),
        (["replay"], 2, "Give the IDs"),
        (["replay", "1", "--status", "dead"], 2, "Give the IDs"),
    ],
)
def test_what_is_refused_says_why(database: str, arguments: list[str], code: int, said: str) -> None:
    ran = run(*arguments)
    assert ran.exit_code == code, ran.output
    assert said in ran.output


# --- Replay -------------------------------------------------------------------------------------------------
def test_a_dead_hook_is_replayed_and_read(stage: Theatre, post: Post) -> None:
    order = stage.world.buy(stage.friday)
    hook = post.order(order)
    with acting_as(stage.promoter.identity):
        Hook.objects.filter(pk=hook).update(
            status="dead", attempts=12, next_try_at=None, handled_at=stage.clock()
        )
    assert document("replay", str(hook)) == {"replayed": 1}
    kept = post.hook(hook)
    assert (kept.status, kept.attempts, kept.handled_at) == ("waiting", 0, None)
    stage.clock.time = datetime.now(UTC) + timedelta(seconds=5)
    post.handle()
    assert post.state(hook) == ("done", "changed")
    assert stage.promoter.count() == stage.promoter.truth()


def test_hooks_are_replayed_by_range_and_counted_once(stage: Theatre, post: Post) -> None:
    here = ("--organisation", slug(stage))
    orders = [stage.world.buy(stage.friday, 2) for _ in range(3)]
    hooks = [post.order(order, late=60 * number) for number, order in enumerate(orders)]
    other = post.order(stage.world.buy(stage.sydney), account=SYDNEY)
    start = stage.clock()
    post.handle(seconds=180)
    before = stage.promoter.count()
    account = str(stage.promoter.accounts[MELBOURNE].pk)
    since, until = (start + timedelta(seconds=30)).isoformat(), (start + timedelta(seconds=90)).isoformat()
    assert document("replay", "--account", account, "--since", since, "--until", until) == {"replayed": 1}
    assert [post.hook(hook).status for hook in hooks] == ["done", "waiting", "done"]
    assert document("replay", *here, "--object", orders[2].id) == {"replayed": 1}
    assert document("replay", *here, "--status", "done") == {"replayed": 2}
    assert {post.hook(hook).status for hook in (*hooks, other)} == {"waiting"}
    stage.clock.time = datetime.now(UTC) + timedelta(seconds=5)
    post.handle()
    assert {post.hook(hook).status for hook in (*hooks, other)} == {"done"}
    assert stage.promoter.count() == before
    assert stage.promoter.differences() == []
    assert run("replay", *here, "--status", "dead").output.startswith("0 webhooks")


def test_a_hook_of_nobodys_can_be_replayed(stage: Theatre, post: Post) -> None:
    hook = post.put("eventbrite", ["nothing"], None)
    post.handle()
    assert post.hook(hook).status == "ignored"
    assert document("replay", str(hook)) == {"replayed": 1}
    assert post.hook(hook).status == "waiting"


# --- Forgetting -----------------------------------------------------------------------------------------------
def test_what_ended_is_forgotten_in_time_and_what_waits_is_kept(
    stage: Theatre, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOUSECOUNT_HOOKS_KEPT_DAYS", "7")
    environment.load.cache_clear()
    monkeypatch.setattr(services, "STEP", 2)
    day = 24 * 3600
    statuses = ("done", "ignored", "dead", "waiting")
    old = {status: post.order(stage.friday.orders[0], late=-8 * day) for status in statuses}
    young = {status: post.order(stage.friday.orders[0], late=-6 * day) for status in statuses}
    more = [post.order(stage.friday.orders[0], late=-9 * day) for _ in range(5)]
    nobodys = post.put("eventbrite", ["nothing"], None, late=-8 * day)
    with acting_as(stage.promoter.identity):
        for hooks in (old, young):
            for status, hook in hooks.items():
                Hook.objects.filter(pk=hook).update(status=status)
        Hook.objects.filter(pk__in=more).update(status="done")
    with acting_as(Identity.system()):
        Hook.objects.filter(pk=nobodys).update(status="ignored")
    asyncio.run(tasks.forget_old(stage.clock()))
    with acting_as(Identity.system()):
        left = set(
            Hook.objects.filter(pk__in=[*old.values(), *young.values(), *more, nobodys]).values_list(
                "pk", flat=True
            )
        )
    assert left == {old["dead"], old["waiting"], *young.values()}
    monkeypatch.undo()
    environment.load.cache_clear()


# --- Walls ------------------------------------------------------------------------------------------------------
@pytest.fixture
def others(stage: Theatre, post: Post) -> tuple[House, int, int]:
    """Another organisation; a hook of this one, and one of nobody's."""
    return make_house(), post.order(stage.friday.orders[0]), post.put("eventbrite", ["nothing"], None)


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.SYSTEM])
def test_nobody_sees_or_replays_the_hooks_of_another_organisation(
    stage: Theatre, post: Post, others: tuple[House, int, int], role: Role
) -> None:
    house, mine, nobodys = others
    identity = Identity(Role.INTAKE) if role is Role.INTAKE else house.identity(role)
    with acting_as(identity):
        for organisation_id in (stage.promoter.organisation_id, house.organisation.pk, None):
            assert list(queries.hooks_of(organisation_id)) == []
            assert services.replay(queries.hooks_of(organisation_id)) == 0
        assert Hook.objects.filter(pk__in=[mine, nobodys]).delete()[0] == 0
    assert post.state(mine) == ("waiting", "")


def test_another_organisations_jobs_see_only_their_own(
    stage: Theatre, post: Post, others: tuple[House, int, int]
) -> None:
    house, mine, nobodys = others
    with acting_as(house.system):
        assert list(Hook.objects.filter(pk__in=[mine, nobodys])) == []
        assert Hook.objects.filter(pk__in=[mine, nobodys]).update(status="done") == 0
    with acting_as(Identity.system()):
        seen = set(Hook.objects.filter(pk__in=[mine, nobodys]).values_list("pk", flat=True))
        assert seen == {mine, nobodys}, "the engine finds what is due, across organisations"
        assert Hook.objects.filter(pk=mine).update(status="done") == 0, "and changes it only within its own"


def test_people_see_their_own_and_change_nothing(stage: Theatre, post: Post) -> None:
    hook = post.order(stage.friday.orders[0])
    for role in (Role.ADMIN, Role.PROMOTER):
        with acting_as(Identity(role, stage.promoter.organisation_id)):
            assert [row.pk for row in queries.hooks_of(stage.promoter.organisation_id)] == [hook]
            assert Hook.objects.filter(pk=hook).update(status="done") == 0
    for role in (Role.BOOKKEEPER, Role.ACT):
        with acting_as(Identity(role, stage.promoter.organisation_id)):
            assert list(queries.hooks_of(stage.promoter.organisation_id)) == []


def test_nobody_adds_a_hook_but_the_edge_and_the_engine(stage: Theatre) -> None:
    for role in (Role.ADMIN, Role.PROMOTER, Role.BOOKKEEPER, Role.ACT):
        with pytest.raises(ProgrammingError), acting_as(Identity(role, stage.promoter.organisation_id)):
            Hook.objects.create(
                organisation_id=stage.promoter.organisation_id,
                account_id=stage.promoter.accounts[HUMANITIX].pk,
                platform="humanitix",
                body=b"{}",
                verdict="understood",
            )
