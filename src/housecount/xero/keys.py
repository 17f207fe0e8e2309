"""Idempotency keys: the same for the same attempt at the same thing, for anybody who makes it."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="string", order="deterministic")


def key_of(tenant_id: str, what: str, target: object, attempt: int, fields: Mapping[str, Any]) -> str:
    """67 characters. The organisation in Xero is part of it, because Xero itself keeps keys for an application as a
    whole; what is sent is part of it, because another request under a used key is refused."""
    content = sha256(_ENCODER.encode(fields)).hexdigest()
    return "hc-" + sha256(f"{tenant_id}\n{what}\n{target}\n{attempt}\n{content}".encode()).hexdigest()
