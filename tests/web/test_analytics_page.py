"""The analytics pages: what they say, to whom, under which filter, and as files."""

import csv
import io
import json
import re
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from housecount.box_office.models import Venue
from housecount.core.counting import Figures, Validity
from housecount.platforms.base.errors import Transient
from housecount.tenancy.identity import acting_as
from housecount.web import analytics_charts as charts
from housecount.web.analytics_filter import chosen
from tests.web.stage import Look, Stage, look

PARTS = ("day", "platform", "room", "weekday", "run", "hour")


@pytest.fixture(scope="module")
def season(database: str) -> Stage:
    """Two nights of one run in one room, one of them sold on two platforms, and one abroad."""
    stage = Stage()
    past = stage.put_on("=Friday Laughs", days=-9, sold=6, capacity=10)
    stage.put_on("=Friday Laughs", platform="humanitix", days=-9, sold=3, capacity=10)
    stage.put_on("=Friday Laughs", days=-2, sold=4, capacity=8)
    stage.put_on("Kia Ora", platform="humanitix", days=-2, sold=2, currency="NZD", venue="<b>The Loft</b>")
    stage.sell(past, stage.order(past, validity=Validity.REFUNDED, changed=5))
    return stage


def page(stage: Stage, query: str = "", path: str = "/analytics/") -> Look:
    return look(stage.house.promoter, f"{path}{query}")


def data(stage: Stage, query: str, name: str) -> dict[str, object]:
    html = stage.house.promoter.signed_in().get(f"/analytics/{query}").content.decode()
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found
    parsed: dict[str, object] = json.loads(found[1])
    return parsed


def rows(stage: Stage, query: str) -> list[dict[str, str]]:
    response = stage.house.promoter.signed_in().get(f"/analytics/download.csv?{query}")
    assert response.status_code == 200
    assert "attachment" in response["Content-Disposition"]
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


def test_every_part_says_what_was_sold(season: Stage) -> None:
    # The stage's orders were placed on 1 March 2026.
    sales = page(season, "?period=all")
    assert "Sold 13" in sales.text
    assert "Gross A$390.00" in sales.text
    assert "Given back 7.1%" in sales.text, "30 of 420"
    assert "Amounts in AUD alone" in sales.text
    platforms = page(season, "?by=platform&period=all").text
    assert "Eventbrite 10 A$300.00" in platforms
    assert "Humanitix 3 A$90.00" in platforms
    assert "Together 13 A$390.00" in platforms
    rooms = page(season, "?by=room&period=30").text
    assert "The Velvet Room, Melbourne 2 13 0 72.2% A$390.00 A$195.00" in rooms, "13 of 18 seats, 2 shows"
    runs = page(season, "?by=run&period=30").text
    assert "=Friday Laughs, The Velvet Room 2 13 0 72.2%" in runs
    weekdays = page(season, "?by=weekday&period=30").text
    assert re.search(r"(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day 2 13 0 72\.2% A\$390\.00", weekdays)
    hours = page(season, "?by=hour&period=all")
    assert "14 orders by the hour" in hours.text
    assert "Sunday 19:00 to 20:00 (14)" in hours.text, "08:00 in UTC is 19:00 in Melbourne"
    abroad = page(season, "?by=room&period=30&currency=NZD").text
    assert "<b>The Loft</b>, Melbourne 1 2 0" in abroad
    assert "NZ$60.00" in abroad


def test_filters_narrow_and_nonsense_is_left_out(season: Stage) -> None:
    with acting_as(season.house.system):
        loft = Venue.objects.get(organisation_id=season.organisation_id, name="<b>The Loft</b>")
        velvet = Venue.objects.get(organisation_id=season.organisation_id, name="The Velvet Room")
    assert "Nothing sold in these days" in page(season).text, "the last 90 days"
    assert "Sold 3 " in page(season, "?period=all&platform=humanitix").text
    assert "Sold 13 " in page(season, f"?period=all&room={velvet.pk}").text
    assert "Nothing sold" in page(season, f"?period=all&room={loft.pk}").text
    assert "Sold 13 " in page(season, f"?period=all&run={velvet.pk}:=friday laughs").text
    assert "Sold 13 " in page(season, "?period=custom&from=2026-03-05&to=2026-02-20").text, "either way round"
    assert "No show in these days" in page(season, "?by=run&period=custom&from=2020-01-01&to=2020-02-01").text
    for part in (*PARTS, "nonsense"):
        query = f"?by={part}&period=x&room=1&run=:&platform=%00&currency=XXX&from=a&to=2026-99-99&compared=z"
        page(season, query)
    page(season, "?period=custom&from=0001-01-01&to=9999-12-31")
    page(season, "?period=custom&from=2024-02-29&to=2024-02-29&compared=year")


