"""What of a request goes into the webhook log, and what is taken out of it first."""

import hashlib
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from housecount.platforms.base.hooks import HookReading
from housecount.platforms.base.source import TicketSource
from housecount.platforms.registry import SOURCES

_KEPT_FROM_ALL: Final = (
    "content-type",
    "user-agent",
    "user-id-sender",
    "webhook-id",
    "webhook-timestamp",
    "x-platform",
    "x-request-id",
)
#: Headers that say something about a delivery, of anybody's and of each platform's own. Never one that holds a
#: secret: cookies, authorization, signatures.
KEPT_HEADERS: Final = tuple(
    (name.encode(), name)
    for name in sorted(
        {*_KEPT_FROM_ALL, *(each for source in SOURCES.values() for each in source.hook_headers)}
    )
)
_LONGEST_HEADER = 500
_LONGEST_WORD = 100  # the columns' width
_AT: Final = re.compile(rb"@|\\u0040|%40")
_DOMAIN: Final = re.compile(rb"[0-9A-Za-z\x80-\xff_.-]+")
_LOCAL: Final = bytes(
    character
    for character in range(256)
    if character >= 0x80 or chr(character).isalnum() or chr(character) in "!#$%'*+-^_`|~."
)
#: Looking further than an address is long would let one body keep us busy.
_LONGEST_LOCAL, _LONGEST_DOMAIN, _MOST_ADDRESSES = 64, 255, 500
_SECRET_PATH: Final = re.compile(rb"(/hooks/[\w-]{1,40}/)[\w.~-]{8,}", re.ASCII)
_encode = msgspec.json.Encoder().encode


class Row(msgspec.Struct, frozen=True, gc=False):
    """One webhook on its way into the log; each field as PostgreSQL's own bytes (UTF-8, JSON).

    `token_hash` is the SHA-256 of the secret in the address, b"" for a relay's hook, which has none. A row that is
    not `genuine` is not stored: it is only asked for whether its address is right.
    """

    token_hash: bytes
    genuine: bool
    platform: bytes
    headers: bytes
    body: bytes
    webhook_id: bytes
    action: bytes
    verdict: bytes
    touches: bytes

    def bare(self) -> "Row":
        """The same body with nothing that was read from it: for a row that the database refused."""
        return msgspec.structs.replace(
            self, headers=b"{}", webhook_id=b"", action=b"", verdict=b"not_understood", touches=b"[]"
        )


def make_row(
    source: TicketSource,
    platform: str,
    token: bytes,
    headers: Mapping[bytes, bytes],
    body: bytes,
    *,
    genuine: bool = True,
) -> Row:
    """The row of a request; `token` is the secret in its address, b"" for a relay's."""
    reading = _read(source, body)
    kept = {
        name: value[:_LONGEST_HEADER].decode("latin-1")
        for raw, name in KEPT_HEADERS
        if (value := headers.get(raw)) is not None
    }
    return Row(
        hashlib.sha256(token).digest() if token else b"",
        genuine,
        platform.encode(),
        _encode(kept),
        redact(body, token),
        _word(reading.webhook_id),
        _word(reading.action),
        reading.verdict.encode(),
        _encode(reading.touches),
    )


def redact(body: bytes, token: bytes) -> bytes:
    """`body` without the secret of the address it came to, without e-mail addresses, however `@` is written."""
    if token:
        body = body.replace(token, b"[token]")
    elif b"/hooks/" in body:
        body = _SECRET_PATH.sub(rb"\1[token]", body)
    if b"@" in body or b"\\u0040" in body or b"%40" in body:
        body = _without_addresses(body)
    return body


def _without_addresses(body: bytes) -> bytes:
    done, kept = 0, list[bytes]()
    for count, at in enumerate(_AT.finditer(body)):
        if count == _MOST_ADDRESSES:
            # No platform sends so many: what follows is kept, unreadable as addresses.
            return b"".join([*kept, _AT.sub(b"[at]", body[done:])])
        before = body[max(done, at.start() - _LONGEST_LOCAL) : at.start()]
        local = len(before) - len(before.rstrip(_LOCAL))
        domain = _DOMAIN.match(body, at.end(), at.end() + _LONGEST_DOMAIN)
        if not local or domain is None:
            continue
        kept += (body[done : at.start() - local], b"[e-mail]")
        done = domain.end()
    return b"".join([*kept, body[done:]])


def _read(source: TicketSource, body: bytes) -> HookReading:
    try:
        return source.read_hook(body)
    except Exception:  # noqa: BLE001 - a platform's mistake must not cost a hook: it is stored all the same
        return HookReading(verdict="not_understood")


def _word(text: str) -> bytes:
    return text.replace("\0", "")[:_LONGEST_WORD].encode("utf-8", "replace")
