"""Who signed a body: Standard Webhooks, the simple form `x-signature: sha256=<hex HMAC of the raw body>`, and Xero's.

Pure: bytes in, a verdict out. Malformed headers are a bad signature, never an exception; every comparison takes
the same time whatever it compares.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

#: How far a message's own time may be from ours, before and after (Standard Webhooks: five minutes).
TOLERANCE_SECONDS = 300
_SECRET_PREFIX = "whsec_"  # noqa: S105 - how such a secret begins
#: Several signatures come while a secret is being changed; nobody honest sends more.
_MOST_SIGNATURES = 20
_LONGEST_ID = 500

Headers = Mapping[bytes, bytes]


def is_signed(headers: Headers) -> bool:
    """Whether a request claims to be signed in a form that is known. Names of headers are in lower case."""
    return b"webhook-signature" in headers or b"x-signature" in headers


def is_genuine(headers: Headers, body: bytes, secret: str, now: float) -> bool:
    """Whether `headers` sign the raw `body` with `secret`; `now` is in seconds since 1970.

    Where a request has the headers of Standard Webhooks, they decide, because they also say when it was signed.
    """
    if b"webhook-signature" in headers:
        return _standard(headers, body, secret, now)
    if b"x-signature" in headers:
        return _simple(headers[b"x-signature"], body, secret)
    return False


def is_xeros(headers: Headers, body: bytes, key: str) -> bool:
    """Whether Xero signed the raw `body`: `x-xero-signature` is the base64 of its HMAC-SHA256 with the webhook key."""
    expected = base64.b64encode(_digest(key.encode(), body))
    return hmac.compare_digest(headers.get(b"x-xero-signature", b"").strip(), expected)


def sign(message_id: str, timestamp: int, body: bytes, secret: str) -> str:
    """The value of `webhook-signature` for a message."""
    signed = b"%s.%d.%s" % (message_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(_digest(_key(secret), signed)).decode()


def _standard(headers: Headers, body: bytes, secret: str, now: float) -> bool:
    message_id, timestamp = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"")
    if not message_id or len(message_id) > _LONGEST_ID or not timestamp.isdigit() or len(timestamp) > 15:
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    expected = _digest(_key(secret), b"%s.%s.%s" % (message_id, timestamp, body))
    genuine = False
    for each in headers[b"webhook-signature"].split(b" ")[:_MOST_SIGNATURES]:
        version, _, text = each.partition(b",")
        given = _decoded(text) if version == b"v1" else b""
        genuine |= hmac.compare_digest(given, expected)
    return genuine


def _simple(value: bytes, body: bytes, secret: str) -> bool:
    scheme, _, text = value.strip().partition(b"=")
    if scheme.lower() != b"sha256":
        return False
    expected = _digest(secret.encode(), body).hex().encode()
    return hmac.compare_digest(text.lower(), expected)


def _key(secret: str) -> bytes:
    """`whsec_` and base64, or the text as it is."""
    if secret.startswith(_SECRET_PREFIX):
        return _decoded(secret.removeprefix(_SECRET_PREFIX).encode()) or secret.encode()
    return secret.encode()


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, hashlib.sha256)
