"""How Xero writes and reads numbers and dates. Money is Decimal; no float touches it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

CENT = Decimal("0.01")
TENTH_OF_MILL = Decimal("0.0001")
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_MILLIS = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
# Beyond this a number is no amount of anybody's, and sums of it would lose their cents.
_LARGEST = Decimal(10) ** 15


def rounded(value: Decimal, step: Decimal = CENT) -> Decimal:
    """`value` to whole `step`s, half away from zero."""
    return value.quantize(step, ROUND_HALF_UP)


def encode(data: Any) -> bytes:
    """JSON with Decimals as number tokens."""
    return _ENCODER.encode(data)


def decode(body: bytes) -> Any:
    """JSON with fractions as Decimals; ValueError when it is none."""
    try:
        return _DECODER.decode(body)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def number(value: Any) -> Decimal | None:
    """A JSON number as a Decimal; None for anything else, strings of digits included."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    made = Decimal(value)
    return made if made.is_finite() and abs(made) < _LARGEST else None


def moment_text(moment: datetime) -> str:
    """`/Date(1786676707000+0000)/`."""
    return f"/Date({int(moment.timestamp() * 1000)}+0000)/"


def day_text(day: date) -> str:
    """A calendar date in the same form, without an offset: midnight in UTC."""
    return f"/Date({int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)}+0000)/"


def iso_text(moment: datetime) -> str:
    """`2026-08-14T03:05:07.1230000`, in UTC and without saying so."""
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}0"


def parse_day(value: Any) -> date | None:
    """A date as a client may send it; None when it is none."""
    if not isinstance(value, str):
        return None
    if found := _MILLIS.fullmatch(value):
        return datetime.fromtimestamp(int(found[1]) / 1000, UTC).date()
    try:
        return datetime.fromisoformat(value).date()
    except ValueError:
        return None


def parse_since(text: str) -> datetime | None:
    """An If-Modified-Since header, with or without a zone (then UTC), or as an HTTP date; None when neither."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text.strip())
        except ValueError:
            continue
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None