def test_a_span_stands_beside_the_one_before(season: Stage) -> None:
    beside = "?period=custom&from=2026-03-01&to=2026-03-02"
    text = page(season, beside).text
    assert "Sold 13 Orders 14 Gross" in text
    assert "Nothing was sold from Fri 27 Feb 2026 to Sat 28 Feb 2026 that could be compared" in text
    after = page(season, "?period=custom&from=2026-03-03&to=2026-03-03&compared=before").text
    assert "Nothing sold" in after
    chart = data(season, "?period=custom&from=2026-03-01&to=2026-03-03", "sold-data")
    assert [each["values"] for each in chart["series"]] == [[13, 0, 0], [0, 0, 0]]  # type: ignore[attr-defined]
    assert (
        len(data(season, "?period=custom&from=2026-03-01&to=2026-03-03&compared=none", "sold-data")["series"])
        == 1
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("part", PARTS)
def test_the_same_figures_as_a_file(season: Stage, part: str) -> None:
    found = rows(season, f"by={part}&period=all")
    assert found
    if part == "hour":
        assert sum(int(value) for row in found for name, value in row.items() if name != "Weekday") == 14
    else:
        assert sum(int(row["Sold"]) for row in found) == 13
        assert {row["Currency"] for row in found} == {"AUD"}
    client = season.house.bookkeeper.signed_in()
    sheet = client.get(f"/analytics/download.xlsx?by={part}&period=all")
    book = zipfile.ZipFile(io.BytesIO(sheet.content))
    assert "<f>" not in book.read("xl/worksheets/sheet1.xml").decode()


def test_a_title_is_no_formula(season: Stage) -> None:
    [run] = rows(season, "by=run&period=30")
    assert run["Run"] == "'=Friday Laughs, The Velvet Room"
    assert (run["Shows"], run["Seats"], run["Taken"], run["Sell-through, %"]) == ("2", "18", "13", "72.2")
    assert (run["Gross"], run["Refunds"], run["Given back, %"]) == ("390.00", "30.00", "7.1")


def test_two_shows(season: Stage) -> None:
    start = page(season, path="/analytics/compare/")
    assert "Choose the first show" in start.text
    found = page(season, "?q=friday", "/analytics/compare/")
    first = next(link for link in found.links if link.startswith("?first="))
    one = page(season, first, "/analytics/compare/")
    assert "Choose a show to put beside it" in one.text
    second = next(link for link in one.links if "second=" in link)
    both = page(season, second, "/analytics/compare/")
    assert "Sold so far, by days to go" in both.text
    assert re.search(r"The (first|second) is ahead by \d", both.text)
    table = rows(season, f"by=compare&{second[1:]}")
    assert len(table[0]) == 3
    assert {int(value) for name, value in table[-1].items() if name != "Days to go"} == {9, 4}
    assert "No show fits “zzz”" in page(season, "?q=zzz", "/analytics/compare/").text
    page(season, "?first=x&second=00000000-0000-4000-8000-000000000000", "/analytics/compare/")
    client = season.house.promoter.signed_in()
    assert client.get("/analytics/download.csv?by=compare").status_code == 404


def test_only_the_office_sees_it(season: Stage) -> None:
    for path in ("/analytics/", "/analytics/compare/", "/analytics/download.csv", "/analytics/download.xlsx"):
        assert season.house.act.signed_in().get(path).status_code == 403
        assert (
            season.house.bookkeeper.signed_in()
            .get(f"{path}?by=compare" if "load" not in path else path)
            .status_code
            == 200
        )
        assert season.house.admin.signed_in().post(path).status_code == 405


def test_an_account_that_fails_is_named(stage: Stage) -> None:
    listing = stage.put_on("Late Gala", days=5, sold=1)
    text = page(stage, "?period=all").text
    assert "(humanitix account) may be behind: It was not read yet." in text
    assert "(eventbrite account) may be behind" not in text
    stage.fail(listing, Transient("Eventbrite did not answer."))
    assert (
        "(eventbrite account) may be behind: 1 of its events could not be read."
        in page(stage, "?period=all").text
    )


def test_an_empty_house_is_told_where_to_begin(database: str) -> None:
    from tests.world import make_house

    house = make_house()
    for path in ("/analytics/", "/analytics/?by=room", "/analytics/?by=hour", "/analytics/compare/"):
        assert "Connect an account" in look(house.admin, path).text


def test_more_shows_are_no_more_queries(stage: Stage) -> None:
    def asked() -> list[int]:
        client = stage.house.admin.signed_in()
        found = []
        for part in PARTS:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(f"/analytics/?by={part}&period=all").status_code == 200
            found.append(len(queries))
        return found

    stage.put_on("One night", days=2, sold=1)
    before = asked()
    for day in range(3, 8):
        stage.put_on("One night", days=day, sold=1, venue=f"Room {day}")
    assert asked() == before


def test_figures_say_how_they_changed() -> None:
    now = Figures(sold=30, orders=10, gross=9000, absorbed_fees=900, refunds=1000)
    before = Figures(sold=20, orders=12, gross=9000, absorbed_fees=450, refunds=0)
    told = {stat.label: (stat.value, stat.change) for stat in charts.stats(now, before, "AUD")}
    assert told == {
        "Sold": ("30", "+50.0%"), "Orders": ("10", "−16.7%"), "Gross": ("A$90.00", "as before"),
        "Net": ("A$81.00", "−5.3%"), "Fees, of gross": ("10.0%", "+5.0 points"),
        "Given back": ("10.0%", "+10.0 points"),
    }  # fmt: skip
    assert {stat.change for stat in charts.stats(now, None, "AUD")} == {""}
    assert charts.stats(now, Figures(), "AUD")[0].change == "nothing before"


def test_figures_as_people_read_them() -> None:
    assert [charts.percent(value) for value in (None, 0, 74, 1000)] == ["–", "0.0%", "7.4%", "100.0%"]
    assert charts.bar(5, 10) == 500
    assert [charts.bar(value, most) for value, most in ((None, 5), (-3, 5), (9, 5), (1, 0))] == [
        0,
        0,
        1000,
        0,
    ]
    assert charts.sketch([]) == ""
    assert charts.sketch([2, 0]).startswith("M75.0,100V0.0H425.0V100Z")


def test_spans_of_the_calendar() -> None:
    from django.http import QueryDict

    from tests.web.stage import utc

    # Already the 1st of March in Melbourne.
    now = utc(2024, 2, 29, 20)

    def span(query: str, *, of_shows: bool = False) -> tuple[str, str, str]:
        found = chosen(QueryDict(query), now, "Australia/Melbourne", ["AUD"], None, of_shows=of_shows)
        before = found.before
        return str(found.filters.since), str(found.filters.until), str(before.since) if before else "none"

    assert span("") == ("2023-12-03", "2024-03-01", "2023-09-04")
    assert span("period=7") == ("2024-02-24", "2024-03-01", "2024-02-17")
    assert span("period=month&compared=year") == ("2024-03-01", "2024-03-01", "2023-03-01")
    assert span("period=last-month&compared=year") == ("2024-02-01", "2024-02-29", "2023-02-01")
    assert span("period=last-year") == ("2023-01-01", "2023-12-31", "2022-01-01")
    assert span("period=year&compared=none") == ("2024-01-01", "2024-03-01", "none")
    assert span("period=all") == ("2024-03-01", "2024-03-01", "none")
    assert span("period=all", of_shows=True)[1] > str(now.date() + timedelta(days=900))
