"""How alike the titles of two listings are, once what every platform adds to a title is set aside."""

import re
from typing import NamedTuple

from housecount.core.words import alike, fold, joined, quoted, without_dates, without_run, words

#: Said of nearly every show: dropped, unless the title is made of nothing else.
_NOISE = frozenset(
    words(
        "a an and at by feat featuring for from ft in of on our starring the their to w with your "
        "live comedy show shows present presents presented presenting proudly hosted "
        "ticket tickets event entertainment standup comedian comedians comic comics guest guests lineup special "
        "tour vol volume"
    )
)
#: Words many shows share: they say little about which one it is.
_COMMON = frozenset(
    words(
        "night nights evening gala club openmic mic open laugh laughs laughter funny fun best new hour wip weekly "
        "monday tuesday wednesday thursday friday saturday sunday season series festival part ep episode "
        "gig stage room bar one two three"
    )
)
#: A telling word weighs as much as three common ones.
_TELLING_WEIGHT = 3
#: What equals but for slips of the hand is worth.
_SLIPPED_PERCENT = 90
#: What equals but for words that only one title has is worth: sure at the same venue and start, not beside
#: doors time as well.
_WITHIN_PERCENT = 85

#: Which of an evening's shows it is. On one side only, it is read with the start.
_SLOTS = frozenset(words("early late matinee afternoon midnight first second third extra encore preview"))
#: Something else sold beside a show, at its time and place.
_BESIDE = frozenset(
    words(
        "vip workshop class classes masterclass course afterparty livestream stream streaming online virtual "
        "rehearsal merch dinner parking membership greet kids podcast"
    )
)

_PHRASES = (
    (re.compile(r"\bstand[\s-]{0,2}up\b"), " standup "),
    (re.compile(r"\bopen[\s-]{0,2}mi(?:c|ke)\b"), " openmic "),
    (re.compile(r"\bwork[\s-]in[\s-]progress\b"), " wip "),
    (re.compile(r"\bafter[\s-]party\b"), " afterparty "),
    (re.compile(r"\blive[\s-]stream(?:ed)?\b"), " livestream "),
    (re.compile(r"\b(?:sold out|selling fast|final (?:tickets|release)|limited tickets|cancelled)\b"), " "),
    (re.compile(r"\b([0-9]{1,3})(?:st|nd|rd|th)\b"), r" \1 "),
)


class Likeness(NamedTuple):
    """`percent` is 0 to 100, 100 only for equal words; `telling` says that they could hardly name another show.

    `slot` is a word such as "late" that one title alone has, quoted, or "". `doubts` are codes and sentences
    of what forbids to be sure.
    """

    percent: int
    code: str
    sentence: str
    telling: bool = False
    slot: str = ""
    doubts: tuple[tuple[str, str], ...] = ()


def compare_titles(a: str, b: str, mentions: tuple[tuple[str, ...], ...]) -> Likeness:
    """How alike `a` and `b` are. `mentions` are the words of venues and cities a title may repeat."""
    mine, theirs = _title_words(a, mentions), _title_words(b, mentions)
    mine, theirs = joined(mine, frozenset(theirs)), joined(theirs, frozenset(mine))
    mine, theirs = _without_noise(mine), _without_noise(theirs)
    if not mine or not theirs:
        return _wordless(a, b)
    only_a, only_b = set(mine) - set(theirs), set(theirs) - set(mine)
    slips = _slips(only_a, only_b)
    only_a -= {first for first, _ in slips}
    only_b -= {second for _, second in slips}
    shared = [word for word in dict.fromkeys(mine) if word not in only_a]
    telling = _telling(shared)
    percent = _percent(mine, theirs, slips)
    if not only_a and not only_b:
        if slips and telling:
            percent = max(percent, _SLIPPED_PERCENT)
        code = "title_similar" if slips else "title_same"
        start = "Titles differ by a slip: " if slips else "Same title: "
        return Likeness(percent, code, start + quoted(shared), telling)
    if not (only_a and only_b) and telling:
        percent = max(percent, _WITHIN_PERCENT)
    sentence = f"Titles share {quoted(shared)}" if shared else "Titles share nothing"
    for only, other in ((mine, only_a), (theirs, only_b)):
        if shared and other:
            sentence += f"; only one says {quoted([word for word in dict.fromkeys(only) if word in other])}"
    # Where both sides have words of their own, the doubt below already stands.
    slots = [] if only_a and only_b else sorted((only_a | only_b) & _SLOTS)
    return Likeness(
        percent,
        "title_shared" if shared else "title_differs",
        sentence,
        telling,
        quoted(slots) if slots else "",
        _doubts(only_a, only_b),
    )


def _doubts(only_a: set[str], only_b: set[str]) -> tuple[tuple[str, str], ...]:
    doubts = []
    if only_a and only_b:
        doubts.append(("titles_contradict", "each title has words that the other lacks"))
    beside = sorted((only_a | only_b) & _BESIDE)
    if beside:
        doubts.append(("title_beside", f"only one title says {quoted(beside)}"))
    return tuple(doubts)


def _wordless(a: str, b: str) -> Likeness:
    """Titles of signs alone, such as emoji, or none at all."""
    same = bool(a.strip() and b.strip()) and fold(a).strip() == fold(b).strip()
    return Likeness(
        100 if same else 0,
        "title_same" if same else "title_unclear",
        "Same title, of signs alone" if same else "A title has no words to compare",
        doubts=(("title_unclear", "a title has no words to compare"),),
    )


def _title_words(title: str, mentions: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The words of a title without dates and without the venue and city; never made empty by it."""
    text = fold(title)
    for pattern, instead in _PHRASES:
        text = pattern.sub(instead, text)
    dated = words(text)
    head, at, tail = without_dates(text).partition("@")
    known = {word for mention in mentions for word in mention}
    tail_repeats_place = at and words(head) and set(words(tail)) - _NOISE <= known
    kept = words(head if tail_repeats_place else f"{head} {tail}")
    for mention in mentions:
        bare = mention[1:] if mention[:1] == ("the",) else mention
        kept = without_run(kept, bare) if set(kept) - set(bare) - _NOISE else kept
    return kept or dated


def _without_noise(title: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in title if word not in _NOISE) or title


def _weight(word: str) -> int:
    return 1 if word in _COMMON or word in _NOISE else _TELLING_WEIGHT


def _telling(shared: list[str]) -> bool:
    """Three words, or two that are not common: "Friday Night Laughs", "Nina Osei", but not "Comedy Night"."""
    return len(shared) >= 3 or sum(_weight(word) > 1 for word in shared) >= 2


def _percent(mine: tuple[str, ...], theirs: tuple[str, ...], slips: list[tuple[str, str]]) -> int:
    """Dice's coefficient of the weighted words; a word with a slip counts one less than its weight."""
    both = sum(_weight(word) for word in set(mine) & set(theirs))
    both += sum(max(0, min(_weight(first), _weight(second)) - 1) for first, second in slips)
    return 200 * both // sum(_weight(word) for side in (set(mine), set(theirs)) for word in side)


def _slips(only_a: set[str], only_b: set[str]) -> list[tuple[str, str]]:
    """Pairs of words that differ by a slip, each word once; the same pairs whichever title comes first."""
    pairs = [(one, other) for one in only_a for other in only_b if alike(one, other)]
    taken: list[tuple[str, str]] = []
    for one, other in sorted(pairs, key=sorted):
        if all(one != first and other != second for first, second in taken):
            taken.append((one, other))
    return taken
