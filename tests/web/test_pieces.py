"""Parts of pages that functions write: what they say, and that words from outside stay words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from housecount.box_office.models import Show, Venue
from housecount.box_office.show_lists import Recent
from housecount.box_office.show_runs import Run
from housecount.core.counting import Figures
from housecount.insights.pace import Pace
from housecount.sync.queries import ShowCount
from housecount.web import pieces
from housecount.web.charts import bar, spark
from housecount.web.rows import ShowRow
from housecount.web.words import Age

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SHOW = UUID("00000000-0000-0000-0000-00000000000a")
EVIL = "<script>alert('x')</script> & \"Sons\""
HARMLESS = "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt; &amp; &quot;Sons&quot;"


def row(
    *, title: str = "Late laughs", cancelled: bool = False, comps: int = 0, capacity: int | None = 100
) -> ShowRow:
    venue = Venue(name=title, city=title, country="AU", timezone="Australia/Hobart")
    show = Show(id=SHOW, title=title, venue=venue, starts_at=NOW, currency="AUD", cancelled=cancelled)
    figures = Figures(sold=1_200, comps=comps, gross=-5, absorbed_fees=7)
    return ShowRow(
        count=ShowCount(show=show, starts_at=NOW, capacity=capacity, figures=figures, listings=()),
        day="Sun 22 Nov",
        clock="8:00 pm AEDT",
        near="Tonight",
        bar=bar({"humanitix": 1_200}, capacity),
        age=Age("stale", title, (NOW - timedelta(hours=1)).isoformat()),
        spark=spark([1] * 14),
        recent=Recent((*[0] * 13, -3)),
        pace=Pace(900, 133, 7, title),
    )


@pytest.mark.usefixtures("database")
def test_words_from_outside_stay_words() -> None:
    for html in (
        pieces.show_rows([row(title=EVIL)], "page"),
        pieces.selling(row(title=EVIL)),
        pieces.age(Age("gone", EVIL)),
        pieces.run_options([Run(EVIL, EVIL, EVIL, 2, False)], ""),
    ):
        assert EVIL not in html
        assert HARMLESS in html
        assert "<script" not in html


@pytest.mark.usefixtures("database")
def test_a_row_says_what_its_show_comes_to() -> None:
    html = pieces.show_rows([row(comps=2)], "page")
    assert f'id="show-{SHOW}"' in html
    assert f'href="/shows/{SHOW}/"' in html
    for said in (
        "<b>1,200</b>", "of 100", ">1200%<", "Humanitix 1,200", "incl. 2 comps", "Oversold by 1,100",
        "−A$0.05", "−A$0.12", "<b>−3</b>", '<b class="ahead">133%</b>', ">Tonight<",
    ):  # fmt: skip
        assert said in html, said
    assert 'class="off"' not in html
    assert 'class="selling"' not in pieces.show_rows([row()], "past")
    assert "seats unknown" in pieces.house(row(capacity=None))
    off = pieces.show_rows([row(cancelled=True)], "page")
    assert 'class="off"' in off
    assert ">Cancelled<" in off
    assert "usual pace" not in off


def test_the_run_that_was_chosen_is_the_one_selected() -> None:
    runs = [Run("a", "Late", "Cellar", 2, False), Run("=b", "Fest", "", 3, True)]
    assert pieces.run_options(runs, "=b") == (
        '<option value="a">Late, Cellar (2)</option><option value="=b" selected>Fest (3)</option>'
    )
