"""Names as people type them, brought to words that can be compared. Any script; no dictionary of languages."""

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

#: Names are public and short; what is longer is cut, so that no input is slow to compare.
LONGEST_NAME = 300

#: Letters that Unicode does not take apart into a letter and an accent.
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"})
#: Marks inside a word that people leave out: apostrophes, Hebrew quote marks, the Arabic stretch.
_SILENT = frozenset("'’‘ʼʹ`´׳״ـ")
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELLINGS = {name: str(number) for number, name in enumerate(_NUMBERS, 1)} | {
    "theater": "theatre",
    "center": "centre",
    "street": "st",
    "saint": "st",
    "road": "rd",
}

#: Scripts written without spaces, compared by pairs of characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\U00020000-\U0003134f]+"
)

_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    "|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = (
    "(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:r(?:s(?:day)?)?)?"
    "|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_DAY = "(?:3[01]|[12][0-9]|0?[1-9])"
_YEAR = "(?:20[0-9]{2})"
_BEFORE = rf"(?:\b{_WEEKDAY}\b[\s,.]{{0,3}})?"
_AFTER = rf"(?:[\s,.]{{0,3}}{_YEAR}\b)?"
_DATES = re.compile(
    "|".join(
        [
            rf"{_BEFORE}(?:the )?\b{_DAY}(?:st|nd|rd|th)?[\s.]{{0,2}}(?:of )?{_MONTH}\b{_AFTER}",
            rf"{_BEFORE}\b{_MONTH}\b[\s.]{{0,2}}{_DAY}(?:st|nd|rd|th)?\b{_AFTER}",
            rf"\b{_MONTH}\b[\s,.]{{1,2}}{_YEAR}\b",
            rf"\b{_YEAR}[-/.][0-9]{{1,2}}[-/.][0-9]{{1,2}}\b",
            rf"\b{_DAY}[-/.]{_DAY}[-/.](?:20)?[0-9]{{2}}\b",
            rf"\b{_DAY}/{_DAY}\b",
            rf"(?:{_YEAR}年)?[0-9]{{1,2}}月[0-9]{{1,2}}日",
            r"\b[0-9]{1,2}(?:[:.][0-9]{2})?\s?[ap]\.?m\b\.?",
            r"\b[0-9]{1,2}:[0-9]{2}\b",
            rf"\b{_YEAR}\b",
        ]
    )
)


@lru_cache(maxsize=4096)
def fold(name: str) -> str:
    """`name` without what does not tell names apart: width, case, accents, vowel points, joiners, apostrophes.

    Marks that make another letter are kept: Japanese voicing, the Indic nukta and virama.
    """
    text = unicodedata.normalize("NFKC", name[:LONGEST_NAME]).casefold().translate(_LETTERS)
    kept: list[str] = []
    for char in unicodedata.normalize("NFKD", text):
        # Canonical combining classes 7 to 9 belong to the letter; those above are accents and points.
        if unicodedata.combining(char) >= 10 or char in _SILENT or unicodedata.category(char) == "Cf":
            continue
        digit = unicodedata.decimal(char, None)
        kept.append(char if digit is None else str(digit))
    return unicodedata.normalize("NFC", "".join(kept))


def without_dates(folded: str) -> str:
    """`folded` without calendar dates, clock times and years. A weekday alone stays: it may be a show's name."""
    return _DATES.sub(" ", folded)


def words(folded: str) -> tuple[str, ...]:
    """The words of a folded name in order; runs of scripts without spaces as overlapping pairs of characters."""
    spaced = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in folded.replace("&", " and "))
    found: list[str] = []
    for run in spaced.split():
        rest = 0
        for match in _UNSPACED.finditer(run):
            found.extend(_spelt(run[rest : match.start()]))
            found.extend(_pairs(match.group()))
            rest = match.end()
        found.extend(_spelt(run[rest:]))
    return tuple(found)


def _spelt(word: str) -> list[str]:
    return [_SPELLINGS.get(word, word)] if word else []


def _pairs(run: str) -> list[str]:
    return [first + second for first, second in pairwise(run)] or [run]


def joined(mine: tuple[str, ...], theirs: frozenset[str]) -> tuple[str, ...]:
    """`mine` with two neighbours made one where `theirs` writes them as one: "stand up" beside "standup"."""
    result: list[str] = []
    at = 0
    while at < len(mine):
        pair = "".join(mine[at : at + 2])
        both = at + 1 < len(mine) and pair in theirs and mine[at] not in theirs
        result.append(pair if both else mine[at])
        at += 2 if both else 1
    return tuple(result)


def without_run(mine: tuple[str, ...], run: tuple[str, ...]) -> tuple[str, ...]:
    """`mine` without the first place where all of `run` stands in order; `mine` itself where it does not."""
    size = len(run)
    for at in range(len(mine) - size + 1) if size else ():
        if mine[at : at + size] == run:
            return mine[:at] + mine[at + size :]
    return mine


def alike(one: str, other: str) -> bool:
    """Whether two words differ by one slip of the hand: a letter more, less, other, or two swapped.

    Only words of five letters and more with the same first letter: shorter ones, and numbers, are often
    different words ("Mike" and "Mick", "North" and "South").
    """
    if one == other:
        return True
    if min(len(one), len(other)) < 5 or one[0] != other[0] or not (one.isalpha() and other.isalpha()):
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    left, right = one[start:], other[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    return max(len(left), len(right)) <= 1 or (len(left) == 2 and left == right[::-1])


def quoted(parts: tuple[str, ...] | list[str]) -> str:
    """Words for a sentence: 'friday night laughs', with pairs of unspaced characters put together again."""
    text = ""
    for part in parts:
        if text and _UNSPACED.fullmatch(part) and len(part) == 2 and text[-1] == part[0]:
            text += part[1]
        else:
            text += f" {part}" if text else part
    return f"'{text}'"
