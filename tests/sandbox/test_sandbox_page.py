"""The how-to page against the code: what it names exists, and what exists is named."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from housecount_sandbox import Faults, World
from housecount_sandbox.cli import serve
from housecount_sandbox.faults import KINDS
from housecount_sandbox.happenings import _VERBS
from housecount_sandbox.limits import Limits
from tests.sandbox.conftest import TODAY, Running

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "test-against-the-sandbox.md").read_text("utf-8")


@pytest.mark.parametrize(
    "names",
    [
        KINDS,
        _VERBS,
        Limits.__dataclass_fields__,
        [option for parameter in serve.params for option in parameter.opts],
    ],
)
def test_everything_is_on_the_page(names: Any) -> None:
    assert len(names) > 5
    assert [name for name in names if f"`{name}" not in PAGE and f"{name}" not in PAGE] == []


def test_the_pages_faults_are_faults() -> None:
    block = next(text for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL) if '"kind"' in text)
    faults = Faults()
    faults.set(json.loads(block))
    assert len(faults.active) == 3


def test_the_pages_numbers_are_the_seasons(clock: Any) -> None:
    small = World.small(seed=1, now=clock).truth_document()
    assert f"or {len(small['shows'])} shows with every special case" in PAGE
    full = World.full(seed=1, orders=1000, now=clock).truth_document()
    assert abs(len(full["shows"]) - 240) <= 15


def test_the_worked_example(empty: Running) -> None:
    event = empty.world.add_eventbrite_event(
        "Example", TODAY + timedelta(days=5), tickets=[("Entry", 3000)], tax_rate=1000
    )
    order = empty.world.buy(event, 2)
    empty.world.refund(order, order.attendees[:1])
    (listing,) = empty.eventbrite.get("/_sandbox/truth").json["listings"]
    text = PAGE[PAGE.index("A worked example") :].splitlines()[0]
    for name, word in (
        ("orders", "Orders"),
        ("sold", "sold"),
        ("cancelled", "cancelled"),
        ("gross", "gross"),
        ("refunds", "refunds"),
        ("tax", "tax"),
        ("passed_on_fees", "passed-on fees"),
        ("net", "net"),
    ):
        value = listing[name]
        shown = str(value) if name in ("orders", "sold", "cancelled") else f"{value // 100}.{value % 100:02d}"
        assert f"{word} {shown}" in text, (name, shown)
