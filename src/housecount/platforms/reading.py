"""What every mapping needs to read a stranger's records: cleaned text, ids, times, and one bad record set aside."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from housecount.core.money import NotMoney
from housecount.platforms.base.errors import ContractChanged, RecordRejected
from housecount.platforms.base.records import Rejected
from housecount.platforms.http.answers import shape

R = TypeVar("R")
T = TypeVar("T")

#: What reading a record may raise: a decoder's errors are ValueErrors.
_UNREADABLE = (RecordRejected, NotMoney, ValueError, RecursionError, OverflowError)

#: Control characters break lines, terminals and databases; all else (emoji, joiners, marks of direction) stays.
_CONTROLS = dict.fromkeys([*range(32), *range(127, 160), *range(0xD800, 0xE000)], " ")
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}", re.ASCII)
_YEARS = range(1990, 2201)


class _Identified(msgspec.Struct):
    id: str | int = ""
    _id: str | int = ""


_identified = msgspec.json.Decoder(_Identified)


def text(value: str | None, limit: int = 300) -> str:
    """`value` on one line, without control characters, at most `limit` characters; "" for None."""
    if not value:
        return ""
    return value.translate(_CONTROLS).strip()[:limit]


def identifier(value: str | int | None, what: str = "id") -> str:
    """`value` as an id that is safe in an address and a key. Raises `RecordRejected` for what is none."""
    if isinstance(value, int):
        value = str(value)
    if value is None or not _IDENTIFIER.fullmatch(value):
        raise RecordRejected(f"It has no usable {what}.")
    return value


def utc(value: datetime | None, what: str = "time") -> datetime:
    """`value` in UTC; one without a zone is taken as UTC. Raises `RecordRejected` for none and for absurd years."""
    if value is None or value.year not in _YEARS:
        raise RecordRejected(f"It has no usable {what}.")
    if value.tzinfo is UTC:
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def utc_or_none(value: datetime | None) -> datetime | None:
    return None if value is None or value.year not in _YEARS else utc(value)


@lru_cache(1024)
def zone(name: str | None) -> str:
    """`name` when it is an IANA time zone; "UTC" otherwise: an event is not lost for the name of its zone."""
    try:
        return ZoneInfo(name).key if name and _zone_name(name) else "UTC"
    except (ValueError, OSError, LookupError):
        return "UTC"


def _zone_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", name, re.ASCII) is not None


def read_each(
    records: Sequence[R],
    read: Callable[[R], T | None],
    kind: str,
    event_id: str = "",
    id_of: Callable[[R], str] | None = None,
) -> tuple[tuple[T, ...], tuple[Rejected, ...]]:
    """What `read` makes of each record (None leaves one out), and what it could not read.

    Raises `ContractChanged` when most of a page cannot be read: that is no bad record but a new shape.
    """
    good: list[T] = []
    bad: list[Rejected] = []
    for record in records:
        try:
            made = read(record)
        except _UNREADABLE as error:
            external_id = id_of(record) if id_of else raw_id(record)
            bad.append(Rejected(kind=kind, external_id=external_id, event_id=event_id, reason=_reason(error)))
        else:
            if made is not None:
                good.append(made)
    if len(bad) >= 5 and len(bad) > len(good):
        raise ContractChanged(
            f"{len(bad)} of {len(records)} {kind}s could not be read. The first: {bad[0].reason}"
        )
    return tuple(good), tuple(bad)


def read_one(record: R, read: Callable[[R], T]) -> T:
    """What `read` makes of a single record. Raises `RecordRejected` with a readable reason."""
    try:
        return read(record)
    except _UNREADABLE as error:
        raise RecordRejected(_reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, RecordRejected | NotMoney):
        return error.message[:300]
    if isinstance(error, msgspec.ValidationError):
        return f"It has an unknown shape: {shape(error)}."[:300]
    return "It cannot be read."


def raw_id(record: object) -> str:
    """The id of a raw record as far as it has one; "" otherwise."""
    try:
        found = _identified.decode(record) if isinstance(record, msgspec.Raw | bytes) else _Identified()
        return identifier(found.id or found._id)
    except (ValueError, RecordRejected, RecursionError):
        return ""


def unique(values: Iterable[T]) -> tuple[T, ...]:
    """`values` without repetitions, in their order."""
    return tuple(dict.fromkeys(values))
