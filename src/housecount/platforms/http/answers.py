"""What a platform's answer says: its JSON, what its status means, and when it wants to be asked again."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from housecount.platforms.base.errors import (
    ConfigError,
    ContractChanged,
    Gone,
    PlatformError,
    RateLimited,
    Transient,
)
from housecount.platforms.http.errors import ServerFailed

T = TypeVar("T")

#: What is waited at most because a platform asks for it, and after a 429 that names no time.
LONGEST_WAIT = 3600.0
DEFAULT_WAIT = 60.0


def decoded(label: str, path: str, body: bytes, decode: Callable[[bytes], T]) -> T:
    """What a body says. Raises ContractChanged for another shape, Transient for what is no JSON at all."""
    if b"\\u0000" in body:
        # PostgreSQL keeps no NUL, and no text of a platform needs one.
        body = body.replace(b"\\u0000", b"\\ufffd")
    try:
        try:
            return decode(body)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            # Somebody's name was cut in the middle of an emoji: that must not cost the page.
            return decode(_SURROGATE.sub(_whole, body))
    except msgspec.ValidationError as error:
        raise ContractChanged(
            f"{label} answered in a shape we do not know ({path}: {shape(error)})."
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Transient(
            f"{label} sent a page or a broken answer where data was due ({path}). It will be asked again."
        ) from None


#: An escaped UTF-16 pair, or a half of one without the other.
_SURROGATE = re.compile(
    rb"(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def _whole(found: re.Match[bytes]) -> bytes:
    return found[1] or b"\\ufffd"


def shape(error: msgspec.ValidationError) -> str:
    """What is wrong with a record, without its content: msgspec names types and the path, except for values of
    an enumeration or a constraint."""
    text = str(error)
    return text if text.startswith(("Expected `", "Object missing")) else "a value cannot be read"


def is_json(body: bytes) -> bool:
    """Whether `body` is a JSON object: what a platform itself answers. The edge before it answers in HTML."""
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (ValueError, RecursionError):
        return False


def usual_error(label: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> PlatformError:
    """What a status means where the platform has no rule of its own."""
    if status == 429:
        after = retry_after(headers)
        return RateLimited(
            f"{label} asks us to slow down; it will be asked again.", DEFAULT_WAIT if after is None else after
        )
    if status == 401:
        return ConfigError(f"{label} does not accept the key any more. Reconnect the account.")
    if 300 <= status < 400:
        return ContractChanged(f"{label} sent us to another address ({path}). It was not followed.")
    if status >= 500 or status == 408:
        return ServerFailed(
            f"{label} failed ({status} for {path}). It will be asked again.", status, retry_after(headers)
        )
    if not is_json(body):
        return ServerFailed(f"Something before {label} answered in its place ({status} for {path}).", status)
    if status == 403:
        return ConfigError(
            f"{label} does not let this key read {path}. Ask for the right, or reconnect the account."
        )
    if status in (404, 410):
        return Gone(f"{label} has no {path} (any more).")
    return ContractChanged(
        f"{label} refused our question ({status} for {path}). The makers of Housecount should know."
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header, given as seconds or as an HTTP date; capped; None where there is none."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:12]), LONGEST_WAIT))
    then = http_date(value)
    if then is None:
        return None
    now = http_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (then - now).total_seconds()), LONGEST_WAIT)


def http_date(value: str) -> datetime | None:
    """An HTTP date in UTC; None for what is none."""
    try:
        return parsedate_to_datetime(value).replace(tzinfo=UTC) if value else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
