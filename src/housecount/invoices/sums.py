"""What documents come to, from the sums that the database keeps as they change (see migration 0007)."""

from uuid import UUID

from django.db import connection
from django.db.models import Count, Sum

from housecount.core.documents import Direction, Kind
from housecount.invoices.models import Sums
from housecount.tenancy.identity import Identity, acting_as

#: From so many rows on, the parts of an organisation are put together.
_ENOUGH = 500
_PUT_TOGETHER = """
    WITH parts AS (DELETE FROM invoices_sums WHERE organisation_id = %(organisation)s RETURNING *)
    INSERT INTO invoices_sums (organisation_id, party_id, direction, currency, kind, state, documents, total, balance)
    SELECT organisation_id, party_id, direction, currency, kind, state, sum(documents), sum(total), sum(balance)
      FROM parts GROUP BY 1, 2, 3, 4, 5, 6
    HAVING sum(documents) <> 0 OR sum(total) <> 0 OR sum(balance) <> 0
"""


def kept_sums(
    organisation_id: UUID,
    *,
    party: UUID | None = None,
    direction: Direction | None = None,
    kind: Kind | None = None,
    state: str | None = None,
) -> list[tuple[str, str, int, int, int]]:
    """Direction, currency, count, total and balance of documents; at a cost of what changed since they were last put
    together, not of how many there are."""
    wanted = {"party_id": party, "direction": direction, "kind": kind, "state": state}
    rows = (
        Sums.objects.filter(
            organisation_id=organisation_id, **{name: value for name, value in wanted.items() if value}
        )
        .order_by("direction", "currency")
        .values_list("direction", "currency")
        .annotate(count=Sum("documents"), whole=Sum("total"), open=Sum("balance"))
    )
    return [
        (str(direction), currency, int(count), int(total), int(balance))
        for direction, currency, count, total, balance in rows
        if count
    ]


def due_now(organisation_id: UUID, _: object) -> list[UUID]:
    """The organisation itself, when its sums lie in many parts; in a transaction of its own."""
    with acting_as(Identity.system(organisation_id)):
        parts = Sums.objects.filter(organisation_id=organisation_id)
        groups = parts.values("party", "direction", "currency", "kind", "state").distinct().count()
        found = parts.aggregate(found=Count("pk"))["found"]
        return [organisation_id] if found - groups >= _ENOUGH else []


def put_together(organisation_id: UUID, _id: UUID, _now: object) -> bool:
    """Put the parts of an organisation's sums together; in a transaction of its own. Whoever reads meanwhile sees them
    either apart or together, and parts that are added meanwhile stay."""
    with acting_as(Identity.system(organisation_id)), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"housecount.invoices.sums {organisation_id}"],
        )
        row = cursor.fetchone()
        if row is None or not row[0]:
            return False
        cursor.execute(_PUT_TOGETHER, {"organisation": organisation_id})
        return True
