"""Requests with an idempotency key: the same one again answers with what was made the first time."""

import hashlib
import json
from collections.abc import Callable
from uuid import UUID

from django.db import connection, transaction

from housecount.invoices import here
from housecount.invoices.errors import Invalid, NotPossible
from housecount.invoices.models import Answered, Document


def once(
    organisation_id: UUID, key: str | None, what: str, asked: object, make: Callable[[], list[Document]]
) -> list[Document]:
    """The documents that `make` makes, or those it made when the same was `asked` with this key before.

    Two requests with one key at the same time wait for each other. Without a key, it is simply made. Raises `Invalid`,
    and `NotPossible` where the key belongs to another request or what was made was thrown away since.
    """
    if key is None:
        return make()
    if not 0 < len(key) <= 100:
        raise Invalid("idempotency_key has 1 to 100 characters.")
    text = json.dumps(asked, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode()).hexdigest()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                [f"housecount.invoices.once {organisation_id} {key}"],
            )
        before = Answered.objects.filter(organisation_id=organisation_id, key=key).first()
        if before is None:
            made = make()
            Answered.objects.create(
                organisation_id=organisation_id,
                key=key,
                what=what,
                digest=digest,
                documents=[str(each.pk) for each in made],
            )
            return made
    if (before.what, before.digest) != (what, digest):
        raise NotPossible("key_reused", f"The idempotency key {key[:40]} belongs to another request.")
    there = Document.objects.filter(
        organisation_id=organisation_id, pk__in=[UUID(each) for each in before.documents]
    ).count()
    if there != len(before.documents):
        raise NotPossible("thrown_away", "What was made with this key was deleted since.")
    return [here.document(each) for each in before.documents]
