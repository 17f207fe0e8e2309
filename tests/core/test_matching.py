"""Matching listings to shows: labelled pairs, the choice among candidates, and what holds for any pair."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from housecount.core import matching
from housecount.core.matching import Subject, Verdict, choose, night_of, score
from housecount.core.words import LONGEST_NAME, fold
from tests.core.matching_pairs import DOORS, FNL, LATE, PAIRS, show
from tests.examples import LETTERS


@pytest.mark.parametrize(
    ("verdict", "a", "b"),
    [
        pytest.param(verdict, a, b, id=f"{i}-{a.title}-{b.title}")
        for i, (_, verdict, a, b) in enumerate(PAIRS)
    ],
)
def test_a_labelled_pair_gets_its_verdict(verdict: str, a: Subject, b: Subject) -> None:
    match = score(a, b)
    assert match.verdict == verdict, match


def test_no_pair_of_different_shows_is_ever_sure_and_most_pairs_of_one_show_are() -> None:
    assert len(PAIRS) >= 60
    assert [(a, b) for same, _, a, b in PAIRS if not same and score(a, b).verdict is Verdict.SURE] == []
    ones = [score(a, b).verdict for same, _, a, b in PAIRS if same]
    assert Verdict.NO not in ones
    assert ones.count(Verdict.SURE) >= 0.8 * len(ones)


@pytest.mark.parametrize(
    "title",
    [
        "Friday Night Laughs @ Velvet",
        "Friday Night Laughs (at The Velvet Room)",
        "Friday Night Laughs - Fri 27 Nov",
        "Friday Night Laughs, Friday the 27th of November 2026 at 7:30pm",
        "Friday Night Laughs 27/11/2026 19:30",
        "Nov. 27: Friday Night Laughs",
        "2026-11-27 Friday Night Laughs",
        "Friday Night Laughs 2026",
        "𝐅𝐫𝐢𝐝𝐚𝐲 𝐍𝐢𝐠𝐡𝐭 𝐋𝐚𝐮𝐠𝐡𝐬",
        "Fri\u200bday Night Lau\u00adghs",
        "Frida\u0301y Night Laughs",
    ],
)
def test_what_platforms_add_to_a_title_is_set_aside(title: str) -> None:
    assert score(show(FNL), show(title)).reasons[1] == ("title_same", 50, "Same title: 'friday night laughs'")


@pytest.mark.parametrize(
    ("venue", "city", "code"),
    [
        ("the velvet room", "", "venue_same"),
        ("Melbourne Velvet Room", "Melbourne", "venue_same"),
        ("The Velvet Room, 12 Swan St", "Melbourne", "venue_within"),
        ("TBA", "Melbourne CBD", "venue_city_only"),
        ("TBA", "", "venue_unknown"),
        ("Online", "", "venue_unknown"),
        ("Online", "Melbourne", "venue_unknown"),
        ("القاعة المخملية", "", "venue_unknown"),
        ("Velvet Lounge", "Melbourne", "venue_unclear"),
        ("The Velvet Room", "Sydney", "same_name_other_city"),
        ("", "Sydney", "city_differs"),
        ("Town Hall", "Melbourne", "venue_differs"),
        ("Town Hall", "Sydney", "venue_and_city_differ"),
    ],
)
def test_places_compare_by_name_and_city(venue: str, city: str, code: str) -> None:
    for a, b in (
        (show(FNL), show(FNL, venue=venue, city=city)),
        (show(FNL, venue=venue, city=city), show(FNL)),
    ):
        assert score(a, b).reasons[2].code == code


def test_a_word_written_apart_is_the_word_written_together() -> None:
    assert score(show("Giggle Fest"), show("Gigglefest")).reasons[1].code == "title_same"
    assert fold("Fri\u200bday") == "friday"


def test_the_arabic_stretch_is_silent() -> None:
    assert score(show("ليلة الضحك"), show("ليلة الضـــحك")).reasons[1].code == "title_same"


def test_slips_are_paired_the_same_way_from_both_sides() -> None:
    one, other = show("abcdef abcdxz"), show("abcdeg abcdxf")
    assert score(one, other).reasons[1].code == score(other, one).reasons[1].code == "title_similar"


def test_a_title_is_read_to_a_limit() -> None:
    assert len(fold("x" * 10_000)) == LONGEST_NAME


@pytest.mark.parametrize(
    ("minutes", "points"),
    [(0, 30), (5, 30), (6, 26), (15, 26), (16, 22), (30, 22), (31, 12), (60, 12), (61, 5), (90, 5), (91, 0)],
)
def test_the_start_gives_points_by_its_distance(minutes: int, points: int) -> None:
    later = show(FNL)._replace(starts_at=show(FNL).starts_at + timedelta(minutes=minutes))
    assert score(show(FNL), later).reasons[0].points == points


@pytest.mark.parametrize(
    ("points", "verdict"),
    [(0, "no"), (54, "no"), (55, "doubtful"), (87, "doubtful"), (88, "sure"), (100, "sure")],
)
def test_the_verdict_follows_from_the_points(points: int, verdict: str) -> None:
    assert matching.verdict_of(points) == verdict


def test_one_night_in_either_zone_is_one_night() -> None:
    # 03:50 and 04:10 in Melbourne are two nights; told by Brisbane's clock they are one.
    late = show(FNL, "2026-11-28 03:50")
    assert score(late, show(FNL, "2026-11-28 03:10", zone="Australia/Brisbane")).reasons[0].points == 22


# What holds for any pair

_titles = st.one_of(
    st.sampled_from(sorted({subject.title for _, _, a, b in PAIRS for subject in (a, b)})),
    st.lists(
        st.sampled_from(
            [
                "friday",
                "night",
                "laughs",
                "laugh",
                "late",
                "nina",
                "osei",
                "show",
                "1",
                "@",
                "velvet",
                "room",
                "夜",
            ]
        ),
        max_size=7,
    ).map(" ".join),
    st.text(LETTERS, max_size=30),
)
_venues = st.one_of(
    st.sampled_from(
        [
            "",
            "TBA",
            "Online",
            "The Velvet Room",
            "Velvet Rooms",
            "Velvet Lounge",
            "Town Hall",
            "Melbourne Town Hall",
            "天幕",
        ]
    ),
    st.text(LETTERS, max_size=15),
)
_cities = st.sampled_from(["", "Melbourne", "Melbourne CBD", "Sydney", "東京"])
_zones = st.sampled_from(
    ["Australia/Melbourne", "Australia/Brisbane", "Europe/London", "UTC", "", "Not/AZone"]
)
_starts = st.integers(-8 * 60, 8 * 60).map(
    lambda m: datetime(2026, 11, 27, 8, 30, tzinfo=UTC) + timedelta(minutes=m)
)
_subjects = st.builds(Subject, _titles, _starts, _zones, _venues, _cities)
_untitled = Subject("", datetime(2026, 11, 27, 8, 30, tzinfo=UTC), "UTC")


@given(_subjects, _subjects)
@example(_untitled, _untitled._replace(title="'"))
def test_both_directions_agree_and_the_reasons_add_up_to_the_score(a: Subject, b: Subject) -> None:
    there, back = score(a, b), score(b, a)
    assert (there.score, there.verdict) == (back.score, back.verdict)
    assert [(r.code, r.points) for r in there.reasons] == [(r.code, r.points) for r in back.reasons]
    assert there.score == sum(reason.points for reason in there.reasons)
    assert 0 <= there.score <= 100
    assert there.verdict is matching.verdict_of(there.score)


@given(_subjects, _subjects, st.sampled_from([-1, 1]), st.integers(0, 200), st.integers(0, 200))
def test_moving_a_start_away_never_raises_the_score(
    a: Subject, b: Subject, way: int, near: int, far: int
) -> None:
    near, far = sorted((near, far))
    b = b._replace(timezone=a.timezone)
    scores = [
        score(a, b._replace(starts_at=a.starts_at + way * timedelta(minutes=minutes))).score
        for minutes in (0, near, far)
    ]
    assert scores == sorted(scores, reverse=True)


@given(_subjects, _subjects)
def test_another_listing_is_never_closer_than_the_same_one(a: Subject, b: Subject) -> None:
    a = a._replace(title=f"{a.title} osei nina loud", venue_name="The Velvet Room", venue_city="Melbourne")
    same = score(a, a)
    assert same.verdict is Verdict.SURE
    assert score(a, b).score <= same.score


@given(_subjects, _subjects, st.sampled_from(["xylophone", "quagmire", "zebra 7"]))
def test_a_foreign_word_never_raises_the_score(a: Subject, b: Subject, word: str) -> None:
    b = b._replace(title=f"Nina Osei {b.title}", starts_at=a.starts_at)
    assert score(a, b._replace(title=f"{b.title} {word}")).score <= score(a, b).score


@given(_subjects, _subjects, _venues.filter(lambda name: name not in {"", "TBA"}))
def test_a_venue_that_differs_is_never_better_than_the_same(a: Subject, b: Subject, venue: str) -> None:
    a = a._replace(title="Nina Osei", venue_name="Harbour Cellar")
    b = b._replace(title="Nina Osei")
    assert (
        score(a, b._replace(venue_name=venue)).score
        <= score(a, b._replace(venue_name="Harbour Cellar")).score
    )


@given(_subjects, _subjects, st.integers(91, 10_000))
def test_more_than_ninety_minutes_apart_is_never_the_same_show(a: Subject, b: Subject, minutes: int) -> None:
    assert score(a, b._replace(starts_at=a.starts_at + timedelta(minutes=minutes))).verdict is Verdict.NO


# Sentences


def sentences(a: Subject, b: Subject) -> list[str]:
    return [reason.sentence for reason in score(a, b).reasons]


def test_reasons_can_be_read_by_a_promoter() -> None:
    assert sentences(show(FNL), show("Friday Night Laughs with Priya Nair", venue="Town Hall")) == [
        "Same start, Friday 27 November 7:30 pm",
        "Titles share 'friday night laughs'; only one says 'priya nair'",
        "Venues differ: The Velvet Room / Town Hall",
        "Ruled out: the venues differ",
    ]
    assert sentences(show(FNL), show(FNL, DOORS)) == [
        "Starts 30 min apart, 7:30 pm / 7:00 pm on Friday 27 November",
        "Same title: 'friday night laughs'",
        "Same venue: The Velvet Room",
    ]
    assert sentences(show(FNL), show(FNL, "2026-12-04 19:30")) == [
        "Different nights: Friday 27 November / Friday 4 December"
    ]


def test_two_clocks_are_both_told() -> None:
    brisbane = show(FNL, "2026-11-27 18:30", zone="Australia/Brisbane")
    assert sentences(show(FNL), brisbane)[0] == (
        "Same start, Friday 27 November 7:30 pm (7:30 pm in Australia/Melbourne / 6:30 pm in Australia/Brisbane)"
    )


def test_a_title_without_spaces_is_quoted_as_it_was_written() -> None:
    assert "Same title: '金曜お笑いライブ'" in sentences(show("金曜お笑いライブ"), show("金曜お笑いライブ"))


# Nights and zones


@pytest.mark.parametrize(
    ("local", "night"),
    [
        ("2026-11-27 19:30", date(2026, 11, 27)),
        ("2026-11-27 23:59", date(2026, 11, 27)),
        ("2026-11-28 00:30", date(2026, 11, 27)),
        ("2026-11-28 04:00", date(2026, 11, 27)),
        ("2026-11-28 04:01", date(2026, 11, 28)),
    ],
)
def test_a_show_after_midnight_belongs_to_the_night_before(local: str, night: date) -> None:
    subject = show(FNL, local)
    assert night_of(subject.starts_at, subject.timezone) == night


def test_the_hour_that_daylight_saving_skips_does_not_count() -> None:
    # On 4 October 2026 Melbourne's clocks go from 02:00 to 03:00: 01:45 and 03:00 are 15 minutes apart.
    match = score(show("Cellar Late Set", "2026-10-04 01:45"), show("Cellar Late Set", "2026-10-04 03:00"))
    assert match.reasons[0].points == 26


def test_times_of_one_zone_object_are_still_compared_as_instants() -> None:
    a, b = show("Cellar Late Set", "2026-10-04 01:45"), show("Cellar Late Set", "2026-10-04 03:00")
    zone = matching.ZoneInfo("Australia/Melbourne")
    local = score(
        a._replace(starts_at=a.starts_at.astimezone(zone)), b._replace(starts_at=b.starts_at.astimezone(zone))
    )
    assert local == score(a, b)


def test_an_unknown_zone_falls_back_to_the_other_sides() -> None:
    match = score(show(FNL)._replace(timezone="Not/AZone"), show(FNL))
    assert match.reasons[0].sentence == "Same start, Friday 27 November 7:30 pm"


@pytest.mark.parametrize(
    "name", ["", "Not/AZone", "../../etc/passwd", "/etc/passwd", "Australia", "a\0b", "x" * 5000]
)
def test_a_name_that_is_no_zone_is_read_as_utc(name: str) -> None:
    assert night_of(datetime(2026, 11, 27, 19, 30, tzinfo=UTC), name) == date(2026, 11, 27)


def test_the_ends_of_the_calendar_are_survived() -> None:
    for edge in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC, hour=12)):
        for zone in ("Pacific/Auckland", "America/Los_Angeles"):
            subject = Subject(FNL, edge, zone, "The Velvet Room", "Melbourne")
            assert score(subject, subject).verdict is Verdict.SURE


def test_a_start_without_a_zone_is_refused() -> None:
    naive = show(FNL)._replace(starts_at=datetime(2026, 11, 27, 19, 30))  # noqa: DTZ001
    with pytest.raises(ValueError, match="aware"):
        score(naive, show(FNL))
    with pytest.raises(ValueError, match="aware"):
        score(show(FNL), naive)


def test_an_enormous_title_is_quick_and_harmless() -> None:
    huge = show("fri " * 100_000 + "\ufdfa" * 100_000)
    assert score(huge, huge).verdict is Verdict.SURE


# Choosing


def test_the_clear_best_is_linked() -> None:
    choice = choose(
        show("Friday Night Laughs @ The Velvet Room", DOORS),
        [("late", show(FNL, LATE)), ("early", show(FNL)), ("next week", show(FNL, "2026-12-04 19:30"))],
    )
    assert (choice.verdict, choice.key) == (Verdict.SURE, "early")


def test_two_equally_good_candidates_wait_for_a_person() -> None:
    choice = choose(show(FNL), [(1, show(FNL)), (2, show(FNL))])
    assert (choice.verdict, choice.key) == (Verdict.DOUBTFUL, None)
    assert [suggestion.key for suggestion in choice.suggestions] == [1, 2]


def test_a_close_second_waits_for_a_person_and_a_far_one_does_not() -> None:
    listing = show(FNL)
    assert choose(listing, [(1, show(FNL)), (2, show(FNL, DOORS))]).verdict is Verdict.DOUBTFUL
    assert choose(listing, [(1, show(FNL)), (2, show(FNL, "2026-11-27 18:30"))]).verdict is Verdict.SURE


def test_between_two_shows_an_hour_apart_the_middle_is_a_question() -> None:
    middle = show(FNL)
    shows = [("earlier", show(FNL, DOORS)), ("later", show(FNL, "2026-11-27 20:00"))]
    assert choose(middle, shows).key is None


def test_doubtful_candidates_are_ranked_and_few() -> None:
    many = [(n, show(FNL, venue=f"Cellar {n}")) for n in range(10)]
    choice = choose(show(FNL), [*many, ("best", show(FNL, "2026-11-27 18:30"))])
    assert choice.verdict is Verdict.DOUBTFUL
    assert len(choice.suggestions) == matching.MOST_SUGGESTIONS
    assert choice.suggestions[0].key == "best"
    scores = [suggestion.match.score for suggestion in choice.suggestions]
    assert scores == sorted(scores, reverse=True)


def test_nothing_that_fits_is_no_choice() -> None:
    assert choose(show(FNL), []) == (Verdict.NO, ())
    choice = choose(show(FNL), [(1, show("Tom Pike", LATE))])
    assert (choice.verdict, choice.key, choice.suggestions) == (Verdict.NO, None, ())


def test_the_listings_of_one_show_do_not_compete() -> None:
    choice = choose(show(FNL), [("show", show(FNL, DOORS)), ("show", show(FNL)), ("show", show(FNL, DOORS))])
    assert (choice.key, choice.suggestions[0].match.score, len(choice.suggestions)) == ("show", 100, 1)


@given(_subjects, st.lists(_subjects, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_candidates_decides_nothing_but_ties(
    listing: Subject, others: list[Subject], random
) -> None:  # type: ignore[no-untyped-def]
    candidates = list(enumerate(others))
    first = choose(listing, candidates)
    random.shuffle(candidates)
    second = choose(listing, candidates)
    assert first.verdict is second.verdict
    assert first.key == second.key
    assert [s.match.score for s in first.suggestions] == [s.match.score for s in second.suggestions]


def test_offsets_without_a_name_are_accepted() -> None:
    fixed = show(FNL)._replace(starts_at=datetime(2026, 11, 27, 19, 30, tzinfo=timezone(timedelta(hours=11))))
    assert score(fixed, show(FNL)).score == 100
