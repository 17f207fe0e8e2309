"""`Idempotency-Key`: a write that is sent twice is done once.

The key is claimed in the transaction of the write itself, by a row that only one can add. Whoever comes second waits
until the first is done: then the answer of the first is given again, or, when the first was undone, the second does
the work. Only what was done is kept; a refusal keeps nothing, and may be tried again with the same key.
"""

import hashlib
from typing import NamedTuple, cast
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from psycopg.errors import LockNotAvailable

from housecount.core.errors import HousecountError, NextStep
from housecount.tenancy.access import MemberRequest
from housecount.tenancy.models import ApiAnswer
from housecount.tenancy.tokens import ANSWERS_KEPT

MOST_CHARACTERS = 100
#: How long the second waits for the first.
PATIENCE = "10s"
_CLAIM = "housecount_idempotency"


class KeyReused(HousecountError):
    """The key came with another request before."""

    code = "idempotency_key_reused"
    http_status = 422
    next_step = NextStep.NEVER


class KeyBusy(HousecountError):
    """The first request with the key is still being worked on."""

    code = "idempotency_key_busy"
    http_status = 409
    next_step = NextStep.RETRY


class BadKey(HousecountError):
    """A key that cannot be one."""

    code = "invalid"
    http_status = 422
    next_step = NextStep.NEVER


class Again(Exception):
    """The request was done before. Its answer is `response`."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


class Claim(NamedTuple):
    """Whose answer is to be kept, under which key."""

    organisation_id: UUID
    principal: UUID
    key: str


def claim(request: MemberRequest) -> None:
    """Claims the request's key, if it has one, until the transaction ends.

    Raises `Again` with the answer of the first time, `KeyReused`, `KeyBusy`, `BadKey`.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not key:
        return
    if len(key) > MOST_CHARACTERS or not (key.isascii() and key.isprintable()):
        raise BadKey(f"Idempotency-Key is 1 to {MOST_CHARACTERS} printable ASCII characters.")
    principal = request.user.pk if request.bearer is None else request.bearer.token_id
    found = Claim(request.organisation.pk, principal, key)
    digest = _digest(request)
    _rows(found).filter(created_at__lt=timezone.now() - ANSWERS_KEPT).delete()
    if _added(found, request.user.pk, digest):
        setattr(request, _CLAIM, found)
        return
    before = _rows(found).first()
    if before is None or before.status is None:
        raise KeyBusy("The first request with this Idempotency-Key was not finished. Send it again.")
    if bytes(before.request_hash) != digest:
        raise KeyReused(
            "This Idempotency-Key came with another request before. Use a new key for a new request, and the same "
            "key only to send the same request again."
        )
    response = HttpResponse(
        bytes(before.content), status=before.status, content_type=before.content_type or None
    )
    response["Idempotency-Replayed"] = "true"
    raise Again(response)


def finish(request: HttpRequest, response: HttpResponse) -> None:
    """Keeps the answer to a claimed request that was done; undoes everything of one that was refused."""
    found = cast("Claim | None", getattr(request, _CLAIM, None))
    if found is None:
        return
    if 200 <= response.status_code < 300:
        _rows(found).update(
            status=response.status_code,
            content_type=response.get("Content-Type", ""),
            content=response.content,
        )
    elif connection.in_atomic_block:
        transaction.set_rollback(True)


def _added(found: Claim, user_id: UUID, digest: bytes) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            made = ApiAnswer.objects.bulk_create(
                [
                    ApiAnswer(
                        organisation_id=found.organisation_id,
                        principal=found.principal,
                        user_id=user_id,
                        key=found.key,
                        request_hash=digest,
                    )
                ],
                ignore_conflicts=True,
            )
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise KeyBusy(
                "The first request with this Idempotency-Key is still being worked on. Send it again in a moment."
            ) from None
        raise
    return _rows(found).filter(pk=made[0].pk).exists()


def _rows(found: Claim) -> QuerySet[ApiAnswer]:
    return ApiAnswer.objects.filter(
        organisation_id=found.organisation_id, principal=found.principal, key=found.key
    )


def _digest(request: HttpRequest) -> bytes:
    start = f"{request.method} {request.get_full_path()}\n{request.content_type}\n".encode()
    return hashlib.sha256(start + request.body).digest()
