"""Secrets at rest: a key ring that can rotate, keyed hashes, and a wrapper that does not print itself.

The ring is `HOUSECOUNT_ENCRYPTION_KEYS`: its first key encrypts, each of them decrypts. To rotate: put a new
key first, restart, run `rotate_secrets`, then drop the old key.
"""

import hashlib
import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import final
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.apps import apps
from django.db import models

from housecount.installation import environment
from housecount.tenancy.errors import KeyMissing
from housecount.tenancy.identity import Identity, acting_as
from housecount.tenancy.models import Organisation


@final
class Secret:
    """A secret in memory: printing, formatting, comparing for a log or pickling it shows nothing of it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it where it is used, and keep what it hands back nowhere."""
        return self._value

    def __repr__(self) -> str:
        return "•••"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format("•••", format_spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled or copied into a job")


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _key_ring() -> MultiFernet:
    keys = environment.load().encryption_keys
    if not keys:
        raise KeyMissing(
            "There is no key to encrypt with. Set HOUSECOUNT_ENCRYPTION_KEYS, or run `housecount migrate` "
            "to have one made beside the embedded database."
        )
    return _ring(keys)


def encrypt(text: str | Secret) -> bytes:
    """`text`, encrypted with the first key of the ring. Raises KeyMissing without a ring."""
    value = text.reveal() if isinstance(text, Secret) else text
    return _key_ring().encrypt(value.encode())


def decrypt(token: bytes | memoryview) -> Secret:
    """What `encrypt` was given. Raises KeyMissing when no key of the ring fits."""
    try:
        return Secret(_key_ring().decrypt(bytes(token)).decode())
    except InvalidToken:
        raise _no_key_fits() from None


def rotate(token: bytes | memoryview) -> bytes:
    """The same secret, encrypted with the first key. Raises KeyMissing when no key of the ring fits."""
    try:
        return _key_ring().rotate(bytes(token))
    except InvalidToken:
        raise _no_key_fits() from None


def _no_key_fits() -> KeyMissing:
    return KeyMissing(
        "A stored secret cannot be read: the key it was encrypted with is not in HOUSECOUNT_ENCRYPTION_KEYS. "
        "Add the former key behind the present one and try again."
    )


@lru_cache(maxsize=4)
def _derived(secret_key: str, purpose: bytes) -> bytes:
    return hmac.digest(secret_key.encode(), b"housecount " + purpose, hashlib.sha256)


def _key_for(purpose: bytes) -> bytes:
    secret_key = environment.load().secret_key
    if not secret_key:
        raise KeyMissing("HOUSECOUNT_SECRET_KEY is not set, and a keyed hash needs it.")
    return _derived(secret_key, purpose)


def keyed_hash(text: str, scope: object = "") -> bytes:
    """32 bytes that are equal for equal texts and say nothing else without HOUSECOUNT_SECRET_KEY.

    `scope` is mixed in: with the organisation's id, the same buyer cannot be recognised across
    organisations. Letter case and surrounding space do not count. It does not depend on the encryption
    keys, so rotating those keeps it; a new HOUSECOUNT_SECRET_KEY changes every hash.
    """
    message = f"{scope}\x1f{text.strip().casefold()}".encode()
    return hmac.digest(_key_for(b"keyed hash"), message, hashlib.sha256)


def fingerprint(secret: str | Secret) -> str:
    """16 hexadecimal digits by which a secret can be told from another without being shown."""
    value = secret.reveal() if isinstance(secret, Secret) else secret
    return hmac.digest(_key_for(b"fingerprint"), value.encode(), hashlib.sha256).hex()[:16]


_secret_columns: dict[tuple[str, str], None] = {}


def register_secret_columns(model: str, *fields: str) -> None:
    """Have `rotate_secrets` re-encrypt `fields` of a tenant's model (`box_office.Account`); call in `ready`.

    The fields hold what `encrypt` hands back, or nothing.
    """
    for field in fields:
        _secret_columns[model, field] = None


_other_secrets: dict[str, Callable[[], int]] = {}


def register_secrets(name: str, rotate_them: Callable[[], int]) -> None:
    """Have `rotate_secrets` call `rotate_them` for secrets that are no column of a tenant's; call in `ready`.

    It re-encrypts them, in transactions of its own, and hands back how many rows there were.
    """
    _other_secrets[name] = rotate_them


def secret_columns() -> set[str]:
    """`app.Model.field` of everything that `rotate_secrets` re-encrypts."""
    return {f"{model}.{field}" for model, field in _secret_columns} | set(_other_secrets)


def rotate_secrets() -> dict[str, int]:
    """Re-encrypt every registered secret with the first key; row counts by `model.field`.

    One transaction per organisation and column. Safe to run again, and beside a running application:
    each row is locked while it is rewritten. Raises KeyMissing for a secret no key of the ring fits.
    """
    done = {f"{model}.{field}": 0 for model, field in _secret_columns}
    for organisation_id in _organisation_ids():
        for model, field in _secret_columns:
            with acting_as(Identity.system(organisation_id)):
                done[f"{model}.{field}"] += _rotate_column(apps.get_model(model), field, organisation_id)
    return done | {name: rotate_them() for name, rotate_them in _other_secrets.items()}


def _organisation_ids() -> list[UUID]:
    with acting_as(Identity.system()):
        return list(Organisation.objects.values_list("pk", flat=True))


def _rotate_column(model: type[models.Model], field: str, organisation_id: UUID) -> int:
    rows = (
        model._default_manager.filter(organisation_id=organisation_id)
        .exclude(**{f"{field}__isnull": True})
        .select_for_update()
        .order_by("pk")
    )
    count = 0
    for row in rows.only("pk", field).iterator(chunk_size=500):
        token = getattr(row, field)
        if token:
            model._default_manager.filter(pk=row.pk).update(**{field: rotate(token)})
            count += 1
    return count
