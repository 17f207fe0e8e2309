"""Whether two listings are at the same place, by the names their platforms give."""

from typing import NamedTuple

from housecount.core.words import alike, fold, words

#: Say nothing about where.
_NOWHERE = frozenset(
    words(
        "tba tbc tbd to be announced confirmed advised venue location secret various na n a unknown "
        "none the in on and"
    )
)
_ONLINE = frozenset(words("online virtual zoom livestream stream streaming webinar"))
_ONLINE_COMPANY = _ONLINE | frozenset(words("event live only show via an"))
#: Left out of a venue's name.
_ARTICLES = frozenset(words("the a an at and of"))
#: Kinds of venue: shared by many.
_COMMON = frozenset(
    words(
        "bar pub hotel theatre theatres room rooms club comedy hall centre lounge tavern town city arts venue upstairs "
        "downstairs main stage studio house cafe restaurant brewery st rd north south east west new old royal"
    )
)
_TELLING_WEIGHT = 3
#: From here two names that contradict each other may be two rooms of one house; below, they are two houses.
_UNCLEAR_PERCENT = 60


class Place(NamedTuple):
    """How two places compare. `doubt` says in words why the place forbids to be sure, "" where it does not.

    `code`: venue_same, venue_within (one name holds the other), venue_city_only (a venue is missing, the city
    is the same), venue_unknown, venue_unclear, same_name_other_city, city_differs (a venue is missing),
    venue_differs, venue_and_city_differ. `mentions` are the names as words, for titles that repeat them.
    """

    code: str
    sentence: str
    doubt: str
    mentions: tuple[tuple[str, ...], ...]


def compare_places(venue_a: str, city_a: str, venue_b: str, city_b: str) -> Place:
    """How the places compare. A name that is empty, "TBA" or in another script is unknown, not different."""
    mine, theirs = _known(venue_a), _known(venue_b)
    here, there = _known(city_a), _known(city_b)
    # The longest first, so that "The Velvet Room Melbourne" goes before "Melbourne" does; sorted for symmetry.
    mentions = tuple(sorted({mine, theirs, here, there} - {()}, key=lambda name: (-len(name), name)))
    online = (_online(mine), _online(theirs))
    if all(online):
        return Place("venue_same", "Both online", "", ())
    city = _cities(here, there)
    cities = f"{city_a.strip()} / {city_b.strip()}"
    if any(online) or not mine or not theirs or _other_script(mine, theirs):
        return _unknown(online, city, cities, city_a.strip(), mentions)
    code = _venues(mine, theirs, frozenset(here + there) if city != "differs" else frozenset())
    names = f"{venue_a.strip()} / {venue_b.strip()}"
    if code in {"venue_same", "venue_within"} and city == "differs":
        return Place("same_name_other_city", f"Same venue name in {cities}", "the cities differ", mentions)
    if code == "venue_same":
        return Place(code, f"Same venue: {venue_a.strip()}", "", mentions)
    if code == "venue_within":
        return Place(code, f"Venues agree: {names}", "", mentions)
    if city == "differs":
        sentence = f"Venues and cities differ: {names}, {cities}"
        return Place("venue_and_city_differ", sentence, "venue and city differ", mentions)
    if code == "venue_unclear":
        return Place(code, f"Venues agree in part: {names}", "the venues agree only in part", mentions)
    return Place(code, f"Venues differ: {names}", "the venues differ", mentions)


def _unknown(
    online: tuple[bool, bool], city: str, cities: str, city_name: str, mentions: tuple[tuple[str, ...], ...]
) -> Place:
    if city == "differs":
        sentence = f"A venue is not known, and the cities differ: {cities}"
        return Place("city_differs", sentence, "the cities differ", mentions)
    if any(online):
        return Place("venue_unknown", "Only one is online", "only one of them is online", mentions)
    if city == "same":
        return Place("venue_city_only", f"A venue is not known; both are in {city_name}", "", mentions)
    return Place("venue_unknown", "A venue is not known", "the venue is not known on both sides", mentions)


def _known(name: str) -> tuple[str, ...]:
    """The words of a place; () where it names none."""
    found = words(fold(name))
    return () if set(found) <= _NOWHERE else found


def _online(name: tuple[str, ...]) -> bool:
    return bool(set(name) & _ONLINE) and set(name) <= _ONLINE_COMPANY


def _cities(here: tuple[str, ...], there: tuple[str, ...]) -> str:
    """same, unknown or differs. One city may be written longer than the other: "Melbourne CBD"."""
    if not here or not there or _other_script(here, there):
        return "unknown"
    shorter, longer = sorted((set(here), set(there)), key=lambda name: (len(name), sorted(name)))
    return "same" if shorter <= longer or _all_alike(shorter, longer) else "differs"


def _venues(mine: tuple[str, ...], theirs: tuple[str, ...], city: frozenset[str]) -> str:
    one, other = set(mine) - _ARTICLES or set(mine), set(theirs) - _ARTICLES or set(theirs)
    shared = {w for w in one if any(alike(w, v) for v in other)} | {
        w for w in other if any(alike(w, v) for v in one)
    }
    only_one, only_other = one - shared - city, other - shared - city
    if not only_one and not only_other and shared - city:
        return "venue_same"
    if not (only_one and only_other) and any(_weight(word) > 1 for word in shared - city):
        return "venue_within"
    weights = sum(map(_weight, one)) + sum(map(_weight, other))
    percent = 100 * (sum(map(_weight, one & shared)) + sum(map(_weight, other & shared))) // weights
    return "venue_unclear" if percent >= _UNCLEAR_PERCENT else "venue_differs"


def _weight(word: str) -> int:
    return 1 if word in _COMMON else _TELLING_WEIGHT


def _all_alike(one: set[str], other: set[str]) -> bool:
    return len(one) == len(other) and all(any(alike(w, v) for v in other) for w in one)


def _other_script(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether one is in Latin letters and the other has none: such names cannot be compared."""
    letters = [[c for word in name for c in word if c.isalpha()] for name in (one, other)]
    if not all(letters):
        return False
    latin = [any("a" <= c <= "z" for c in side) for side in letters]
    return latin[0] != latin[1]
