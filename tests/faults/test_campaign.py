"""A short campaign, and whether its checks would notice what they look for."""

from datetime import UTC, datetime, timedelta
from random import Random

import psycopg

from housecount_sandbox.limits import Limits
from tests.faults import checks
from tests.faults.__main__ import table
from tests.faults.campaign import Campaign, Size
from tests.faults.storm import HOOK_WEATHER, PLATFORM_FAULTS, plan

SEED = 20_261_127
SHORT = Size(rounds=1, seconds=8.0, throws=16, happenings=40, hooks=60, patient=False)


def test_the_seed_alone_decides_what_is_thrown() -> None:
    sizes = {"throws": 9, "happenings": 20, "hooks": 15}
    once = plan(7, 1, 4.0, **sizes)
    Random(3).random()
    assert plan(7, 1, 4.0, **sizes) == once
    assert plan(8, 1, 4.0, **sizes) != once
    assert plan(7, 2, 4.0, **sizes) != once
    assert [throw.at for throw in once] == sorted(throw.at for throw in once)
    kinds = [throw.kind for throw in once]
    assert {"worker killed", "edge killed"} <= set(kinds)
    assert kinds.count("happening") == 20
    assert kinds.count("hook") >= 15
    assert sum(kind not in {"happening", "hook"} for kind in kinds) == 9


def test_everything_that_can_be_thrown_is_thrown_by_some_seed() -> None:
    thrown = [throw for seed in range(300) for throw in plan(seed, 1, 4.0, throws=12, happenings=0, hooks=0)]
    assert set(HOOK_WEATHER) < {throw.kind for throw in thrown}
    faults = {throw.detail["kind"] for throw in thrown if throw.kind == "platform fault"}
    assert faults == {fault["kind"] for fault in PLATFORM_FAULTS}
    assert all(hasattr(Limits(), name) for weather in HOOK_WEATHER.values() for name in weather)


def test_a_short_campaign_loses_nothing_and_counts_nothing_twice() -> None:
    with Campaign(SEED, SHORT) as campaign:
        report = campaign.run()
        assert report.problems == [], table(report)
        assert report.thrown.total() == SHORT.rounds * SHORT.throws
        assert {"worker killed", "edge killed"} <= set(report.thrown)
        assert report.happened.total() > SHORT.rounds * SHORT.happenings / 2
        assert report.answers[200] > SHORT.rounds * SHORT.hooks / 3
        assert report.platform_hooks["acknowledged"] > 0
        assert "Lost, counted twice, or otherwise wrong" in table(report)
        _the_checks_notice(campaign)


def _the_checks_notice(campaign: Campaign) -> None:
    """Every kind of loss, made by hand behind the walls, is found."""
    ground, answers = campaign.ground, campaign.sender.answers
    again = checks.stored_again(ground, campaign.breaks)
    marker = campaign.sender.acknowledged[0]
    with ground.superuser() as connection:
        # Past every trigger, as no application can.
        connection.execute("SET session_replication_role = replica")
        _hurt(
            connection, "INSERT INTO webhook_log ({}) SELECT {} FROM webhook_log WHERE body LIKE %s", marker
        )
        assert checks.own_hooks(ground, answers, again) == [
            f"hook {marker} was acknowledged and is in the log 2 times"
        ]
        assert not checks.stored_again(ground, [])
        moment = datetime.now(UTC)
        broken = checks.stored_again(ground, [(moment - timedelta(hours=2), moment)])
        assert [body for body in broken if marker.encode() in body]
        connection.execute("DELETE FROM webhook_log WHERE body LIKE %s", [f"%{marker}%".encode()])
        assert checks.own_hooks(ground, answers, again) == [
            f"hook {marker} was acknowledged and is in the log 0 times"
        ]

        connection.execute("DELETE FROM webhook_log WHERE body LIKE %s", [b'%"api_url"%'])
        assert checks.platform_hooks(ground, list(campaign.sandbox.hooks.log))
        connection.execute(
            """
            UPDATE box_office_listing_total SET sold = sold - 1
            WHERE listing_id = (SELECT listing_id FROM box_office_listing_total WHERE sold > 0 LIMIT 1)
            """
        )
        assert len(checks.ledger(ground)) == 1
        assert len(checks.figures(ground, campaign.world, campaign.slug)) == 1
        assert checks.rebuilt(ground, campaign.slug)


def _hurt(connection: "psycopg.Connection[tuple[object, ...]]", query: str, marker: str) -> None:
    rows = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'webhook_log' AND column_name <> 'id'"
    )
    columns = ", ".join(str(row[0]) for row in rows)
    connection.execute(query.format(columns, columns).encode(), [f"%{marker}%".encode()])
