"""What the benchmarks measure with, not what they measure."""

import json

import pytest

from bench import __main__ as command
from bench import orders
from bench.report import Line, document, table


def test_orders_are_the_same_every_time_and_like_real_ones() -> None:
    events = orders.event_ids(3)
    pages = list(orders.pages(events, 250, 100))
    assert pages == list(orders.pages(events, 250, 100))
    records = [orders.neutral(page) for page in pages]
    assert [len(page) for page in records] == [100, 100, 50]
    assert [{order.event_id for order in page} for page in records] == [{event} for event in events]
    tickets = [ticket for page in records for order in page for ticket in order.tickets or ()]
    assert 2.0 < len(tickets) / 250 < 2.4
    assert len({ticket.external_id for ticket in tickets}) == len(tickets)
    assert all(b"buyers.example" not in order.raw for page in records for order in page)


@pytest.mark.parametrize(
    ("ratio", "goal", "at_most", "met"),
    [(0.5, 0.5, False, True), (0.49, 0.5, False, False), (1.2, 1.25, True, True), (1.3, 1.25, True, False),
     (1.0, None, False, None)],
)  # fmt: skip
def test_a_goal_is_met_or_not(ratio: float, goal: float | None, at_most: bool, met: bool | None) -> None:
    line = Line("load", "ledger", 1000.0, "records/s", ratio, "of raw", goal, at_most)
    assert line.met is met
    assert json.loads(document([line], 1.0))["lines"][0]["met"] is met
    assert ("NOT MET" in table([line])) is (met is False)


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["loud"])
    assert refused.value.code == 2
    assert "there is no benchmark loud" in capsys.readouterr().err
